namespace Diststore.Core;

/// <summary>What a node's decisions depend on. Sizes are bytes.</summary>
public sealed record NodeSettings
{
    /// <summary>The node's name, stable across restarts.</summary>
    public required string Name { get; init; }

    /// <summary>How long a who-has question waits for an answer before the primary is asked.</summary>
    public TimeSpan WhoHasTimeout { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Writes are refused while the in-sync set has fewer members: 1 or 2.</summary>
    public int MinInSync { get; init; } = 1;

    /// <summary>Live bytes of keys and values beyond which the primary refuses to store more; 0 for no limit.</summary>
    public long DataMaxBytes { get; init; }

    /// <summary>Bytes of keys and values beyond which no more local-only entries are stored here.</summary>
    public long LocalMaxBytes { get; init; } = 64L << 20;

    /// <summary>How long a tombstone is remembered.</summary>
    public TimeSpan TombstoneRetention { get; init; } = TimeSpan.FromHours(1);

    /// <summary>For how much longer it is remembered where a learner still syncs from before it; beyond that the learner starts over.</summary>
    public TimeSpan SyncRetention { get; init; } = TimeSpan.FromHours(6);

    /// <summary>How long a request with an Idempotency-Key is remembered at least; longer after the primary has changed.</summary>
    public TimeSpan IdempotencyRetention { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long one master waits for another's answer before it takes it for lost.</summary>
    public TimeSpan ReplyTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The copies' budget.</summary>
    public long CopiesMaxBytes { get; init; } = 256L << 20;

    /// <summary>When a copy ends, counted from when it was kept.</summary>
    public TimeSpan CopiesTimeToLive { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How old a bounded answer may be.</summary>
    public TimeSpan MaxStaleness { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long what a node says of its local-only entries counts: no longer than reads may be old, and however old these may be
    /// not so long that somebody who stores such an entry would have to wait for it.
    /// </summary>
    internal TimeSpan LocalOnlyBound => MaxStaleness < LongestLocalOnlyBound ? MaxStaleness : LongestLocalOnlyBound;

    private static TimeSpan LongestLocalOnlyBound { get; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the registry keeps the place of a master that stopped in an orderly way.</summary>
    public TimeSpan RestartGrace { get; init; }

    /// <summary>Where the node's HTTP API is, for operators.</summary>
    public string? Url { get; init; }

    /// <summary>Which release the node is, for operators.</summary>
    public string? Version { get; init; }

    /// <summary>Authenticates datagrams; empty for none.</summary>
    public ReadOnlyMemory<byte> ClusterKey { get; init; }
}
