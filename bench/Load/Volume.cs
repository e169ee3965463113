using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Diststore.Load;

/// <summary>Much of everything: long keys, large listings, many deletes, many entries that expire at once.</summary>
internal static class Volume
{
    /// <summary>Stores <c>--count</c> keys <c>long/000000000kkk...</c> of <c>--key-bytes</c> bytes.</summary>
    public static Task<int> LongKeysAsync(Arguments arguments)
    {
        int bytes = arguments.Number("key-bytes", 1000);
        return EachAsync(arguments, number => ("PUT", $"/v1/kv/{$"long/{number:000000000}".PadRight(bytes, 'k')}", [1]), 201, 204);
    }

    /// <summary>Stores <c>--count</c> entries <c>large/000000000</c> of <c>--bytes</c> bytes.</summary>
    public static Task<int> LargeAsync(Arguments arguments)
    {
        byte[] value = new byte[arguments.Number("bytes", 4 << 20)];
        NumberedEntry.WriteValue(1, value);
        return EachAsync(arguments, number => ("PUT", $"/v1/kv/large/{number:000000000}", value), 201, 204);
    }

    /// <summary>Deletes the first <c>--count</c> entries that fill stored.</summary>
    public static Task<int> DeleteAsync(Arguments arguments) =>
        EachAsync(arguments, static number => ("DELETE", $"/v1/kv/{NumberedEntry.Key((ulong)number)}", []), 204);

    /// <summary>Stores <c>--count</c> entries <c>mortal/000000000</c> that all expire within a second, <c>--in</c> seconds from now.</summary>
    public static Task<int> ExpireAsync(Arguments arguments)
    {
        long began = Stopwatch.GetTimestamp();
        int seconds = arguments.Number("in", 60);
        return EachAsync(
            arguments,
            number => ("PUT", $"/v1/kv/mortal/{number:000000000}?ttl={Math.Max(1, seconds - (int)Stopwatch.GetElapsedTime(began).TotalSeconds)}", [1]),
            201);
    }

    /// <summary>Reads a node's <c>/list</c> as it comes; prints how many keys start with <c>--prefix</c>.</summary>
    public static async Task<int> NamesAsync(Arguments arguments)
    {
        using HttpClient client = Client();
        using var lines = new StreamReader(await client.GetStreamAsync(new Uri(arguments.One("get"))), Encoding.UTF8);
        string prefix = arguments.One("prefix");
        int count = 0;
        while (await lines.ReadLineAsync() is { } line)
        {
            count += line.StartsWith(prefix, StringComparison.Ordinal) ? 1 : 0;
        }

        Console.WriteLine(count);
        return 0;
    }

    /// <summary>
    /// Lists the keys under <c>--prefix</c> from the first page to the last, <c>--count</c> times, <c>--connections</c> at once, each
    /// answer a 200; prints how many keys each had, or fails where they differ.
    /// </summary>
    public static async Task<int> ListingsAsync(Arguments arguments)
    {
        int left = arguments.Number("count", 50);
        var counts = new HashSet<int>();
        using HttpClient client = Client();
        await Task.WhenAll(Enumerable.Range(0, arguments.Number("connections", 8)).Select(async _ =>
        {
            while (Interlocked.Decrement(ref left) >= 0)
            {
                int count = await CountAsync(client, arguments.One("get"), arguments.One("prefix"));
                lock (counts)
                {
                    counts.Add(count);
                }
            }
        }));
        Console.WriteLine(string.Join(' ', counts));
        return counts.Count == 1 ? 0 : 1;
    }

    /// <summary>A client whose requests are not given up.</summary>
    public static HttpClient Client() =>
        new(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 4096 }) { Timeout = Timeout.InfiniteTimeSpan };

    private static async Task<int> CountAsync(HttpClient client, string url, string prefix)
    {
        int count = 0;
        string? after = null;
        do
        {
            string target = $"/v1/kv?limit=1000&prefix={Uri.EscapeDataString(prefix)}{(after is null ? "" : $"&after={Uri.EscapeDataString(after)}")}";
            using JsonDocument page = JsonDocument.Parse(await client.GetByteArrayAsync(KeyTarget.At(url, target)));
            count += page.RootElement.GetProperty("keys").GetArrayLength();
            after = page.RootElement.GetProperty("next").GetString();
        }
        while (after is not null);
        return count;
    }

    private static async Task<int> EachAsync(Arguments arguments, Func<int, (string Method, string Target, byte[] Body)> request, params int[] expected)
    {
        int next = -1, count = arguments.Number("count", 0);
        var connections = new Connections(arguments);
        await connections.RunAsync(async client =>
        {
            for (int number = Interlocked.Increment(ref next); number < count; number = Interlocked.Increment(ref next))
            {
                (string method, string target, byte[] body) = request(number);
                int status = await client.SendAsync(method, target, body);
                if (!expected.Contains(status))
                {
                    connections.Unexpected(status);
                }
            }
        });
        return connections.Report() ? 0 : 1;
    }
}
