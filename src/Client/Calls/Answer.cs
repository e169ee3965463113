using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Diststore.Client;

/// <summary>What is understood of a problem (RFC 9457).</summary>
/// <param name="Word">The last part of its type.</param>
/// <param name="Detail">The sentence beside it.</param>
/// <param name="Body">The whole of it.</param>
internal sealed record Problem(string Word, string? Detail, byte[] Body)
{
    public const string Namespace = "urn:diststore:problem:";
}

/// <summary>An answer is longer than it may be.</summary>
internal sealed class AnswerTooLongException(string message) : IOException(message);

/// <summary>A server's answer, its body still to be read.</summary>
internal sealed class Answer(HttpResponseMessage response, int maxBytes) : IDisposable
{
    private const int MaxProblemBytes = 64 * 1024;
    private const int FirstPieceBytes = 4 * 1024;

    private bool _isKept;

    public int Status { get; } = (int)response.StatusCode;

    public string? Node => Header("Diststore-Node");

    public EntryVersion? Version => EntryVersion.OfEntityTag(Header("ETag"));

    public long? Sequence => Number("Diststore-Sequence");

    public bool IsReplayed => Header("Idempotency-Replayed") == "true";

    public TimeSpan? RetryAfter => Seconds("Retry-After");

    public TimeSpan? Age => Seconds("Age");

    public TimeSpan? ExpiresIn => Seconds("Diststore-Expires-In");

    public string? ContentType => Header("Content-Type");

    public long? Length => response.Content.Headers.ContentLength;

    public ContentRangeHeaderValue? Range => response.Content.Headers.ContentRange;

    /// <summary>The value of the header of this name, if it came; of several the first.</summary>
    public string? Header(string name) =>
        response.Headers.NonValidated.TryGetValues(name, out HeaderStringValues values)
            || response.Content.Headers.NonValidated.TryGetValues(name, out values) ? values.First() : null;

    /// <summary>The body, whole.</summary>
    /// <exception cref="AnswerTooLongException">It is longer than the client takes.</exception>
    public async ValueTask<byte[]> ReadAsync(CancellationToken cancellation)
    {
        (byte[] body, bool isWhole) = await ReadAsync(maxBytes, cancellation).ConfigureAwait(false);
        return isWhole ? body : throw new AnswerTooLongException(
            $"the answer is longer than the {maxBytes} bytes of {nameof(DiststoreClientOptions.MaxAnswerBytes)}; a value can be opened as a stream");
    }

    /// <summary>The body as JSON.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public async ValueTask<JsonDocument> ReadJsonAsync(CancellationToken cancellation) =>
        JsonDocument.Parse(await ReadAsync(cancellation).ConfigureAwait(false));

    /// <summary>What the answer says went wrong: by its type on <c>/v1</c>, by a header on the plain routes; null where it says nothing of the kind.</summary>
    public async ValueTask<Problem?> ReadProblemAsync(CancellationToken cancellation)
    {
        string? word = Header("Diststore-Problem");
        bool isJson = ContentType?.StartsWith(MediaTypes.Problem, StringComparison.OrdinalIgnoreCase) is true;
        if (word is null && !isJson)
        {
            return null;
        }

        (byte[] body, bool isWhole) = await ReadAsync(MaxProblemBytes, cancellation).ConfigureAwait(false);
        if (word is not null)
        {
            return new Problem(word, Encoding.UTF8.GetString(body).TrimEnd(), body);
        }

        return isWhole && body.Length > 0 ? OfJson(body) : null;
    }

    /// <summary>The body as it comes; from here on the caller disposes of the answer.</summary>
    public async ValueTask<Stream> OpenAsync(CancellationToken cancellation)
    {
        Stream stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        _isKept = true;
        return stream;
    }

    /// <summary>Ends the answer, unless its body was opened.</summary>
    public void Release()
    {
        if (!_isKept)
        {
            Dispose();
        }
    }

    public void Dispose() => response.Dispose();

    private static Problem? OfJson(byte[] body)
    {
        using JsonDocument json = JsonDocument.Parse(body);
        string? type = json.RootElement.Text("type");
        return type?.StartsWith(Problem.Namespace, StringComparison.Ordinal) is true
            ? new Problem(type[Problem.Namespace.Length..], json.RootElement.Text("detail"), body)
            : null;
    }

    private async ValueTask<(byte[] Body, bool IsWhole)> ReadAsync(int most, CancellationToken cancellation)
    {
        if (Length > most)
        {
            return ([], false);
        }

        Stream stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        await using var _ = stream.ConfigureAwait(false);
        // One byte more, in which the end is seen.
        byte[] body = new byte[Length is { } length ? length + 1 : FirstPieceBytes];
        for (int filled = 0; ;)
        {
            int read = await stream.ReadAsync(body.AsMemory(filled), cancellation).ConfigureAwait(false);
            filled += read;
            if (read == 0)
            {
                return (body.AsSpan(0, filled).ToArray(), true);
            }

            if (filled > most)
            {
                return ([], false);
            }

            if (filled == body.Length)
            {
                Array.Resize(ref body, (int)Math.Min(2L * body.Length, most + 1L));
            }
        }
    }

    private long? Number(string name) => long.TryParse(Header(name), NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;

    private TimeSpan? Seconds(string name) => Number(name) is { } seconds and < int.MaxValue ? TimeSpan.FromSeconds(seconds) : null;
}
