using System.Security.Cryptography;
using RocksDbSharp;

namespace Diststore.Storage;

/// <content>Backup and restore.</content>
public sealed partial class RocksStore
{
    private const int BackupChunkBytes = 1 << 20; // held in memory at once

    /// <inheritdoc/>
    Task IBackupSource.WriteBackupAsync(Stream destination, CancellationToken cancellation) =>
        Task.Run(() => BackupAsync(destination, cancellation), cancellation); // not on the caller's scheduler

    /// <summary>
    /// Streams the applied state of one moment, tombstones included, while writes go on; local-only entries and pending
    /// batches are not in it. A file that a failure left without its end is refused when it is restored.
    /// </summary>
    /// <exception cref="InvalidOperationException">A full sync is under way, so there is no whole state.</exception>
    /// <exception cref="StoreFailedException">Damage was met.</exception>
    public async Task<BackupInfo> BackupAsync(Stream destination, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        _engine.Enter();
        try
        {
            using Snapshot snapshot = _engine.Snapshot();
            using Rowset rows = _engine.Scan(Family.Entries, snapshot, fillCache: false);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var chunk = new RowWriter();
            ReadOptions options = new ReadOptions().SetVerifyChecksums(true).SetFillCache(false).SetSnapshot(snapshot);
            StoreState state = await _walks.RunAsync(() => StartBackup(snapshot, rows, chunk));
            long bytes = 0;
            bool more;
            do
            {
                cancellation.ThrowIfCancellationRequested();
                more = await _walks.RunAsync(() => FillChunk(rows, chunk, options));
                hash.AppendData(chunk.Written);
                await destination.WriteAsync(chunk.Written.ToArray(), cancellation);
                bytes += chunk.Written.Length;
                chunk.Clear();
            }
            while (more);
            byte[] checksum = hash.GetHashAndReset();
            await destination.WriteAsync(checksum, cancellation);
            return new BackupInfo(_options.ClusterId, state.Applied, state.Entries, bytes + checksum.Length);
        }
        finally
        {
            _engine.Exit();
        }
    }

    /// <summary>
    /// Makes a store from a backup, in a folder that has none: with a new id, a new history, no view, and the content that the backup
    /// shows. It counts as having seen an epoch far beyond the backup's, so that no version is given twice. Checks the whole file before
    /// it writes anything; where it fails it leaves nothing.
    /// </summary>
    /// <param name="file">The backup; is read twice, so it must be able to seek.</param>
    /// <param name="options">Where to, and for which cluster.</param>
    /// <exception cref="StoreOpenException">
    /// There is a store already, the file is no whole backup, it is of another cluster, or the folder cannot be written to.
    /// </exception>
    public static BackupInfo Restore(Stream file, RocksStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        using Folder folder = Folder.Take(options.Path);
        if ((folder.HasStore || folder.HasTraces) && !folder.IsRestoring)
        {
            throw new StoreOpenException(
                StoreOpenProblem.NotEmpty, $"the data folder {options.Path} holds a store already; a backup is restored into an empty folder only");
        }

        try
        {
            long start = file.Position;
            (string clusterId, _) = BackupFile.Check(file);
            if (clusterId != options.ClusterId)
            {
                throw new StoreOpenException(
                    StoreOpenProblem.OtherCluster, $"the backup is of the cluster '{clusterId}', not of '{options.ClusterId}'");
            }

            file.Position = start;
            return RestoreChecked(file, options, folder);
        }
        catch (InvalidDataException e)
        {
            throw new StoreOpenException(StoreOpenProblem.Corrupt, $"the file cannot be restored: {e.Message}", e);
        }
        catch (Exception e) when (e is RocksDbException or StoreFailedException or IOException or UnauthorizedAccessException)
        {
            throw new StoreOpenException(StoreOpenProblem.Unusable, $"the data folder {options.Path} cannot be written to: {e.Message}", e);
        }
    }

