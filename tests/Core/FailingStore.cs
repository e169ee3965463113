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

    public volatile bool FailsReads;
    public volatile bool FailsWrites;

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

    public ValueTask<WriteOutcome> PutLocalAsync(Entry entry, long maxBytes = long.MaxValue) =>
        WriteAsync(() => _inner.PutLocalAsync(entry, maxBytes));

    public ValueTask<bool> DeleteLocalAsync(string key) => WriteAsync(() => _inner.DeleteLocalAsync(key));

    public ValueTask<Entry?> ReadAsync(string key) => ReadAsync(() => _inner.ReadAsync(key));

    public ValueTask<ManyEntries> ReadManyAsync(IReadOnlyList<string> keys, long maxBytes) => ReadAsync(() => _inner.ReadManyAsync(keys, maxBytes));

    public ValueTask<IReadOnlyList<EntryHead?>> ReadHeadsAsync(IReadOnlyList<string> keys) => ReadAsync(() => _inner.ReadHeadsAsync(keys));

    public ValueTask<HeadPage> ScanHeadsAsync(HeadScan scan) => ReadAsync(() => _inner.ScanHeadsAsync(scan));

    public ValueTask<KeyPage> ScanAsync(KeyScan scan) => ReadAsync(() => _inner.ScanAsync(scan));

    public ValueTask<ChangePage> ReadChangesAsync(long since, int maxBytes) => ReadAsync(() => _inner.ReadChangesAsync(since, maxBytes));

    // The sweep asks by itself, at any moment.
    public ValueTask<IReadOnlyList<EntryHead>> ReadExpiredAsync(DateTimeOffset now, int limit) => _inner.ReadExpiredAsync(now, limit);

    public ValueTask<Entry?> ReadLocalAsync(string key) => ReadAsync(() => _inner.ReadLocalAsync(key));

    public ValueTask<LocalKeysPage> ScanLocalAsync(string? after, int maxBytes) => ReadAsync(() => _inner.ScanLocalAsync(after, maxBytes));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

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
