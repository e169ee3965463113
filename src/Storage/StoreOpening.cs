using System.Collections.Immutable;
using RocksDbSharp;

namespace Diststore.Storage;

/// <summary>What was found at opening.</summary>
internal sealed record OpenedStore(Guid Id, StoreState State);

/// <summary>
/// How a store is opened: first for reading only, which changes nothing, to see whether it is ours, whole and readable;
/// then for writing, which has the engine replay its log into table files.
/// </summary>
internal static class StoreOpening
{
    /// <summary>Whether a store is to be made here; throws when the one that is there must not be opened.</summary>
    public static bool CheckFolder(RocksStoreOptions options, Folder folder)
    {
        string path = options.Path;
        if (folder.Damage is { } damage)
        {
            throw Damaged(path, $"an earlier start found it damaged ({damage})");
        }

        if (folder.IsRestoring)
        {
            throw new StoreOpenException(
                StoreOpenProblem.Unusable, $"restoring a backup into the data folder {path} has not ended; it is to be restored again");
        }

        if (!folder.HasStore)
        {
            return folder.HasTraces ? throw Damaged(path, "its file CURRENT is missing") : true;
        }

        long mark = ReadMark(path, folder);
        if (mark == 0 && !HasAllFamilies(path))
        {
            return true; // whoever made it ended before it had made it all
        }

        using RocksDb db = OpenEngine(options, isReadOnly: true);
        long sequence = (long)db.GetLatestSequenceNumber();
        byte[]? identity = Read(path, () => db.Get(MetaRows.Identity, db.GetColumnFamily(EngineOptions.Name(Family.Meta))));
        if (identity is null)
        {
            // Whoever made it ended before it wrote who it is.
            return sequence == 0 && mark == 0 ? true : throw Damaged(path, "it does not say whose it is, as when a restoring was interrupted");
        }

        int format = Read(path, () => MetaRows.ReadFormat(identity));
        if (format > MetaRows.Format)
        {
            throw new StoreOpenException(
                StoreOpenProblem.NewerFormat,
                $"the data folder {path} was written by a newer release (format {format}, this one reads up to {MetaRows.Format})");
        }

        string cluster = Read(path, () => MetaRows.ReadIdentity(identity)).ClusterId;
        if (cluster != options.ClusterId)
        {
            throw new StoreOpenException(
                StoreOpenProblem.OtherCluster, $"the data folder {path} belongs to the cluster '{cluster}', not to '{options.ClusterId}'");
        }

        return sequence >= mark
            ? false
            : throw new StoreOpenException(
                StoreOpenProblem.Truncated,
                $"the log in the data folder {path} was cut off: it ends at write {sequence} but reached write {mark}; "
                + "wipe the folder if another node holds the data, or restore a backup");
    }

    /// <summary>Opens for writing; makes the store if it is new.</summary>
    public static (RocksDb Db, OpenedStore Opened) Open(RocksStoreOptions options, bool isNew)
    {
        RocksDb db = OpenEngine(options, isReadOnly: false);
        try
        {
            byte[]? identity = Read(options.Path, () => db.Get(MetaRows.Identity, db.GetColumnFamily(EngineOptions.Name(Family.Meta))));
            if (isNew || Read(options.Path, () => MetaRows.ReadFormat(identity)) < MetaRows.Format)
            {
                // From now on an older release must not open it.
                Guid id = isNew ? Guid.NewGuid() : Read(options.Path, () => MetaRows.ReadIdentity(identity)).StoreId;
                using var batch = new WriteBatch();
                MetaRows.WriteIdentity((name, row) => batch.Put(name, row), options.ClusterId, id);
                Read(options.Path, () =>
                {
                    db.Write(batch, new WriteOptions().SetSync(true));
                    return true;
                });
            }

            return (db, Read(options.Path, () => Load(db)));
        }
        catch (Exception)
        {
            db.Dispose();
            throw;
        }
    }

