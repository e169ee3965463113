using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Diststore.Client;

/// <summary>Reads of keys.</summary>
internal sealed class EntryReads(CallRunner runner, Session? session, TimeSpan readTimeout)
{
    public const string KeyPath = "/v1/kv/";
    public const int MaxKeysAtATime = 1_000;

    public Task<DiststoreEntry?> GetAsync(
        string path, string key, ReadOptions? options, CancellationToken cancellation, string operation = "get", string query = "")
    {
        Call call = new Call(operation, HttpMethod.Get, path + Keys.ToSegment(key) + query, Repeat.Always) { Timeout = options?.Timeout }
            .Asking(options, session);
        return runner.RunAsync<DiststoreEntry?>(call, async (answer, problem, token) => answer.Status switch
        {
            200 => new(await ReadAsync(answer, key, token).ConfigureAwait(false)),
            404 when problem?.Word == DiststoreProblem.NoSuchKey => new(null),
            _ => Understood<DiststoreEntry?>.None,
        }, cancellation);
    }

    public Task<ChangedRead> GetIfChangedAsync(string key, EntryVersion known, ReadOptions? options, CancellationToken cancellation)
    {
        Call call = new Call("get", HttpMethod.Get, KeyPath + Keys.ToSegment(key), Repeat.Always) { Timeout = options?.Timeout }
            .Asking(options, session).With("If-None-Match", known.ToEntityTag());
        return runner.RunAsync<ChangedRead>(call, async (answer, problem, token) => answer.Status switch
        {
            200 => new(new ChangedRead(ChangedStatus.Changed, await ReadAsync(answer, key, token).ConfigureAwait(false))),
            304 => new(new ChangedRead(ChangedStatus.Unchanged, null)),
            404 when problem?.Word == DiststoreProblem.NoSuchKey => new(new ChangedRead(ChangedStatus.NotFound, null)),
            _ => Understood<ChangedRead>.None,
        }, cancellation);
    }

    public Task<EntryInfo?> GetInfoAsync(string key, ReadOptions? options, CancellationToken cancellation)
    {
        Call call = new Call("head", HttpMethod.Head, KeyPath + Keys.ToSegment(key), Repeat.Always) { Timeout = options?.Timeout }.Asking(options, session);
        return runner.RunAsync<EntryInfo?>(call, (answer, _, _) => new(answer.Status switch
        {
            200 => new Understood<EntryInfo?>(Info(answer, key, answer.Length)),
            // An answer to HEAD has no body that could say what is not found; on this route a Diststore node says it of keys alone.
            404 when answer.Node is not null => new Understood<EntryInfo?>(null),
            _ => Understood<EntryInfo?>.None,
        }), cancellation);
    }

    public Task<OpenedEntry?> OpenAsync(string key, ValueRange? range, ReadOptions? options, CancellationToken cancellation)
    {
        Call call = new Call("get", HttpMethod.Get, KeyPath + Keys.ToSegment(key), Repeat.Always) { Timeout = options?.Timeout }
            .Asking(options, session).With("Range", range?.ToHeader()).With("If-Range", range?.OfVersion?.ToEntityTag());
        return runner.RunAsync<OpenedEntry?>(call, async (answer, problem, token) =>
        {
            if (answer.Status is not (200 or 206))
            {
                return problem?.Word == DiststoreProblem.NoSuchKey ? new(null) : Understood<OpenedEntry?>.None;
            }

            Stream content = await answer.OpenAsync(token).ConfigureAwait(false);
            return new(new OpenedEntry(
                Info(answer, key, answer.Length),
                new TimedStream(content, readTimeout, runner.Time),
                answer.Status == 206 ? answer.Range?.From ?? throw new FormatException("206 without Content-Range") : 0,
                answer.Status == 206 ? answer.Range?.Length : answer.Length,
                answer));
        }, cancellation);
    }

