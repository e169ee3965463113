using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;

namespace Diststore.Client;

/// <summary>
/// What one node holds, and entries that live on it alone. A write of these is never sent twice: once it may have been on its way, its outcome is
/// told as it is.
/// </summary>
public sealed class NodeOperations
{
    // Keys are at most 1,024 bytes, of which each may take three on a line.
    private const int MaxLineBytes = 4 * 1024;

    private readonly CallRunner _runner;
    private readonly EntryReads _reads;
    private readonly TimeSpan _readTimeout;
    private readonly string _query;

    internal NodeOperations(CallRunner runner, EntryReads reads, TimeSpan readTimeout, string? node)
    {
        _runner = runner;
        _reads = reads;
        _readTimeout = readTimeout;
        _query = node is null ? "" : $"?node={Keys.Escape(node)}";
    }

    /// <summary>The value if the node holds it as a master, as a copy, or local-only; null if not.</summary>
    /// <exception cref="DiststoreException">The node does not answer, or nobody has the name.</exception>
    public Task<DiststoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default) =>
        _reads.GetAsync("/getlocal/", key, null, cancellationToken, "get_local", _query);

    /// <summary>Stores bytes on this node alone, never copied; any node finds them with <see cref="DiststoreClient.GetAnywhereAsync"/> afterwards.</summary>
    /// <exception cref="DiststoreOutcomeUnknownException">The node may or may not have it.</exception>
    public Task PutAsync(string key, ReadOnlyMemory<byte> value, string? contentType = null, CancellationToken cancellationToken = default)
    {
        MediaTypeHeaderValue type = MediaTypeHeaderValue.Parse(contentType ?? MediaTypes.Bytes);
        var call = new Call("put_local", HttpMethod.Post, $"/local/{Keys.ToSegment(key)}{_query}", Repeat.IfNotSent)
        {
            Content = () => new ReadOnlyMemoryContent(value) { Headers = { ContentType = type } },
        };
        return _runner.RunAsync<bool>(
            call, static (answer, _, _) => new(
                answer is { Status: 200, Node: not null } ? new Understood<bool>(true) : Understood<bool>.None), cancellationToken);
    }

    /// <summary>Stores a text on this node alone.</summary>
    /// <exception cref="DiststoreOutcomeUnknownException">The node may or may not have it.</exception>
    public Task PutAsync(string key, string text, string? contentType = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return PutAsync(key, Encoding.UTF8.GetBytes(text), contentType ?? MediaTypes.Text, cancellationToken);
    }

    /// <summary>Takes a local-only entry back.</summary>
    /// <returns>Whether the node had it.</returns>
    /// <exception cref="DiststoreOutcomeUnknownException">The node may or may not have it still.</exception>
    public Task<bool> DeleteAsync(string key, CancellationToken cancellationToken = default) => _runner.RunAsync<bool>(
        new Call("delete_local", HttpMethod.Delete, $"/local/{Keys.ToSegment(key)}{_query}", Repeat.IfNotSent),
        static (answer, problem, _) => new(
            answer is { Status: 204, Node: not null } ? new Understood<bool>(true)
            : problem?.Word == DiststoreProblem.NoSuchKey ? new Understood<bool>(false) : Understood<bool>.None),
        cancellationToken);

    /// <summary>The node's keys in order, as they come. One that breaks off ends with an exception, never like a whole one.</summary>
    /// <exception cref="DiststoreException">The node does not answer, nobody has the name, or the answer broke off.</exception>
    public async IAsyncEnumerable<string> ListKeysAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        Answer? listing = null;
        Stream stream = await _runner.RunAsync<Stream>(new Call("list_local", HttpMethod.Get, $"/list{_query}", Repeat.Always), async (answer, _, token) =>
        {
            listing = answer;
            return answer.Status != 200 ? Understood<Stream>.None
                : new(new TimedStream(await answer.OpenAsync(token).ConfigureAwait(false), _readTimeout, _runner.Time));
        }, cancellationToken).ConfigureAwait(false);
        using Answer? ended = listing;
        await using var _ = stream.ConfigureAwait(false);
        var lines = new LineReader(stream, MaxLineBytes);
        while (await NextAsync(lines, cancellationToken).ConfigureAwait(false) is { } line)
        {
            yield return line;
        }
    }

    private static async ValueTask<string?> NextAsync(LineReader lines, CancellationToken cancellation)
    {
        try
        {
            // Ends of lines within keys come as %0A and %0D, and % as %25; nothing else is encoded.
            return await lines.ReadAsync(cancellation).ConfigureAwait(false) is { } line ? Uri.UnescapeDataString(Encoding.UTF8.GetString(line.Span)) : null;
        }
        catch (IOException e)
        {
            throw new DiststoreUnavailableException($"the listing broke off: {e.Message}", e);
        }
    }
}
