using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Storage;

/// <summary>How a <see cref="RocksStore"/> is opened.</summary>
public sealed record RocksStoreOptions
{
    /// <summary>The folder. It is made if it is not there; one process at a time may have it open.</summary>
    public required string Path { get; init; }

    /// <summary>Which cluster the content belongs to; a store made for another one is not opened.</summary>
    public required string ClusterId { get; init; }

    /// <summary>Dates the tombstones that come by syncing.</summary>
    public required TimeProvider TimeProvider { get; init; }

    /// <summary>The node's name, the tag of its counters.</summary>
    public string NodeName { get; init; } = "";

    /// <summary>
    /// Bytes for what is kept in memory of what lies on disk, at least 1 MiB: a third for hot entries, the rest for blocks
    /// of the table files, their indexes and filters among them. More makes reads faster; nothing else grows with the keys.
    /// </summary>
    public long CacheBytes { get; init; } = 64L << 20;

    /// <summary>Where opening, failing and closing is told.</summary>
    public ILogger<RocksStore> Logger { get; init; } = NullLogger<RocksStore>.Instance;

    internal long HotBytes => CacheBytes / 3;

    internal long BlockBytes => CacheBytes - HotBytes;

    internal void Check()
    {
        ArgumentException.ThrowIfNullOrEmpty(Path);
        ArgumentException.ThrowIfNullOrEmpty(ClusterId);
        ArgumentOutOfRangeException.ThrowIfLessThan(CacheBytes, 1L << 20);
    }
}
