namespace Diststore.SystemTests;

/// <summary>What keeps a cluster's membership and its masters' view.</summary>
public enum Keeper
{
    /// <summary>The first node's memory.</summary>
    Node,

    /// <summary>A Redis of the cluster's own.</summary>
    Redis,

    /// <summary>A PostgreSQL of the cluster's own.</summary>
    PostgreSql,
}

/// <summary>A server of the test's own that keeps what it acknowledged, also over a stop.</summary>
internal abstract class StorageServer : IDisposable
{
    private ChildProcess? _process;

    /// <summary>The settings that name it, below <c>Diststore:</c>.</summary>
    public string[] Settings => [$"Cluster:Provider={Keeper}", $"Cluster:ConnectionString={ConnectionString}"];

    /// <summary>What the setting Cluster:ConnectionString takes.</summary>
    public abstract string ConnectionString { get; }

    protected abstract Keeper Keeper { get; }

    /// <summary>The folder that is its own.</summary>
    protected TempDirectory Directory { get; } = new();

    /// <summary>Why a test that needs it cannot run here, or <see langword="null"/>.</summary>
    public static string? WhyMissing(Keeper keeper) => keeper switch
    {
        Keeper.Redis => RedisServer.Missing,
        Keeper.PostgreSql => PostgresServer.Missing,
        _ => null,
    };

    /// <summary>Starts one and waits until it answers; <see langword="null"/> where none is needed.</summary>
    public static async Task<StorageServer?> StartAsync(Keeper keeper, NetworkNamespace? network) => keeper switch
    {
        Keeper.Redis => await RedisServer.StartAsync(network),
        Keeper.PostgreSql => await PostgresServer.StartAsync(network),
        _ => null,
    };

    /// <summary>Stops it; whoever asks it is refused.</summary>
    public async Task StopAsync()
    {
        _process!.Interrupt();
        await _process.WaitForExitAsync(Eventually.Patience);
    }

    /// <summary>Starts it, for the first time or again, and waits until it answers.</summary>
    public async Task RunAsync()
    {
        _process?.Dispose();
        _process = Start();
        await Eventually.TrueAsync(PingAsync, Eventually.Patience, () => _process.Tail());
    }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        _process?.Dispose();
        Directory.Dispose();
    }

    protected abstract ChildProcess Start();

    /// <summary>What is wrong with its answer, or <see langword="null"/>.</summary>
    protected abstract Task<string?> PingAsync();
}
