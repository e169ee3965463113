using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Diststore.SystemTests;

/// <summary>A Redis of the test's own that keeps what it acknowledged: append-only file, an fsync for each write.</summary>
internal sealed class RedisServer : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly NetworkNamespace? _network;
    private readonly ChildProcess _process;

    private RedisServer(NetworkNamespace? network)
    {
        _network = network;
        Port = Ports.Free(1, [IPAddress.Loopback])[0];
        string[] command =
        [
            "redis-server", "--bind", "127.0.0.1", "--port", $"{Port}", "--dir", _directory.Path,
            "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--daemonize", "no",
        ];
        _process = ChildProcess.Start(_directory.Path, "redis", network?.Wrap(command) ?? command);
    }

    /// <summary>Why a test that needs Redis cannot run here, or <see langword="null"/>.</summary>
    public static string? Missing { get; } =
        Programs.Find("redis-server") is null ? "redis-server is not installed (Debian: apt-get install redis-server)" : null;

    /// <summary>The port on 127.0.0.1.</summary>
    public int Port { get; }

    /// <summary>What the setting Cluster:ConnectionString takes.</summary>
    public string ConnectionString => $"127.0.0.1:{Port}";

    /// <summary>Starts one and waits until it answers.</summary>
    public static async Task<RedisServer> StartAsync(NetworkNamespace? network = null)
    {
        var server = new RedisServer(network);
        await Eventually.TrueAsync(server.PingAsync, Eventually.Patience, () => server._process.Tail());
        return server;
    }

    /// <summary>Forgets everything, as a Redis does that lost its disk.</summary>
    public async Task ForgetAsync() => Assert.StartsWith("+OK", await AskAsync("FLUSHALL"), StringComparison.Ordinal);

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.Dispose();
        _directory.Dispose();
    }

    private async Task<string?> PingAsync()
    {
        try
        {
            string text = await AskAsync("PING");
            return text.StartsWith("+PONG", StringComparison.Ordinal) ? null : text;
        }
        catch (SocketException e)
        {
            return e.Message;
        }
    }

    private async Task<string> AskAsync(string command)
    {
        using Socket socket = await NetworkNamespace.ConnectAsync(_network, new IPEndPoint(IPAddress.Loopback, Port));
        await socket.SendAsync(Encoding.ASCII.GetBytes(command + "\r\n"));
        byte[] answer = new byte[64];
        int length = await socket.ReceiveAsync(answer);
        return Encoding.ASCII.GetString(answer, 0, length);
    }
}
