using System.Net;

namespace Diststore.SystemTests;

/// <summary>A PostgreSQL of the test's own, on a folder of its own, as it comes: synced, with a password.</summary>
internal sealed class PostgresServer : StorageServer
{
    /// <summary>A word that nothing may print.</summary>
    public const string Password = "hush-hush";

    private const string User = "keeper";
    private static readonly string? Programs = FindPrograms();

    private readonly NetworkNamespace? _network;
    private readonly int _port = Ports.Free(1, [IPAddress.Loopback])[0];

    private PostgresServer(NetworkNamespace? network) => _network = network;

    /// <summary>Why a test that needs PostgreSQL cannot run here, or <see langword="null"/>.</summary>
    public static string? Missing { get; } =
        Programs is null ? "PostgreSQL is not installed (Debian: apt-get install postgresql)" : null;

    /// <inheritdoc/>
    public override string ConnectionString => ConnectionStringOf("postgres", User, Password);

    protected override Keeper Keeper => Keeper.PostgreSql;

    // initdb makes the last folder by itself, and it has to be able to.
    private string Data => Path.Combine(Directory.Path, "postgres", "data");

    /// <summary>Starts one and waits until it answers.</summary>
    public static async Task<PostgresServer> StartAsync(NetworkNamespace? network = null)
    {
        var server = new PostgresServer(network);
        await server.MakeDataAsync();
        await server.RunAsync();
        return server;
    }

    /// <summary>What the setting takes for another database or user of this server.</summary>
    public string ConnectionStringOf(string database, string user, string password) =>
        $"Host=127.0.0.1;Port={_port};Database={database};Username={user};Password={password}";

    /// <summary>Runs SQL as the server's owner; gives what it printed, fields separated by bars.</summary>
    public Task<string> AskAsync(string sql, string database = "postgres") => CallAsync(
        "psql", "--no-psqlrc", "-At", "-v", "ON_ERROR_STOP=1", "-c", sql, $"postgresql://{User}:{Password}@127.0.0.1:{_port}/{database}");

    /// <inheritdoc/>
    public override void Dispose()
    {
        // A server that is killed leaves its children for a moment, who write to the folder that is about to go.
        StopAsync().GetAwaiter().GetResult();
        base.Dispose();
    }

    protected override ChildProcess Start() => StartProgram(
        "postgres", "-D", Data, "-p", $"{_port}", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=");

    protected override async Task<string?> PingAsync()
    {
        using ChildProcess ready = StartProgram("pg_isready", "-h", "127.0.0.1", "-p", $"{_port}");
        return await ready.WaitForExitAsync(Eventually.Patience) == 0 ? null : ready.Tail(1);
    }

    private async Task MakeDataAsync()
    {
        string passwords = Path.Combine(Directory.Path, "password");
        await File.WriteAllTextAsync(passwords, Password);
        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(Data)!);
        using ChildProcess opened = ChildProcess.Start(Directory.Path, "chmod", ["chmod", "-R", "a+rwx", Directory.Path]);
        Assert.Equal(0, await opened.WaitForExitAsync(Eventually.Patience));
        await CallAsync("initdb", "-D", Data, "--username", User, "--pwfile", passwords, "--auth", "scram-sha-256", "--no-sync");
    }

    private async Task<string> CallAsync(string program, params string[] arguments)
    {
        using ChildProcess process = StartProgram(program, arguments);
        int exit = await process.WaitForExitAsync(Eventually.Patience);
        Assert.True(exit == 0, $"{program} ended with {exit}; it said:\n{process.Tail()}");
        return process.Output.Trim();
    }

    // It refuses to run as root, and then runs as nobody.
    private ChildProcess StartProgram(string program, params string[] arguments)
    {
        string[] user = Environment.UserName == "root" ? ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] : [];
        string[] command = [.. user, Path.Combine(Programs!, program), .. arguments];
        return ChildProcess.Start(Directory.Path, $"{program}-{Guid.NewGuid():N}", _network?.Wrap(command) ?? command);
    }

    // Debian keeps them out of the path, in a folder for each version.
    private static string? FindPrograms()
    {
        const string Versions = "/usr/lib/postgresql";
        string[] versions = System.IO.Directory.Exists(Versions) ? System.IO.Directory.GetDirectories(Versions) : [];
        return versions.Select(static version => Path.Combine(version, "bin"))
            .Append(Path.GetDirectoryName(SystemTests.Programs.Find("initdb")) ?? "")
            .FirstOrDefault(static folder => File.Exists(Path.Combine(folder, "initdb")));
    }
}
