using System.Collections.Immutable;
using System.Text;

namespace Diststore.Storage;

/// <summary>
/// The write operations, each one atomic batch; the rules are those of <see cref="StoreState"/>. The writer thread's. A
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
    private volatile StoreState _state; // written by the writer thread, read by anyone
    private Removal? _removal; // of the page that is being taken, between its operations

    public StoreWriter(
        Engine engine, EntryCache cache, Folder folder, StorageInstruments instruments, TimeProvider time, ExpiryFloor expiries, StoreState state)
    {
        _engine = engine;
        _cache = cache;
        _folder = folder;
        _instruments = instruments;
        _time = time;
        _expiries = expiries;
        _state = state;
    }

    /// <summary>The state that was written last, synced or not; any thread.</summary>
    public StoreState State => _state;

    public StoreState Adopt(MasterView view, bool asPrimary)
    {
        using var batch = NewBatch();

        // Also when nothing changes: adopting the same view again is how a node is asked whether it can still write.
        Write(batch, State.Adopted(view, asPrimary, Highest), always: true);
        return State;
    }

    public AppendResult Append(long epoch, Batch appended)
    {
        AppendStatus status = State.Judge(epoch, appended);
        if (status == AppendStatus.Persisted && State.WithAppended(appended) is var next && !ReferenceEquals(next, State))
        {
            using var batch = NewBatch();
            batch.PutPending(appended);
            Write(batch, next);
        }

        return new AppendResult(status, State.Last);
    }

    public bool Align(long epoch, EpochHistory history, LogPoint end)
    {
        if (State.AlignedTo(epoch, history, end) is not { } next)
        {
            return false;
        }

        using var batch = NewBatch();
        Write(batch, next);
        return true;
    }

    public StoreState Apply(LogPoint commit)
    {
        (ImmutableList<Batch> applied, StoreState next) = State.ApplyUpTo(commit);
        using var rows = NewBatch();
        foreach (Batch batch in applied)
        {
            foreach (Entry entry in batch.Entries)
            {
                rows.Put(entry, batch.OrderedAt);
            }
        }

        Write(rows, next);
        return State;
    }

    public bool RememberCandidate(long epoch, MasterId candidate)
    {
        using var batch = NewBatch();
        Write(batch, State.WithCandidate(epoch, candidate));
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

    // The counts follow from the batch, whatever `next` says of them; what is not pending any more has no row. The entries go from the
    // cache before the batch shows.
    private void Write(RowBatch batch, StoreState next, bool always = false)
    {
        StoreState old = State;
        next = next with { Entries = old.Entries + batch.Entries, LiveBytes = old.LiveBytes + batch.LiveBytes, Memories = old.Memories + batch.Memories };
        if (batch.IsEmpty && next == old && !always)
        {
            return;
        }

        if (next.Pending.Count < old.Pending.Count)
        {
            foreach (Batch dropped in old.Pending.Except(next.Pending))
            {
                batch.DeletePending(dropped);
            }
        }

        MetaRows.Write(_row, batch.PutMeta, old, next);
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

        _state = next;
        _folder.MarkWritten(_engine.Sequence);
        _instruments.Wrote(batch.Bytes);
    }
}