    // What an earlier try has left is removed before, and what this one leaves where it fails, as far as the device lets that be done.
    private static BackupInfo RestoreChecked(Stream file, RocksStoreOptions options, Folder folder)
    {
        folder.Clear();
        folder.StartRestoring();
        bool isDone = false;
        try
        {
            BackupInfo restored = Restore(file, options, folder);
            folder.EndRestoring();
            isDone = true;
            return restored;
        }
        finally
        {
            if (!isDone)
            {
                folder.Clear();
            }
        }
    }

    private static BackupInfo Restore(Stream file, RocksStoreOptions options, Folder folder)
    {
        using var reader = new BackupFile.Reader(file);
        (string clusterId, StoreState state) = reader.ReadHead();
        using RocksDb db = RocksDb.Open(EngineOptions.Database(), options.Path, EngineOptions.Families(options.BlockBytes));
        var engine = new Engine(db, static (_, _) => { });
        Dictionary<string, StoredRow?> memory = RowBatch.Memory();
        var batch = new RowBatch(engine, memory);
        try
        {
            (long entries, long liveBytes, long memories) = (0, 0, 0);
            while (reader.ReadEntry() is { } read)
            {
                StoredRow header = Rows.ReadStored(read.Key.Length, read.Row);
                batch.Put(Rows.ReadEntry(Rows.Text(read.Key), read.Row), new DateTimeOffset(header.TombstoneTicks ?? 0, TimeSpan.Zero), Known.Nothing);
                if (batch.Bytes >= BackupChunkBytes)
                {
                    (entries, liveBytes, memories) = (entries + batch.Entries, liveBytes + batch.LiveBytes, memories + batch.Memories);
                    batch.Write();
                    batch.Dispose();
                    batch = new RowBatch(engine, memory);
                }
            }

            // Who the store is comes last: without it a folder whose restoring was interrupted is not opened.
            state = state.Restored(Guid.NewGuid(), RandomNumberGenerator.GetInt32(int.MaxValue)) with
            {
                Entries = entries + batch.Entries,
                LiveBytes = liveBytes + batch.LiveBytes,
                Memories = memories + batch.Memories,
            };
            MetaRows.Write(new RowWriter(), batch.PutMeta, StoreState.Empty, state);
            MetaRows.WriteIdentity(batch.PutMeta, options.ClusterId, Guid.NewGuid());
            batch.Write();
            engine.SyncLog();
            folder.StartMark(engine.Sequence);
            return new BackupInfo(clusterId, state.Applied, state.Entries, file.Position);
        }
        finally
        {
            batch.Dispose();
        }
    }

    private StoreState StartBackup(Snapshot snapshot, Rowset rows, RowWriter chunk)
    {
        ReadOptions options = new ReadOptions().SetVerifyChecksums(true).SetSnapshot(snapshot);
        byte[]? point = _engine.Get(Family.Meta, MetaRows.Point, options);
        StoreState state = point is null ? StoreState.Empty : MetaRows.ReadPoint(point);
        if (point is null || !state.IsWhole)
        {
            throw new InvalidOperationException("there is nothing whole to back up: this store is empty or takes a full sync");
        }

        byte[] epochs = _engine.Get(Family.Meta, MetaRows.Epochs, options) ?? new RowWriter().Int(0).Written.ToArray();
        BackupFile.WriteHead(chunk, _options.ClusterId, point, epochs);
        rows.Seek([]);
        return state;
    }

    // Each entry goes as one row with its value in it.
    private bool FillChunk(Rowset rows, RowWriter chunk, ReadOptions options)
    {
        ObjectDisposedException.ThrowIf(_engine.IsClosing, this);
        var whole = new RowWriter();
        for (; chunk.Written.Length < BackupChunkBytes; rows.Next())
        {
            if (!rows.IsValid)
            {
                BackupFile.WriteEnd(chunk);
                return false;
            }

            Entry entry = _entries.Read(Rows.Text(rows.Key), rows.Key, rows.Row, options);
            long ticks = entry.IsTombstone ? Rows.TombstoneTicks(rows.Row) : 0;
            BackupFile.WriteEntry(chunk, rows.Key, Rows.Entry(whole.Clear(), entry, ticks).Written);
        }

        return true;
    }
}