    private static OpenedStore Load(RocksDb db)
    {
        ColumnFamilyHandle meta = db.GetColumnFamily(EngineOptions.Name(Family.Meta));
        ReadOptions options = new ReadOptions().SetVerifyChecksums(true);
        Guid id = MetaRows.ReadIdentity(db.Get(MetaRows.Identity, meta, options)).StoreId;
        StoreState state = MetaRows.Read(name => db.Get(name, meta, options));
        ImmutableList<Batch>.Builder pending = ImmutableList.CreateBuilder<Batch>();
        using Iterator rows = db.NewIterator(db.GetColumnFamily(EngineOptions.Name(Family.Pending)), options);
        for (rows.SeekToFirst(); rows.Valid(); rows.Next())
        {
            pending.Add(Rows.ReadBatch(rows.GetValueSpan()));
        }

        ThrowIfBroken(rows);
        if (state is { LocalEntries: > 0, LocalBytes: 0 })
        {
            // Written by a release that did not count them: each has a key of at least one byte.
            state = state with { LocalBytes = CountLocalBytes(db, options) };
        }

        LogPoint last = state.Applied;
        foreach (Batch batch in pending)
        {
            last = batch.Before == last ? batch.Last : throw new InvalidDataException($"the pending batch {batch.Last} does not follow {last}");
        }

        return new OpenedStore(id, state with { Pending = pending.ToImmutable() });
    }

    private static long CountLocalBytes(RocksDb db, ReadOptions options)
    {
        long bytes = 0;
        using Iterator rows = db.NewIterator(db.GetColumnFamily(EngineOptions.Name(Family.Local)), options);
        for (rows.SeekToFirst(); rows.Valid(); rows.Next())
        {
            bytes += Rows.ReadStored(rows.GetKeySpan().Length, rows.GetValueSpan()).LiveBytes;
        }

        ThrowIfBroken(rows);
        return bytes;
    }

    // An iterator ends silently where it cannot go on.
    private static void ThrowIfBroken(Iterator rows)
    {
        Native.Instance.rocksdb_iter_get_error(rows.Handle, out nint error);
        if (error != 0)
        {
            throw new RocksDbException(error);
        }
    }

    private static RocksDb OpenEngine(RocksStoreOptions options, bool isReadOnly)
    {
        try
        {
            // For reading only those that are there are opened: a store of an older format lacks some.
            DbOptions database = EngineOptions.Database();
            return isReadOnly
                ? RocksDb.OpenReadOnly(database, options.Path, EngineOptions.Families(options.BlockBytes, FamiliesOf(options.Path)), false)
                : RocksDb.Open(database, options.Path, EngineOptions.Families(options.BlockBytes));
        }
        catch (RocksDbException e)
        {
            throw Translate(options.Path, e);
        }
    }

    private static bool HasAllFamilies(string path)
    {
        // A store of the first format is whole without the one that came later.
        string[] families = Read(path, () => FamiliesOf(path));
        return Enum.GetValues<Family>().All(family => family == Family.Values || families.Contains(EngineOptions.Name(family)));
    }

    private static string[] FamiliesOf(string path) => [.. RocksDb.ListColumnFamilies(EngineOptions.Database(), path)];

    private static long ReadMark(string path, Folder folder)
    {
        try
        {
            return folder.ReadMark();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreOpenException(StoreOpenProblem.Unusable, $"the data folder {path} cannot be read: {e.Message}", e);
        }
    }

    private static T Read<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (RocksDbException e)
        {
            throw Translate(path, e);
        }
        catch (Exception e) when (e is ArgumentException or InvalidDataException or OverflowException)
        {
            throw Damaged(path, e.Message, e);
        }
    }

    private static StoreOpenException Translate(string path, RocksDbException e) =>
        IsLocked(e.Message)
            ? new StoreOpenException(StoreOpenProblem.InUse, $"the data folder {path} is in use by another process", e)
            : IsDamage(e.Message)
                ? Damaged(path, e.Message, e)
                : new StoreOpenException(StoreOpenProblem.Unusable, $"the data folder {path} cannot be opened: {e.Message}", e);

    // Held by another process, or by this one. The message names the file, so a path may have any of these words, but not at its end.
    private static bool IsLocked(string message) =>
        message.StartsWith("IO error: While lock file: ", StringComparison.Ordinal)
            && message.EndsWith(": Resource temporarily unavailable", StringComparison.Ordinal)
        || message.StartsWith("IO error: lock hold by current process", StringComparison.Ordinal);

    // A missing table file is told as an I/O error.
    private static bool IsDamage(string message) =>
        message.StartsWith("Corruption", StringComparison.Ordinal)
        || message.StartsWith("Invalid argument", StringComparison.Ordinal)
        || message.Contains("No such file", StringComparison.Ordinal);

    private static StoreOpenException Damaged(string path, string how, Exception? inner = null) => new(
        StoreOpenProblem.Corrupt,
        $"the store in the data folder {path} is damaged: {how}; wipe the folder if another node holds the data, or restore a backup",
        inner);
}
