using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Diststore.Client;

/// <summary>A page of a listing.</summary>
/// <param name="Entries">What is on it.</param>
/// <param name="Next">After which key the listing goes on; null at its end.</param>
/// <param name="Id">The point that it shows, to follow what happens after it.</param>
internal sealed record ListPage<T>(IReadOnlyList<T> Entries, string? Next, string Id);

/// <summary>Listings of the masters' keys.</summary>
internal sealed class Listings(CallRunner runner, Session? session)
{
    public IAsyncEnumerable<EntryInfo> ListAsync(string prefix, ListOptions? options, CancellationToken cancellation) =>
        AllAsync(prefix, options, "", static (entry, node) => entry.Info(node), cancellation);

    public IAsyncEnumerable<DiststoreEntry> ListEntriesAsync(string prefix, ListOptions? options, CancellationToken cancellation) =>
        AllAsync(prefix, options, "&values=true", static (entry, node) => entry.Entry(node), cancellation);

    /// <summary>One page with values.</summary>
    public Task<ListPage<DiststoreEntry>> PageAsync(string prefix, string? after, ListOptions? options, CancellationToken cancellation) =>
        PageAsync(prefix, after, options, "&values=true", static (entry, node) => entry.Entry(node), cancellation);

    public async Task<KeyCount> CountAsync(string prefix, ReadOptions? options, CancellationToken cancellation)
    {
        Keys.CheckPrefix(prefix);
        var sum = new KeyCount(0, 0);
        for (string? after = null; ;)
        {
            Call call = new Call("count", HttpMethod.Get, $"/v1/kv?count=true{Range(prefix, after)}", Repeat.Always) { Timeout = options?.Timeout }
                .Asking(options, session);
            (KeyCount some, string? next) = await runner.RunAsync<(KeyCount, string?)>(call, async (answer, _, token) =>
            {
                if (answer.Status != 200)
                {
                    return Understood<(KeyCount, string?)>.None;
                }

                using JsonDocument json = await answer.ReadJsonAsync(token).ConfigureAwait(false);
                JsonElement root = json.RootElement;
                return new((new KeyCount(root.NeededNumber("count"), root.NeededNumber("bytes")), Next(root, after)));
            }, cancellation).ConfigureAwait(false);
            sum = new KeyCount(sum.Keys + some.Keys, sum.Bytes + some.Bytes);
            if (next is null)
            {
                return sum;
            }

            after = next;
        }
    }

    private static string Range(string prefix, string? after) =>
        (prefix.Length > 0 ? $"&prefix={Keys.Escape(prefix)}" : "") + (after is null ? "" : $"&after={Keys.Escape(after)}");

    // A server that does not move on would have it asked for ever.
    private static string? Next(JsonElement page, string? after) =>
        page.Text("next") is { } next && next == after ? throw new FormatException($"the page after '{after}' ends with it") : page.Text("next");

    private async IAsyncEnumerable<T> AllAsync<T>(
        string prefix, ListOptions? options, string shows, Func<JsonElement, string?, T> read, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string? after = options?.After;
        do
        {
            ListPage<T> page = await PageAsync(prefix, after, options, shows, read, cancellation).ConfigureAwait(false);
            foreach (T entry in page.Entries)
            {
                yield return entry;
            }

            after = page.Next;
        }
        while (after is not null);
    }

    private Task<ListPage<T>> PageAsync<T>(
        string prefix, string? after, ListOptions? options, string shows, Func<JsonElement, string?, T> read, CancellationToken cancellation)
    {
        Keys.CheckPrefix(prefix);
        int limit = options?.PageSize ?? ListOptions.MaxPageSize;
        if (limit is < 1 or > ListOptions.MaxPageSize)
        {
            throw new ArgumentException($"a page has 1 to {ListOptions.MaxPageSize} keys, not {limit}", nameof(options));
        }

        ReadOptions? freshness = options?.Consistency == Consistency.Strong ? ReadOptions.Strong : null;
        Call call = new Call("list", HttpMethod.Get, $"/v1/kv?limit={limit}{shows}{Range(prefix, after)}", Repeat.Always) { Timeout = options?.Timeout }
            .Asking(freshness, session);
        return runner.RunAsync<ListPage<T>>(call, async (answer, _, token) =>
        {
            if (answer.Status != 200)
            {
                return Understood<ListPage<T>>.None;
            }

            using JsonDocument json = await answer.ReadJsonAsync(token).ConfigureAwait(false);
            JsonElement root = json.RootElement;
            T[] entries = [.. root.NeededArray("keys").Select(entry => read(entry, answer.Node))];
            return new(new ListPage<T>(entries, Next(root, after), root.NeededText("id")));
        }, cancellation);
    }
}
