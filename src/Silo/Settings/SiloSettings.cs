using System.Net;
using System.Text;
using Diststore.Core;
using Diststore.Settings;

namespace Diststore.Silo;

/// <summary>How nodes find each other and where the registry keeps its view.</summary>
internal enum ClusterProvider
{
    /// <summary>All nodes are in this process.</summary>
    Single,

    /// <summary>One node keeps the membership in memory; the cluster ends with it. For trials.</summary>
    Development,

    /// <summary>Membership and view are in Redis.</summary>
    Redis,

    /// <summary>Membership and view are in PostgreSQL.</summary>
    PostgreSql,
}

/// <summary>What a node's data outlives.</summary>
internal enum DataDurability
{
    /// <summary>The process and a loss of power: it is on disk and synced before a write is answered.</summary>
    Fsync,

    /// <summary>Nothing: it ends with the process.</summary>
    Memory,
}

/// <summary>One node's settings, as <see cref="SettingsTable"/> names them; already checked.</summary>
internal sealed record SiloSettings : CommonSettings
{
    private const string DataFolder = "data"; // below where the process was started

    public SiloSettings() => HttpPort = 8181;

    public int SiloPort { get; set; } = 11111;

    public int GatewayPort { get; set; } = 30000;

    public ClusterProvider Provider { get; set; }

    /// <summary>Host and port of the silo that keeps the membership with <see cref="ClusterProvider.Development"/>.</summary>
    public string? Primary { get; set; }

    /// <summary>The folder of the data; <see langword="null"/> for the default, until <see cref="Nodes"/> has made it whole.</summary>
    public string? DataPath { get; set; }

    public DataDurability Durability { get; set; } = DataDurability.Fsync;

    /// <summary>Keys and values that the masters may hold; 0 for no limit.</summary>
    public long DataMaxBytes { get; set; }

    /// <summary>Keys and values that this node may hold local-only.</summary>
    public long LocalMaxBytes { get; set; } = 64L << 20;

    public long DataCacheBytes { get; set; } = 64L << 20;

    public bool MulticastEnabled { get; set; } = true;

    public IPAddress MulticastGroup { get; set; } = new([239, 192, 74, 1]);

    public int MulticastPort { get; set; } = 4983;

    public TimeSpan WhoHasTimeout { get; set; } = TimeSpan.FromMilliseconds(100);

    public int MinInSync { get; set; } = 1;

    public TimeSpan TombstoneRetention { get; set; } = TimeSpan.FromHours(1);

    public TimeSpan SyncRetention { get; set; } = TimeSpan.FromHours(6);

    public TimeSpan IdempotencyRetention { get; set; } = TimeSpan.FromMinutes(10);

    public TimeSpan RestartGrace { get; set; }

    public TimeSpan ReplyTimeout { get; set; } = TimeSpan.FromSeconds(1);

    public string? ClusterKey { get; set; }

    public bool AllowInsecure { get; set; }

    /// <summary>The part that Core decides by.</summary>
    public NodeSettings ToNodeSettings() => new()
    {
        Name = NodeName,
        WhoHasTimeout = WhoHasTimeout,
        MinInSync = MinInSync,
        DataMaxBytes = DataMaxBytes,
        LocalMaxBytes = LocalMaxBytes,
        TombstoneRetention = TombstoneRetention,
        SyncRetention = SyncRetention,
        ReplyTimeout = ReplyTimeout,
        IdempotencyRetention = IdempotencyRetention,
        RestartGrace = RestartGrace,
        Url = $"http://{new IPEndPoint(Address, HttpPort)}",
        Version = typeof(SiloSettings).Assembly.GetName().Version?.ToString(3),
        CopiesMaxBytes = CopiesMaxBytes,
        CopiesTimeToLive = CopiesTimeToLive,
        MaxStaleness = MaxStaleness,
        ClusterKey = Encoding.UTF8.GetBytes(ClusterKey ?? ""),
    };

    /// <summary>
    /// The settings of the nodes of one process: these alone, or <paramref name="count"/> of them with names and ports
    /// counted up and a folder each below the one that was given.
    /// </summary>
    public IReadOnlyList<SiloSettings> Nodes(int? count) => count is null
        ? [this with { DataPath = Path.GetFullPath(DataPath ?? Path.Combine(DataFolder, NodeName)) }]
        : [.. Enumerable.Range(0, count.Value).Select(i => this with
        {
            NodeName = $"node-{i + 1}",
            HttpPort = HttpPort + i,
            SiloPort = SiloPort + i,
            GatewayPort = GatewayPort + i,
            DataPath = Path.GetFullPath(Path.Combine(DataPath ?? DataFolder, $"node-{i + 1}")),
        })];
}
