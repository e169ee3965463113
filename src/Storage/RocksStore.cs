using Microsoft.Extensions.Logging;
using RocksDbSharp;

namespace Diststore.Storage;

/// <summary>
/// A store on disk: RocksDB under the seam <see cref="IStore"/>. One thread writes and one syncs, see
/// <see cref="WriteLoop"/>; a read is answered on the caller's thread where memory has it, else on a <see cref="ReadLane"/>.
/// After a failed write, and once damage was found, it takes no more writes until it is opened anew.
/// </summary>
public sealed partial class RocksStore : IStore, IBackupSource
{
    private readonly RocksStoreOptions _options;
    private readonly Folder _folder;
    private readonly Engine _engine;
    private readonly EntryCache _cache;
    private readonly StoreWriter _writer;
    private readonly WriteLoop _loop;
    private readonly StorageInstruments _instruments;
    private int _disposed;
    private byte[]? _collectAt; // where the next step of a collecting goes on; its one caller's

    private RocksStore(RocksStoreOptions options, Folder folder, RocksDb db, OpenedStore opened)
    {
        _options = options;
        _folder = folder;
        Id = opened.Id;
        _engine = new Engine(db, OnFailed);
        _cache = new EntryCache(options.HotBytes);
        _instruments = new StorageInstruments(options.NodeName);
        _entries = new EntryRows(_engine);
        _points = new ReadLane($"store-read {options.NodeName}", PointThreads);
        _heads = new ReadLane($"store-head {options.NodeName}", HeadThreads);
        _pages = new ReadLane($"store-page {options.NodeName}", PageThreads);
        _walks = new ReadLane($"store-walk {options.NodeName}", WalkThreads);
        _writer = new StoreWriter(_engine, _cache, folder, _instruments, options.TimeProvider, _expiries, opened.State);
        _loop = new WriteLoop(_writer, _engine, folder, _instruments, options.NodeName);
        _instruments.Observe(() => State);
    }

    /// <inheritdoc/>
    public Guid Id { get; }

    /// <inheritdoc/>
    public bool IsDurable => true;

    /// <inheritdoc/>
    public StoreState State => _loop.State;

    /// <summary>Why this store takes no more writes, or <see langword="null"/>; any thread.</summary>
    public StoreFailedException? Failure => _engine.Failure;

    internal StorageInstruments Instruments => _instruments;

