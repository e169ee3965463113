namespace Diststore.Simulation;

/// <summary>
/// A process's store on its disk: write operations take their time, one after the other, and what has not taken effect
/// when the process is killed never does. A failed write ends writing until the store is opened anew.
/// </summary>
internal sealed class SimStore(SimDisk disk, Pump pump, TimeProvider time) : IStore
{
    /// <summary>What a failed write says; nothing else may fail.</summary>
    public const string Refusal = "the disk does not take this write";

    private const int PageBytes = 600; // so that a sync takes several pages
    private const int IndexRows = 6; // and a watcher of few keys several looks

    private Task _tail = Task.CompletedTask;
    private StoreFailedException? _failure;

    /// <summary>Told when its content becomes the start of a history.</summary>
    public Action<Guid, MemoryStore>? HistoryBegun { get; init; }

    /// <summary>Whether a write has failed.</summary>
    public bool HasFailed => _failure is not null;

    /// <summary>Part of all write operations that fail.</summary>
    public double WriteErrors { get; set; }

    public Guid Id => disk.Content.Id;

    public bool IsDurable => disk.Content.IsDurable;

    public StoreState State => disk.Content.State;

    public ValueTask<StoreState> AdoptAsync(MasterView view, bool asPrimary) => InTurnAsync(store =>
    {
        Guid before = store.State.History;
        ValueTask<StoreState> state = store.AdoptAsync(view, asPrimary);
        if (asPrimary && store.State.History != before)
        {
            HistoryBegun?.Invoke(view.History, store);
        }

        return state;
    });

    public ValueTask<AppendResult> AppendAsync(long epoch, Batch batch) => InTurnAsync(store => store.AppendAsync(epoch, batch));

    public ValueTask<bool> AlignAsync(long epoch, EpochHistory history, LogPoint end) => InTurnAsync(store => store.AlignAsync(epoch, history, end));

    public ValueTask<StoreState> ApplyAsync(LogPoint commit) => InTurnAsync(
        store =>
        {
            Batch[] pending = [.. store.State.Pending];
            ValueTask<StoreState> state = store.ApplyAsync(commit);
            disk.RecordApplied(pending.Where(batch => !store.State.Pending.Contains(batch)));
            return state;
        },
        synced: false);

    public async ValueTask RememberCandidateAsync(long epoch, MasterId candidate) => await InTurnAsync(async store =>
    {
        await store.RememberCandidateAsync(epoch, candidate);
        return true;
    });

    public ValueTask<bool> StartSyncAsync(long epoch, SyncKind kind, Guid history) => InTurnAsync(store => store.StartSyncAsync(epoch, kind, history));

    public ValueTask<PageOutcome> WritePageAsync(long epoch, string? after, KeyPage page) =>
        InTurnAsync(store => store.WritePageAsync(epoch, after, page), synced: false);

    public ValueTask<bool> WriteChangesAsync(long epoch, ChangePage page) =>
        InTurnAsync(store => store.WriteChangesAsync(epoch, page), synced: page.IsWhole);

    public ValueTask<bool> RemoveVoidAsync() => InTurnAsync(static store => store.RemoveVoidAsync(), synced: false);

    public ValueTask<bool> CollectTombstonesAsync(DateTimeOffset orderedBefore, long keepFrom) =>
        InTurnAsync(store => store.CollectTombstonesAsync(orderedBefore, keepFrom), synced: false);

    public ValueTask<Entry?> ReadAsync(string key) => disk.Content.ReadAsync(key);

    public ValueTask<ManyEntries> ReadManyAsync(IReadOnlyList<string> keys, long maxBytes) =>
        disk.Content.ReadManyAsync(keys, Math.Min(maxBytes, PageBytes));

    public ValueTask<ManyEntries> ReadSnapshotAsync(IReadOnlyList<string> keys, long maxBytes) => disk.Content.ReadSnapshotAsync(keys, maxBytes);

    public ValueTask<IReadOnlyList<EntryHead?>> ReadHeadsAsync(IReadOnlyList<string> keys) => disk.Content.ReadHeadsAsync(keys);

    public ValueTask<HeadPage> ScanHeadsAsync(HeadScan scan) => disk.Content.ScanHeadsAsync(scan);

    public ValueTask<KeyPage> ScanAsync(KeyScan scan) => disk.Content.ScanAsync(scan with { MaxBytes = Math.Min(scan.MaxBytes, PageBytes) });

    public ValueTask<ChangePage> ReadChangesAsync(long since, int maxBytes) => disk.Content.ReadChangesAsync(since, Math.Min(maxBytes, PageBytes));

    public ValueTask<ChangeIndexPage> ReadChangeIndexAsync(long since, int maxRows) =>
        disk.Content.ReadChangeIndexAsync(since, Math.Min(maxRows, IndexRows));

    public ValueTask<IReadOnlyList<EntryHead>> ReadExpiredAsync(DateTimeOffset now, int limit) => disk.Content.ReadExpiredAsync(now, limit);

    public ValueTask<WriteOutcome> PutLocalAsync(Entry entry, long maxBytes = long.MaxValue) =>
        InTurnAsync(store => store.PutLocalAsync(entry, maxBytes));

    public ValueTask<bool> DeleteLocalAsync(string key) => InTurnAsync(store => store.DeleteLocalAsync(key));

    public ValueTask<Entry?> ReadLocalAsync(string key) => disk.Content.ReadLocalAsync(key);

    public ValueTask<LocalKeysPage> ScanLocalAsync(string? after, string? upto, int maxBytes) => disk.Content.ScanLocalAsync(after, upto, maxBytes);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async ValueTask<T> InTurnAsync<T>(Func<MemoryStore, ValueTask<T>> operation, bool synced = true)
    {
        var turn = new TaskCompletionSource();
        Task before = _tail;
        _tail = turn.Task;
        await before;
        try
        {
            double milliseconds = pump.Random.NextDouble() < 0.95 ? pump.Random.NextDouble() * 2 : pump.Random.NextDouble() * 30;
            await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), time);
            bool fails = _failure is null && pump.Random.NextDouble() < WriteErrors;
            T? result = default;
            if (_failure is null && (!fails || pump.Random.Next(2) == 0))
            {
                // A write that failed may have taken effect all the same; opening anew shows which.
                disk.Do(store => result = Now(operation(store)), synced && !fails, time.GetUtcNow());
            }

            _failure ??= fails ? new StoreFailedException(Refusal) : null;
            return _failure is null ? result! : throw new StoreFailedException(_failure.Message, _failure);
        }
        finally
        {
            turn.SetResult();
        }
    }

    // The content is in memory: its operations end in the call.
    private static T Now<T>(ValueTask<T> operation) => operation.IsCompleted
        ? operation.GetAwaiter().GetResult()
        : throw new InvalidOperationException("an operation of a store in memory took time");
}
