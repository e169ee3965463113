using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Diststore.SystemTests;

/// <summary>A Redis of the test's own that keeps what it acknowledged: append-only file, an fsync for each write.</summary>
internal sealed class RedisServer : StorageServer
{
    private readonly NetworkNamespace? _network;
    private readonly IPAddress _address;
    private readonly int _port = Ports.Free(1, [IPAddress.Loopback])[0];

    private RedisServer(NetworkNamespace? network)
    {
        _network = network;
        _address = network?.Address ?? IPAddress.Loopback;
    }

    /// <summary>Why a test that needs Redis cannot run here, or <see langword="null"/>.</summary>
    public static string? Missing { get; } =
        Programs.Find("redis-server") is null ? "redis-server is not installed (Debian: apt-get install redis-server)" : null;

    /// <inheritdoc/>
    public override string ConnectionString => $"{_address}:{_port}";

    protected override Keeper Keeper => Keeper.Redis;

    /// <summary>Starts one and waits until it answers.</summary>
    public static async Task<RedisServer> StartAsync(NetworkNamespace? network = null)
    {
        var server = new RedisServer(network);
        await server.RunAsync();
        return server;
    }

    /// <summary>Forgets everything, as a Redis does that lost its disk.</summary>
    public async Task ForgetAsync() => Assert.StartsWith("+OK", await AskAsync("FLUSHALL"), StringComparison.Ordinal);

    /// <summary>It loses the rows of all silos and keeps the membership's version.</summary>
    public async Task ForgetSilosAsync() => Assert.StartsWith(
        ":1",
        await AskAsync(
            "EVAL \"local n = 0; for _, key in ipairs(redis.call('KEYS', '*/members/*')) do for _, field in ipairs(redis.call('HKEYS', key)) do"
            + " if field ~= 'Version' then n = redis.call('HDEL', key, field) end end end return n\" 0"),
        StringComparison.Ordinal);

    /// <summary>Makes a user with a password that may do all but this command.</summary>
    public async Task AddUserAsync(string name, string password, string without) =>
        Assert.StartsWith("+OK", await AskAsync($"ACL SETUSER {name} on >{password} ~* &* +@all -{without}"), StringComparison.Ordinal);

    /// <summary>From now on it syncs its file once a second, and may lose what it has acknowledged.</summary>
    public async Task SyncLaterAsync() => Assert.StartsWith("+OK", await AskAsync("CONFIG SET appendfsync everysec"), StringComparison.Ordinal);

    protected override ChildProcess Start()
    {
        string[] command =
        [
            "redis-server", "--bind", $"{_address}", "--protected-mode", "no", "--port", $"{_port}", "--dir", Directory.Path,
            "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--daemonize", "no",
        ];
        return ChildProcess.Start(Directory.Path, "redis", _network?.Wrap(command) ?? command);
    }

    protected override async Task<string?> PingAsync()
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
        using Socket socket = await NetworkNamespace.ConnectAsync(_network, new IPEndPoint(_address, _port));
        await socket.SendAsync(Encoding.ASCII.GetBytes(command + "\r\n"));
        byte[] answer = new byte[64];
        int length = await socket.ReceiveAsync(answer);
        return Encoding.ASCII.GetString(answer, 0, length);
    }
}
