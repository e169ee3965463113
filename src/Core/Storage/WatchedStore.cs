namespace Diststore.Core;

/// <summary>
/// The node's store as the node uses it. Whoever meets a failure of the medium hears of it as before, and so does the
/// node, whoever that was and on whatever thread: a failure that only a caller heard of would be taken for a lost call.
/// </summary>
/// <param name="inner">The store.</param>
/// <param name="readFailed">Told of a read that failed. Any thread.</param>
/// <param name="writeFailed">Told of a write that failed. Any thread.</param>
internal sealed class WatchedStore(IStore inner, Action<StoreFailedException> readFailed, Action<StoreFailedException> writeFailed) : IStore
{
    public Guid Id => inner.Id;

    public bool IsDurable => inner.IsDurable;

    public StoreState State => inner.State;

    public ValueTask<StoreState> AdoptAsync(MasterView view, bool asPrimary) => Watch(inner.AdoptAsync(view, asPrimary), writeFailed);

    public ValueTask<AppendResult> AppendAsync(long epoch, Batch batch) => Watch(inner.AppendAsync(epoch, batch), writeFailed);

    public ValueTask<bool> AlignAsync(long epoch, EpochHistory history, LogPoint end) => Watch(inner.AlignAsync(epoch, history, end), writeFailed);

    public ValueTask<StoreState> ApplyAsync(LogPoint commit) => Watch(inner.ApplyAsync(commit), writeFailed);

    public ValueTask RememberCandidateAsync(long epoch, MasterId candidate) => Watch(inner.RememberCandidateAsync(epoch, candidate), writeFailed);

    public ValueTask<bool> StartSyncAsync(long epoch, SyncKind kind, Guid history) => Watch(inner.StartSyncAsync(epoch, kind, history), writeFailed);

    public ValueTask<PageOutcome> WritePageAsync(long epoch, string? after, KeyPage page) => Watch(inner.WritePageAsync(epoch, after, page), writeFailed);

    public ValueTask<bool> WriteChangesAsync(long epoch, ChangePage page) => Watch(inner.WriteChangesAsync(epoch, page), writeFailed);

    public ValueTask<bool> CollectTombstonesAsync(DateTimeOffset orderedBefore, long keepFrom) =>
        Watch(inner.CollectTombstonesAsync(orderedBefore, keepFrom), writeFailed);

    public ValueTask<Entry?> ReadAsync(string key) => Watch(inner.ReadAsync(key), readFailed);

    public ValueTask<ManyEntries> ReadManyAsync(IReadOnlyList<string> keys, long maxBytes) => Watch(inner.ReadManyAsync(keys, maxBytes), readFailed);

    public ValueTask<ManyEntries> ReadSnapshotAsync(IReadOnlyList<string> keys, long maxBytes) => Watch(inner.ReadSnapshotAsync(keys, maxBytes), readFailed);

    public ValueTask<IReadOnlyList<EntryHead?>> ReadHeadsAsync(IReadOnlyList<string> keys) => Watch(inner.ReadHeadsAsync(keys), readFailed);

    public ValueTask<bool> RemoveVoidAsync() => Watch(inner.RemoveVoidAsync(), writeFailed);

    public ValueTask<KeyPage> ScanAsync(KeyScan scan) => Watch(inner.ScanAsync(scan), readFailed);

    public ValueTask<HeadPage> ScanHeadsAsync(HeadScan scan) => Watch(inner.ScanHeadsAsync(scan), readFailed);

    public ValueTask<ChangePage> ReadChangesAsync(long since, int maxBytes) => Watch(inner.ReadChangesAsync(since, maxBytes), readFailed);

    public ValueTask<ChangeIndexPage> ReadChangeIndexAsync(long since, int maxRows) => Watch(inner.ReadChangeIndexAsync(since, maxRows), readFailed);

    public ValueTask<IReadOnlyList<EntryHead>> ReadExpiredAsync(DateTimeOffset now, int limit) => Watch(inner.ReadExpiredAsync(now, limit), readFailed);

    public ValueTask<WriteOutcome> PutLocalAsync(Entry entry, long maxBytes = long.MaxValue) => Watch(inner.PutLocalAsync(entry, maxBytes), writeFailed);

    public ValueTask<bool> DeleteLocalAsync(string key) => Watch(inner.DeleteLocalAsync(key), writeFailed);

    public ValueTask<Entry?> ReadLocalAsync(string key) => Watch(inner.ReadLocalAsync(key), readFailed);

    public ValueTask<LocalKeysPage> ScanLocalAsync(string? after, string? upto, int maxBytes) => Watch(inner.ScanLocalAsync(after, upto, maxBytes), readFailed);

    /// <summary>The store is its owner's to end.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static ValueTask<T> Watch<T>(ValueTask<T> operation, Action<StoreFailedException> failed)
    {
        return operation.IsCompletedSuccessfully ? operation : ObserveAsync(operation, failed);

        static async ValueTask<T> ObserveAsync(ValueTask<T> operation, Action<StoreFailedException> failed)
        {
            try
            {
                return await operation;
            }
            catch (StoreFailedException e)
            {
                failed(e);
                throw;
            }
        }
    }

    private static ValueTask Watch(ValueTask operation, Action<StoreFailedException> failed)
    {
        return operation.IsCompletedSuccessfully ? operation : ObserveAsync(operation, failed);

        static async ValueTask ObserveAsync(ValueTask operation, Action<StoreFailedException> failed)
        {
            try
            {
                await operation;
            }
            catch (StoreFailedException e)
            {
                failed(e);
                throw;
            }
        }
    }
}
