using System.Text.Json;

namespace Diststore.Load;

/// <summary>Stores many numbered entries, reads some of them at random, lists them all.</summary>
internal static class Filling
{
    /// <summary>Stores the entries of the numbers from <c>--from</c> to before <c>--to</c>.</summary>
    public static async Task<int> FillAsync(Arguments arguments)
    {
        int next = arguments.Number("from", 0) - 1, end = arguments.Number("to", 0), bytes = arguments.Number("bytes", 100);
        var connections = new Connections(arguments);
        await connections.RunAsync(async client =>
        {
            PutRequest request = PutRequest.V1(client.Host, bytes);
            for (int number = Interlocked.Increment(ref next); number < end; number = Interlocked.Increment(ref next))
            {
                int status = await client.SendAsync(request.Of((ulong)number));
                if (status is not (201 or 204))
                {
                    connections.Unexpected(status);
                }
            }
        });
        return connections.Report() ? 0 : 1;
    }

    /// <summary>Reads that many entries at random out of the first <c>--of</c> and compares what comes.</summary>
    public static async Task<int> ReadAsync(Arguments arguments)
    {
        int left = arguments.Number("count", 0), of = arguments.Number("of", 0);
        byte[] expected = new byte[arguments.Number("bytes", 100)];
        var connections = new Connections(arguments);
        await connections.RunAsync(async client =>
        {
            byte[] value = (byte[])expected.Clone();
            while (Interlocked.Decrement(ref left) >= 0)
            {
                ulong number = (ulong)Random.Shared.Next(of);
                int status = await client.SendAsync("GET", $"/v1/kv/{NumberedEntry.Key(number)}", []);
                NumberedEntry.WriteValue(number, value);
                if (status != 200)
                {
                    connections.Unexpected(status);
                }
                else if (!client.Body.SequenceEqual(value))
                {
                    throw new InvalidDataException($"{NumberedEntry.Key(number)} came with another value");
                }
            }
        });
        return connections.Report() ? 0 : 1;
    }

    /// <summary>Lists all keys, page by page, and prints how many there are.</summary>
    public static async Task<int> ListAsync(Arguments arguments)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(60) };
        int count = 0;
        string? after = null;
        do
        {
            string target = $"/v1/kv?limit=1000{(after is null ? "" : $"&after={Uri.EscapeDataString(after)}")}";
            using JsonDocument page = JsonDocument.Parse(await client.GetByteArrayAsync(KeyTarget.At(arguments.One("get"), target)));
            count += page.RootElement.GetProperty("keys").GetArrayLength();
            after = page.RootElement.GetProperty("next").GetString();
        }
        while (after is not null);
        Console.WriteLine(count);
        return 0;
    }
}