    /// <summary>Opens the store of that folder, or makes one where there is none.</summary>
    /// <exception cref="StoreOpenException">The folder was not opened, and nothing in it was changed.</exception>
    public static RocksStore Open(RocksStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        Folder folder = Folder.Take(options.Path);
        RocksDb? db = null;
        try
        {
            bool isNew = StoreOpening.CheckFolder(options, folder);
            if (isNew)
            {
                folder.Clear(); // what whoever made it and ended too early has left
            }

            (db, OpenedStore opened) = StoreOpening.Open(options, isNew);
            folder.StartMark((long)db.GetLatestSequenceNumber());
            var store = new RocksStore(options, folder, db, opened);
            LogOpened(options.Logger, options.Path, opened.Id, store.State.Entries, store.State.Applied, isNew);
            return store;
        }
        catch (Exception)
        {
            db?.Dispose();
            folder.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Removes the store in that folder, damaged or not: what it held is gone, the next opening makes a new one with a new
    /// id. For a node whose data lies elsewhere too.
    /// </summary>
    /// <exception cref="StoreOpenException">Another process has it open.</exception>
    public static void Wipe(string path)
    {
        using Folder folder = Folder.Take(path);
        folder.Clear();
    }

    /// <inheritdoc/>
    public ValueTask<StoreState> AdoptAsync(MasterView view, bool asPrimary)
    {
        ArgumentNullException.ThrowIfNull(view);
        return new(_loop.RunAsync(Answer.AloneSynced, writer => writer.Adopt(view, asPrimary)));
    }

    /// <inheritdoc/>
    public ValueTask<AppendResult> AppendAsync(long epoch, Batch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentOutOfRangeException.ThrowIfZero(batch.Entries.Length);
        return new(_loop.RunAsync(Answer.Synced, writer => writer.Append(epoch, batch)));
    }

    /// <inheritdoc/>
    public ValueTask<bool> AlignAsync(long epoch, EpochHistory history, LogPoint end)
    {
        ArgumentNullException.ThrowIfNull(history);
        return new(_loop.RunAsync(Answer.AloneSynced, writer => writer.Align(epoch, history, end)));
    }

    /// <inheritdoc/>
    public ValueTask<StoreState> ApplyAsync(LogPoint commit) =>
        new(_loop.RunAsync(Answer.Applied, writer => writer.Apply(commit), commit));

    /// <inheritdoc/>
    public ValueTask RememberCandidateAsync(long epoch, MasterId candidate)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        return new(_loop.RunAsync(Answer.AloneSynced, writer => writer.RememberCandidate(epoch, candidate)));
    }

    /// <inheritdoc/>
    /// <remarks>Content of which only a part was taken cannot go on with changes: that is refused too.</remarks>
    public ValueTask<bool> StartSyncAsync(long epoch, SyncKind kind, Guid history)
    {
        if (kind is not (SyncKind.Full or SyncKind.Changes))
        {
            throw new ArgumentOutOfRangeException(nameof(kind), kind, "nothing to start");
        }

        return new(_loop.RunAsync(Answer.AloneSynced, writer => writer.StartSync(epoch, kind, history)));
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Not synced: after a crash the cursor, which is written with the page, stands where it stood with an earlier one.
    /// </remarks>
    public ValueTask<PageOutcome> WritePageAsync(long epoch, string? after, KeyPage page)
    {
        ArgumentNullException.ThrowIfNull(page);
        return new(_loop.RunAsync(Answer.AloneWritten, writer => writer.WritePage(epoch, after, page)));
    }

    /// <inheritdoc/>
    /// <remarks>Only the page that moves the mark is synced, and with it all before it.</remarks>
    public ValueTask<bool> WriteChangesAsync(long epoch, ChangePage page)
    {
        ArgumentNullException.ThrowIfNull(page);
        Answer answer = page.IsWhole ? Answer.AloneSynced : Answer.AloneWritten;
        return new(_loop.RunAsync(answer, writer => writer.WriteChanges(epoch, page)));
    }

    /// <inheritdoc/>
    public ValueTask<WriteOutcome> PutLocalAsync(Entry entry, long maxBytes = long.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return new(_loop.RunAsync(Answer.Synced, writer => writer.PutLocal(entry, maxBytes)));
    }

    /// <inheritdoc/>
    public ValueTask<bool> DeleteLocalAsync(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return new(_loop.RunAsync(Answer.Synced, writer => writer.DeleteLocal(key)));
    }

    /// <summary>Ends what was queued, syncs it, and waits for readers before the engine is closed.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        // The threads end by themselves; joining them must not hold up the caller's scheduler.
        await Task.Factory.StartNew(_loop.Dispose, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await _engine.CloseAsync();
        await Task.Factory.StartNew(EndReading, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await Task.Factory.StartNew(_engine.Dispose, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        _instruments.Dispose();
        _folder.Dispose();
        LogClosed(_options.Logger, _options.Path);
    }

    /// <summary>Moves what is in memory to table files, so that a test can damage them.</summary>
    internal void Flush()
    {
        _engine.Enter();
        try
        {
            _engine.Flush();
        }
        finally
        {
            _engine.Exit();
        }
    }

    private void EndReading()
    {
        _points.Dispose();
        _heads.Dispose();
        _pages.Dispose();
        _walks.Dispose();
    }

    private void OnFailed(StoreFailedException failure, bool isDamage)
    {
        if (isDamage)
        {
            _folder.NoteDamage(failure.Message);
        }

        LogFailed(_options.Logger, failure, _options.Path);
    }
}
