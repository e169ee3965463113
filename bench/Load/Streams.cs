using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Diststore.Load;

/// <summary>Connections that stay: watchers of the changes, and clients that send next to nothing.</summary>
internal static class Streams
{
    /// <summary>Follows the changes until <c>--deletes</c> deletes under <c>--prefix</c> have come, at most <c>--seconds</c>; prints how many.</summary>
    public static async Task<int> WatchAsync(Arguments arguments)
    {
        int wanted = arguments.Number("deletes", 0), count = 0;
        string start = $"\"key\":\"{arguments.One("prefix")}";
        using var end = new CancellationTokenSource(TimeSpan.FromSeconds(arguments.Number("seconds", 60)));
        var seen = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            using HttpClient client = Volume.Client();
            string since = arguments.One("since");
            using var lines = new StreamReader(await client.GetStreamAsync(KeyTarget.At(arguments.One("get"), $"/v1/changes?since={since}"), end.Token), Encoding.UTF8);
            while (count < wanted && await lines.ReadLineAsync(end.Token) is { } line)
            {
                bool isDelete = line.Contains(start, StringComparison.Ordinal) && line.Contains("\"deleted\":true", StringComparison.Ordinal);
                count += isDelete && seen.Add(line) ? 1 : 0;
            }
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("the time was up");
        }

        Console.WriteLine(count);
        return count == wanted ? 0 : 1;
    }

    /// <summary>Opens <c>--count</c> streams of changes from now on, reads and forgets what comes for <c>--seconds</c>; prints how many were still open.</summary>
    public static async Task<int> OpenAsync(Arguments arguments)
    {
        int open = 0;
        long bytes = 0;
        using var end = new CancellationTokenSource(TimeSpan.FromSeconds(arguments.Number("seconds", 60)));
        var uri = new Uri(arguments.One("get"));
        byte[] request = Encoding.ASCII.GetBytes($"GET /v1/changes?since={arguments.One("since")} HTTP/1.1\r\nHost: {uri.Authority}\r\n\r\n");
        await Task.WhenAll(Enumerable.Range(0, arguments.Number("count", 1000)).Select(async _ =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 64 * 1024 };
            byte[] buffer = new byte[16 * 1024];
            try
            {
                await socket.ConnectAsync(new IPEndPoint(IPAddress.Parse(uri.Host), uri.Port), end.Token);
                await socket.SendAsync(request, end.Token);
                for (int read; (read = await socket.ReceiveAsync(buffer, end.Token)) > 0;)
                {
                    Interlocked.Add(ref bytes, read);
                }
            }
            catch (OperationCanceledException)
            {
                Interlocked.Increment(ref open);
            }
        }));
        Console.WriteLine($"{open} {bytes >> 20}");
        return 0;
    }

    /// <summary>
    /// <c>--count</c> connections that each begin to send <c>--bytes</c> and send <c>--rate</c> bytes a second, for <c>--seconds</c>; prints
    /// how many were still open.
    /// </summary>
    public static async Task<int> TrickleAsync(Arguments arguments)
    {
        int open = 0;
        long began = Stopwatch.GetTimestamp();
        var duration = TimeSpan.FromSeconds(arguments.Number("seconds", 60));
        var uri = new Uri(arguments.One("get"));
        byte[] head = Encoding.ASCII.GetBytes(
            $"POST / HTTP/1.1\r\nHost: {uri.Authority}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            + $"Content-Length: {arguments.Number("bytes", 12_000_000)}\r\n\r\nkey=slow&value=");
        byte[] piece = new byte[arguments.Number("rate", 300)];
        piece.AsSpan().Fill((byte)'v');
        await Task.WhenAll(Enumerable.Range(0, arguments.Number("count", 400)).Select(async _ =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(new IPEndPoint(IPAddress.Parse(uri.Host), uri.Port));
                await socket.SendAsync(head);
                for (; Stopwatch.GetElapsedTime(began) < duration; await Task.Delay(TimeSpan.FromSeconds(1)))
                {
                    await socket.SendAsync(piece);
                }

                Interlocked.Increment(ref open);
            }
            catch (SocketException)
            {
                // Ended by the server, as it may.
            }
        }));
        Console.WriteLine(open);
        return 0;
    }
}
