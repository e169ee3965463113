using System.Collections.Concurrent;

namespace Diststore.Core.Tests;

/// <summary>A store whose operations take a turn of the scheduler, and fail when told to.</summary>
internal sealed class FailingStore : IStore, IBackupSource
{
    public TaskCompletionSource BackupEnded { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Writes more than anybody reads, until it is told to end.
    public async Task WriteBackupAsync(Stream destination, CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                await destination.WriteAsync(new byte[1 << 20], cancellation);
            }
        }
        finally
        {
            BackupEnded.TrySetResult();
        }
    }

    private readonly MemoryStore _inner = new(Guid.NewGuid(), TimeProvider.System, isDurable: true);

    private int _expiredReads;
    private int _headReads;
    private int _entryReads;
    private readonly ConcurrentQueue<long> _indexReads = new();

    /// <summary>What reads of heads by their keys wait for first, if set.</summary>
    public volatile TaskCompletionSource? HeadGate;

    /// <summary>What scans of heads, snapshots and reads of changes wait for first, if set.</summary>
    public volatile TaskCompletionSource? Gate;

    /// <summary>Scans of heads, snapshots and reads of changes that have come to the gate.</summary>
    public int AtGate;

    /// <summary>Whether what expires is never found, as between its end and the sweep.</summary>
    public volatile bool SweepsNothing;

    public volatile bool FailsReads;
    public volatile bool FailsWrites;

    /// <summary>How often it was asked what has expired, for heads, and for single entries.</summary>
    public (int Expired, int Heads, int Entries) Reads => (Volatile.Read(ref _expiredReads), Volatile.Read(ref _headReads), Volatile.Read(ref _entryReads));

    /// <summary>How often it was asked which keys have changed.</summary>
    public int IndexReads => _indexReads.Count;

    /// <summary>After which sequences it was asked that.</summary>
    public IEnumerable<long> IndexReadsFrom => _indexReads;

    /// <summary>Rows of the change index that one read gives.</summary>
    public int MaxIndexRows { get; set; } = int.MaxValue;

    /// <summary>What happens between the moment that the change index was read of and the answer.</summary>
    public Func<Task>? AfterIndexRead { get; set; }

    public Guid Id => _inner.Id;

    public bool IsDurable => true;

    public StoreState State => _inner.State;

    public ValueTask<StoreState> AdoptAsync(MasterView view, bool asPrimary) => WriteAsync(() => _inner.AdoptAsync(view, asPrimary));

    public ValueTask<AppendResult> AppendAsync(long epoch, Batch batch) => WriteAsync(() => _inner.AppendAsync(epoch, batch));

    public ValueTask<bool> AlignAsync(long epoch, EpochHistory history, LogPoint end) => WriteAsync(() => _inner.AlignAsync(epoch, history, end));

    public ValueTask<StoreState> ApplyAsync(LogPoint commit) => WriteAsync(() => _inner.ApplyAsync(commit));

    public ValueTask<bool> StartSyncAsync(long epoch, SyncKind kind, Guid history) => WriteAsync(() => _inner.StartSyncAsync(epoch, kind, history));

    public ValueTask<PageOutcome> WritePageAsync(long epoch, string? after, KeyPage page) => WriteAsync(() => _inner.WritePageAsync(epoch, after, page));

    public ValueTask<bool> WriteChangesAsync(long epoch, ChangePage page) => WriteAsync(() => _inner.WriteChangesAsync(epoch, page));

    public async ValueTask RememberCandidateAsync(long epoch, MasterId candidate)
    {
        await FailAsync(FailsWrites);
        await _inner.RememberCandidateAsync(epoch, candidate);
    }

    public ValueTask<bool> CollectTombstonesAsync(DateTimeOffset orderedBefore, long keepFrom) =>
        WriteAsync(() => _inner.CollectTombstonesAsync(orderedBefore, keepFrom));

    public ValueTask<bool> RemoveVoidAsync() => WriteAsync(() => _inner.RemoveVoidAsync());

    public ValueTask<WriteOutcome> PutLocalAsync(Entry entry, long maxBytes = long.MaxValue) =>
        WriteAsync(() => _inner.PutLocalAsync(entry, maxBytes));

    public ValueTask<bool> DeleteLocalAsync(string key) => WriteAsync(() => _inner.DeleteLocalAsync(key));

    public ValueTask<Entry?> ReadAsync(string key)
    {
        Interlocked.Increment(ref _entryReads);
        return ReadAsync(() => _inner.ReadAsync(key));
    }

    public ValueTask<ManyEntries> ReadManyAsync(IReadOnlyList<string> keys, long maxBytes) => ReadAsync(() => _inner.ReadManyAsync(keys, maxBytes));

    public async ValueTask<ManyEntries> ReadSnapshotAsync(IReadOnlyList<string> keys, long maxBytes)
    {
        await PassGateAsync();
        return await ReadAsync(() => _inner.ReadSnapshotAsync(keys, maxBytes));
    }

    public async ValueTask<IReadOnlyList<EntryHead?>> ReadHeadsAsync(IReadOnlyList<string> keys)
    {
        Interlocked.Increment(ref _headReads);
        if (HeadGate is { } gate)
        {
            await gate.Task;
        }

        return await ReadAsync(() => _inner.ReadHeadsAsync(keys));
    }

    public async ValueTask<HeadPage> ScanHeadsAsync(HeadScan scan)
    {
        await PassGateAsync();
        return await ReadAsync(() => _inner.ScanHeadsAsync(scan));
    }

    public ValueTask<KeyPage> ScanAsync(KeyScan scan) => ReadAsync(() => _inner.ScanAsync(scan));

    public async ValueTask<ChangePage> ReadChangesAsync(long since, int maxBytes)
    {
        await PassGateAsync();
        return await ReadAsync(() => _inner.ReadChangesAsync(since, maxBytes));
    }

    public async ValueTask<ChangeIndexPage> ReadChangeIndexAsync(long since, int maxRows)
    {
        _indexReads.Enqueue(since);
        await PassGateAsync();
        ChangeIndexPage page = await ReadAsync(() => _inner.ReadChangeIndexAsync(since, Math.Min(maxRows, MaxIndexRows)));
        await (AfterIndexRead?.Invoke() ?? Task.CompletedTask);
        return page;
    }

    // The sweep asks by itself, at any moment.
    public ValueTask<IReadOnlyList<EntryHead>> ReadExpiredAsync(DateTimeOffset now, int limit)
    {
        Interlocked.Increment(ref _expiredReads);
        return SweepsNothing ? new([]) : _inner.ReadExpiredAsync(now, limit);
    }

    public ValueTask<Entry?> ReadLocalAsync(string key) => ReadAsync(() => _inner.ReadLocalAsync(key));

    public ValueTask<LocalKeysPage> ScanLocalAsync(string? after, string? upto, int maxBytes) => ReadAsync(() => _inner.ScanLocalAsync(after, upto, maxBytes));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Has what comes to the gate wait there, until it is opened.</summary>
    public void CloseGate()
    {
        AtGate = 0;
        Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Waits until so many have come to the gate.</summary>
    public async Task UntilAtGateAsync(int count, TimeSpan patience)
    {
        using var deadline = new CancellationTokenSource(patience);
        while (Volatile.Read(ref AtGate) < count)
        {
            await Task.Yield();
            deadline.Token.ThrowIfCancellationRequested();
        }
    }

    private async Task PassGateAsync()
    {
        Interlocked.Increment(ref AtGate);
        if (Gate is { } gate)
        {
            await gate.Task;
        }
    }

    private static async Task FailAsync(bool fails)
    {
        await Task.Yield();
        if (fails)
        {
            throw new StoreFailedException("the medium failed");
        }
    }

    private async ValueTask<T> ReadAsync<T>(Func<ValueTask<T>> read)
    {
        await FailAsync(FailsReads);
        return await read();
    }

    private async ValueTask<T> WriteAsync<T>(Func<ValueTask<T>> write)
    {
        await FailAsync(FailsWrites);
        return await write();
    }
}
