using System.Collections.Immutable;
using System.Text;

namespace Diststore.Storage;

/// <summary>
/// The write operations, each one atomic batch; the rules are those of <see cref="MemoryStore"/>. The writer thread's. A
/// batch is in the engine's log and visible when its operation returns, but not synced: see <see cref="WriteLoop"/>.
/// </summary>
internal sealed partial class StoreWriter
{
    private readonly Engine _engine;
    private readonly EntryCache _cache;
    private readonly Folder _folder;
    private readonly StorageInstruments _instruments;
    private readonly TimeProvider _time;
    private readonly ExpiryFloor _expiries;
    private readonly RowWriter _row = new();
    private readonly Dictionary<string, StoredRow?> _made = RowBatch.Memory();
    private volatile Ledger _ledger; // written by the writer thread, read by anyone

    public StoreWriter(Engine engine, EntryCache cache, Folder folder, StorageInstruments instruments, TimeProvider time, ExpiryFloor expiries, Ledger ledger)
    {
        _engine = engine;
        _cache = cache;
        _folder = folder;
        _instruments = instruments;
        _time = time;
        _expiries = expiries;
        _ledger = ledger;
    }

    /// <summary>What was written last, synced or not; any thread.</summary>
    public Ledger Ledger => _ledger;

    private StoreState State => _ledger.State;

    public StoreState Adopt(MasterView view, bool asPrimary)
    {
        StoreState state = State;
        if (asPrimary && view.Epoch >= state.HighestEpoch && view.History != state.History)
        {
            state = state.StartHistory(view.History, Highest());
        }

        using var batch = NewBatch();
        foreach (Batch dropped in State.Pending.Except(state.Pending))
        {
            batch.DeletePending(dropped);
        }

        StoreState next = state with
        {
            HighestEpoch = Math.Max(state.HighestEpoch, view.Epoch),
            View = state.View is null || view.Epoch > state.View.Epoch ? view : state.View,
            Candidate = view.Epoch > _ledger.CandidateEpoch ? null : state.Candidate,
        };

        // Also when nothing changes: adopting the same view again is how a node is asked whether it can still write.
        Write(batch, next, always: true);
        return State;
    }

    public AppendResult Append(long epoch, Batch appended)
    {
        AppendStatus status = State.Judge(epoch, appended);
        if (status == AppendStatus.Persisted && appended.Before == State.Last)
        {
            using var batch = NewBatch();
            batch.PutPending(appended);
            Write(batch, State with { Pending = State.Pending.Add(appended) });
        }

        return new AppendResult(status, State.Last);
    }

    public bool Align(long epoch, EpochHistory history, LogPoint end)
    {
        if (epoch < State.HighestEpoch)
        {
            return false;
        }

        ImmutableList<Batch> pending = State.Pending;
        int foreign = pending.FindIndex(batch => !history.Contains(batch.Last, end));
        if (foreign >= 0)
        {
            DropPending(pending.GetRange(foreign, pending.Count - foreign), State with { Pending = pending.RemoveRange(foreign, pending.Count - foreign) });
        }

        return true;
    }

    public StoreState Apply(LogPoint commit)
    {
        ImmutableList<Batch> pending = State.Pending;
        int count = 1 + pending.FindIndex(batch => batch.Last == commit);
        if (count == 0)
        {
            return State;
        }

        EpochHistory epochs = State.Epochs;
        using var rows = NewBatch();
        foreach (Batch batch in pending.GetRange(0, count))
        {
            epochs = epochs.With(batch.First.Epoch, batch.First.Sequence);
            foreach (Entry entry in batch.Entries)
            {
                rows.Put(entry, batch.OrderedAt);
            }

            rows.DeletePending(batch);
        }

        Write(rows, State with { Epochs = epochs, Applied = commit, Pending = pending.RemoveRange(0, count) });
        return State;
    }

    public bool RememberCandidate(long epoch, MasterId candidate)
    {
        if (epoch >= State.HighestEpoch)
        {
            using var batch = NewBatch();
            Write(batch, State with { Candidate = candidate }, epoch);
        }

        return true;
    }

    public WriteOutcome PutLocal(Entry entry, long maxBytes)
    {
        (long? old, long bytes) = (LocalBytesOf(entry.Key), Rows.LiveBytes(entry));
        WriteOutcome outcome = State.JudgeLocal(old, bytes, maxBytes);
        if (outcome != WriteOutcome.OverQuota)
        {
            using var batch = NewBatch();
            batch.PutLocal(entry);
            Write(batch, State.WithLocal(old, bytes));
        }

        return outcome;
    }

    public bool DeleteLocal(string key)
    {
        long? old = LocalBytesOf(key);
        if (old is not null)
        {
            using var batch = NewBatch();
            batch.DeleteLocal(key);
            Write(batch, State.WithLocal(old, null));
        }

        return old is not null;
    }

    private long? LocalBytesOf(string key)
    {
        byte[] bytes = Rows.Key(key);
        return _engine.Get<long?>(Family.Local, bytes, row => Rows.ReadStored(bytes.Length, row).LiveBytes);
    }

    private RowBatch NewBatch() => new(_engine, _made);

    private LogPoint Highest()
    {
        using Rowset changes = _engine.Scan(Family.Changes, null, fillCache: false);
        changes.SeekToLast();
        if (!changes.IsValid)
        {
            return LogPoint.Zero;
        }

        ReadOnlySpan<byte> key = changes.Key[sizeof(long)..];
        int length = key.Length;
        return _engine.Get<StoredRow?>(Family.Entries, key, row => Rows.ReadStored(length, row)) is { } header
            ? header.Version
            : throw _engine.Fail("reading", $"the change index names '{Encoding.UTF8.GetString(key)}', which has no entry", isDamage: true);
    }

    private void DropPending(ImmutableList<Batch> dropped, StoreState next)
    {
        using var batch = NewBatch();
        dropped.ForEach(batch.DeletePending);
        Write(batch, next);
    }

    // The counts follow from the batch, whatever `next` says of them. The entries go from the cache before the batch shows.
    private void Write(RowBatch batch, StoreState next, long? candidateEpoch = null, bool always = false)
    {
        Ledger old = _ledger;
        var ledger = new Ledger(
            next with { Entries = old.State.Entries + batch.Entries, LiveBytes = old.State.LiveBytes + batch.LiveBytes },
            candidateEpoch ?? old.CandidateEpoch);
        if (batch.IsEmpty && ledger == old && !always)
        {
            return;
        }

        MetaRows.Write(_row, batch.PutMeta, old, ledger);
        _expiries.Lower(batch.EarliestExpiry);
        _cache.StartChange(batch.Keys);
        try
        {
            batch.Write();
        }
        finally
        {
            _cache.EndChange(batch.Keys);
            _expiries.Written();
        }

        _ledger = ledger;
        _folder.MarkWritten(_engine.Sequence);
        _instruments.Wrote(batch.Bytes);
    }
}
