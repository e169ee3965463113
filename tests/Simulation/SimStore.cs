using Diststore.Core;

namespace Diststore.Simulation;

/// <summary>
/// A disk: write operations take their time, one after the other, and what has not taken effect when its process is
/// killed never does. The content outlives the process in the memory store behind it. Every applied write is recorded,
/// so that two nodes that apply different writes at one sequence are found at once.
/// </summary>
internal sealed class SimStore(MemoryStore inner, Pump pump, TimeProvider time, AppliedLog applied) : IStore
{
    private Task _tail = Task.CompletedTask;

    public Guid Id => inner.Id;

    public bool IsDurable => inner.IsDurable;

    public StoreState State => inner.State;

    public ValueTask<StoreState> AdoptAsync(MasterView view, bool asPrimary) => InTurnAsync(() => inner.AdoptAsync(view, asPrimary));

    public ValueTask<AppendResult> AppendAsync(long epoch, Batch batch) => InTurnAsync(() => inner.AppendAsync(epoch, batch));

    public ValueTask<bool> AlignAsync(long epoch, EpochHistory history, LogPoint end) =>
        InTurnAsync(() => inner.AlignAsync(epoch, history, end));

    public ValueTask<StoreState> ApplyAsync(LogPoint commit) =>
        InTurnAsync(() =>
        {
            foreach (Batch batch in inner.State.Pending.TakeWhile(batch => batch.Last.Sequence <= commit.Sequence))
            {
                applied.Record(inner.State.History, batch);
            }

            return inner.ApplyAsync(commit);
        });

    public async ValueTask RememberCandidateAsync(long epoch, MasterId candidate) =>
        await InTurnAsync(async () =>
        {
            await inner.RememberCandidateAsync(epoch, candidate);
            return true;
        });

    public ValueTask<bool> StartSyncAsync(long epoch, SyncKind kind, Guid history) =>
        InTurnAsync(() => inner.StartSyncAsync(epoch, kind, history));

    public ValueTask<bool> WritePageAsync(long epoch, string? after, KeyPage page) => InTurnAsync(() => inner.WritePageAsync(epoch, after, page));

    public ValueTask<bool> WriteChangesAsync(long epoch, ChangePage page) => InTurnAsync(() => inner.WriteChangesAsync(epoch, page));

    public async ValueTask CollectTombstonesAsync(DateTimeOffset orderedBefore, long keepFrom) =>
        await InTurnAsync(async () =>
        {
            await inner.CollectTombstonesAsync(orderedBefore, keepFrom);
            return true;
        });

    public ValueTask<Entry?> ReadAsync(string key) => inner.ReadAsync(key);

    public ValueTask<KeyPage> ScanAsync(KeyScan scan) => inner.ScanAsync(scan with { MaxBytes = Math.Min(scan.MaxBytes, 600) });

    public ValueTask<ChangePage> ReadChangesAsync(long since, int maxBytes) => inner.ReadChangesAsync(since, Math.Min(maxBytes, 600));

    public ValueTask<IReadOnlyList<Entry>> ReadExpiredAsync(DateTimeOffset now, int limit) => inner.ReadExpiredAsync(now, limit);

    public ValueTask PutLocalAsync(Entry entry) => inner.PutLocalAsync(entry);

    public ValueTask<Entry?> ReadLocalAsync(string key) => inner.ReadLocalAsync(key);

    public ValueTask<IReadOnlyList<string>> ListLocalAsync() => inner.ListLocalAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async ValueTask<T> InTurnAsync<T>(Func<ValueTask<T>> operation)
    {
        var turn = new TaskCompletionSource();
        Task before = _tail;
        _tail = turn.Task;
        await before;
        double milliseconds = pump.Random.NextDouble() < 0.95 ? pump.Random.NextDouble() * 2 : pump.Random.NextDouble() * 30;
        await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), time);
        try
        {
            return await operation();
        }
        finally
        {
            turn.SetResult();
        }
    }
}

/// <summary>What was applied anywhere, by history and sequence.</summary>
internal sealed class AppliedLog
{
    private readonly Dictionary<(Guid History, long Sequence), Entry> _entries = [];

    public void Record(Guid history, Batch batch)
    {
        foreach (Entry entry in batch.Entries)
        {
            if (!_entries.TryAdd((history, entry.Version.Sequence), entry))
            {
                Assert.Equal(_entries[(history, entry.Version.Sequence)], entry);
            }
        }
    }

    /// <summary>What was applied of that key at that version.</summary>
    public Entry? Find(Entry entry) =>
        _entries.Values.FirstOrDefault(applied => applied.Version == entry.Version && applied.Key == entry.Key);
}
