using RocksDbSharp;

namespace Diststore.Storage;

/// <summary>How the engine is set up: its memory is bounded whatever the number of keys.</summary>
internal static class EngineOptions
{
    private const ulong MiB = 1 << 20;
    private const ulong WriteBufferBytes = 32 * MiB; // all families together; the largest is flushed when it is reached
    private const ulong MaxLogBytes = 128 * MiB; // bounds what an opening has to replay
    private const int MaxOpenFiles = 512;
    private const double UnflushedBloomRatio = 0.02; // of the family's write buffer
    private const int DeletionWindowRows = 8192;
    private const ulong FilterPartBytes = 8 << 10;
    private const int BloomBitsPerKey = 10; // about one look-up of 100 reads a table in vain

    public static string Name(Family family) => family switch
    {
        Family.Meta => ColumnFamilies.DefaultName,
        Family.Entries => "entries",
        Family.Changes => "changes",
        Family.Pending => "pending",
        Family.Tombstones => "tombstones",
        Family.Local => "local",
        Family.Expiries => "expiries",
        Family.Values => "values",
        _ => throw new ArgumentOutOfRangeException(nameof(family), family, null),
    };

    public static DbOptions Database() => new DbOptions()
        .SetCreateIfMissing(true)
        .SetCreateMissingColumnFamilies(true)
        .SetParanoidChecks(true)
        .SetAllowConcurrentMemtableWrite(false) // one thread writes, and need not be kept from others
        .SetWalRecoveryMode(Recovery.PointInTime) // a torn tail is cut off; the folder's mark tells whether it had been synced
        .SetMaxOpenFiles(MaxOpenFiles)
        .SetMaxTotalWalSize(MaxLogBytes)
        .SetDbWriteBufferSize(WriteBufferBytes)
        .SetMaxBackgroundCompactions(2)
        .SetMaxBackgroundFlushes(1)
        .SetBytesPerSync(MiB)
        .SetInfoLogLevel(InfoLogLevel.Warn)
        .SetMaxLogFileSize(MiB)
        .SetKeepLogFileNum(2)
        .SetStatsDumpPeriodSec(0);

    /// <param name="blockCacheBytes">Memory for blocks.</param>
    /// <param name="only">Only those of these names; all where it is <see langword="null"/>.</param>
    public static ColumnFamilies Families(long blockCacheBytes, IReadOnlyCollection<string>? only = null)
    {
        Cache cache = Cache.CreateLru((ulong)blockCacheBytes);
        var families = new ColumnFamilies(Options(Family.Meta, cache));
        foreach (Family family in Enum.GetValues<Family>().Where(family => family != Family.Meta && only?.Contains(Name(family)) != false))
        {
            families.Add(Name(family), Options(family, cache));
        }

        return families;
    }

    private static ColumnFamilyOptions Options(Family family, Cache cache)
    {
        BlockBasedTableOptions table = new BlockBasedTableOptions()
            .SetBlockCache(cache)
            .SetBlockSize(8 << 10)
            .SetFormatVersion(5)
            .SetFilterPolicy(BloomFilterPolicy.Create(BloomBitsPerKey, false))
            .SetCacheIndexAndFilterBlocks(true)
            .SetPinL0FilterAndIndexBlocksInCache(true)
            .SetIndexType(BlockBasedTableIndexType.TwoLevelIndex);

        // A file's filter grows with its keys, to a megabyte and more, and the cache is split into parts that hold less than that: it would be
        // read and checked as a whole for every look-up. In parts it is cached like any block.
        Native.Instance.rocksdb_block_based_options_set_partition_filters(table.Handle, 1);
        Native.Instance.rocksdb_block_based_options_set_metadata_block_size(table.Handle, FilterPartBytes);
        var options = new ColumnFamilyOptions();
        if (family == Family.Entries)
        {
            // Each write looks for what it replaces, and most find nothing: without this a search of all that is not yet flushed.
            options.SetMemtablePrefixBloomSizeRatio(UnflushedBloomRatio);
            Native.Instance.rocksdb_options_set_memtable_whole_key_filtering(options.Handle, 1);
        }

        // Deleted rows are passed one by one by whoever walks over them: files in which they lie close together are compacted soon.
        Native.Instance.rocksdb_options_add_compact_on_deletion_collector_factory_del_ratio(
            options.Handle, DeletionWindowRows, DeletionWindowRows / 2, deletion_ratio: 0.5);
        return options
            .SetBlockBasedTableFactory(table)
            .SetCompression(family is Family.Pending or Family.Changes ? Compression.No : Compression.Lz4) // soon gone; nothing but keys
            .SetLevelCompactionDynamicLevelBytes(true)
            .SetWriteBufferSize(BufferBytes(family))
            .SetMaxWriteBufferNumber(3);
    }

    // The smaller, the sooner a row's place is found among those not yet flushed. A sync adds to the change index in no order.
    private static ulong BufferBytes(Family family) => family switch
    {
        Family.Entries or Family.Values => 16 * MiB,
        Family.Changes => 4 * MiB,
        _ => 8 * MiB,
    };
}