    /// <summary>Reads any number of keys, as many at a time as a server takes.</summary>
    public async IAsyncEnumerable<KeyValuePair<string, DiststoreEntry?>> GetManyAsync(
        IEnumerable<string> keys, ReadOptions? options, [EnumeratorCancellation] CancellationToken cancellation)
    {
        foreach (string[] chunk in keys.Chunk(MaxKeysAtATime))
        {
            for (int done = 0; done < chunk.Length;)
            {
                ManyEntries page = await ReadManyAsync(chunk[done..], options, cancellation).ConfigureAwait(false);
                foreach (DiststoreEntry? entry in page.Entries)
                {
                    yield return new(chunk[done++], entry);
                }
            }
        }
    }

    /// <summary>Reads keys of one moment.</summary>
    public async Task<IReadOnlyList<DiststoreEntry?>> GetSnapshotAsync(IReadOnlyList<string> keys, ReadOptions? options, CancellationToken cancellation)
    {
        if (keys.Count > MaxKeysAtATime)
        {
            throw new ArgumentException($"one moment shows at most {MaxKeysAtATime} keys, not {keys.Count}", nameof(keys));
        }

        if (keys.Count == 0)
        {
            return [];
        }

        options = (options ?? new ReadOptions()) with { Consistency = Consistency.Strong };
        ManyEntries page = await ReadManyAsync([.. keys], options, cancellation).ConfigureAwait(false);
        return page.Entries.Count == keys.Count ? page.Entries : throw new DiststoreAnswerException(
            $"the values of these {keys.Count} keys are more than a server shows of one moment; {page.Entries.Count} of them fit");
    }

    private Task<ManyEntries> ReadManyAsync(string[] keys, ReadOptions? options, CancellationToken cancellation)
    {
        Array.ForEach(keys, Keys.Check);
        byte[] body = JsonBodies.Make(json =>
        {
            json.WriteStartArray("keys");
            Array.ForEach(keys, json.WriteStringValue);
            json.WriteEndArray();
        });
        Call call = new Call("get_many", HttpMethod.Post, "/v1/read", Repeat.Always) { Timeout = options?.Timeout, Content = () => JsonBodies.Content(body) }
            .Asking(options, session);
        return runner.RunAsync<ManyEntries>(call, async (answer, _, token) =>
        {
            if (answer.Status != 200)
            {
                return Understood<ManyEntries>.None;
            }

            using JsonDocument json = await answer.ReadJsonAsync(token).ConfigureAwait(false);
            DiststoreEntry?[] entries = [.. json.RootElement.NeededArray("entries")
                .Select(entry => entry.ValueKind == JsonValueKind.Null ? null : entry.Entry(answer.Node, answer.Age))];
            long next = json.RootElement.Number("next") ?? keys.Length;
            return entries.Length == next && entries.Length is > 0 && entries.Length <= keys.Length
                ? new(new ManyEntries(entries))
                : throw new FormatException($"{entries.Length} entries for {keys.Length} keys, and the next is {next}");
        }, cancellation);
    }

    private static async ValueTask<DiststoreEntry?> ReadAsync(Answer answer, string key, CancellationToken cancellation)
    {
        byte[] value = await answer.ReadAsync(cancellation).ConfigureAwait(false);
        return new DiststoreEntry(Info(answer, key, value.Length), value);
    }

    private static EntryInfo Info(Answer answer, string key, long? size) => new()
    {
        Key = key,
        Version = answer.Version,
        ContentType = answer.ContentType ?? "",
        Size = size,
        ExpiresIn = answer.ExpiresIn,
        Age = answer.Age,
        // Somebody on the way may answer as well; who is no node knows nothing.
        Node = answer.Node ?? throw new FormatException($"{(HttpStatusCode)answer.Status} without Diststore-Node"),
    };

    private sealed record ManyEntries(IReadOnlyList<DiststoreEntry?> Entries);
}
