using System.Collections.Immutable;
using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>
/// The primary: orders all writes, has them persisted here and at the other in-sync master, applies and answers them.
/// One object for as long as the node goes on as primary, across epochs. <c>PrimaryRole.Peers.cs</c> looks after the
/// other master, <c>PrimaryRole.Reads.cs</c> answers as the one who knows, <c>PrimaryRole.Ending.cs</c> gives up.
/// </summary>
internal sealed partial class PrimaryRole : PeerLink.IOwner
{
    /// <summary>Writes that may wait to be ordered.</summary>
    public const int MaxWaiting = 8192;

    /// <summary>Bytes of writes that may wait to be ordered.</summary>
    public const long MaxWaitingBytes = 64L << 20;

    /// <summary>A batch is closed once it has this many bytes, so that no message grows without bound.</summary>
    public const int MaxBatchBytes = 1 << 20;

    /// <summary>A batch is closed at this many writes.</summary>
    public const int MaxBatchWrites = 1024;

    /// <summary>Batches that are ordered and not yet committed.</summary>
    private const int MaxBatchesUnderWay = 4;

    private readonly NodeContext _context;
    private readonly Partition _partition;
    private readonly Action<Batch> _onApplied;
    private readonly LogTail _tail;
    private readonly Queue<PendingWrite> _waiting = new();
    private readonly Queue<JudgedWrites> _judged = new();

    // Newest ordered entry of each key that is not applied yet: what conditions and existence are judged by.
    private readonly Dictionary<string, Entry> _ordered = new(StringComparer.Ordinal);
    private readonly Signal _work = new();
    private readonly long _readyAt;

    private MasterView _view;
    private EpochHistory _epochs;
    private LogPoint _last;
    private long _waitingBytes;
    private long _persisted;
    private long _applied;
    private bool _applying;
    private bool _ended;

    public PrimaryRole(NodeContext context, Partition partition, MasterView view, Action<Batch> onApplied)
    {
        _context = context;
        _partition = partition;
        _onApplied = onApplied;
        _view = view;
        _confirmation = new SharedRound<bool>(ConfirmOnceAsync);
        StoreState state = context.Store.State;
        _tail = new LogTail(state.Applied);
        foreach (Batch batch in state.Pending)
        {
            _tail.Add(batch);
            Remember(batch);
            _judged.Enqueue(new JudgedWrites([], batch.Last.Sequence, WroteNothing: false, batch));
        }

        // A new primary takes its whole pending log as written, and answers nothing as primary before all is applied.
        _epochs = state.EpochsWithPending;
        _last = state.Last;
        _persisted = state.Last.Sequence;
        _readyAt = state.Last.Sequence;
        _applied = state.Applied.Sequence;
        Committed = state.Applied;
    }

    /// <summary>Whether it may answer as primary: all that it took over is applied.</summary>
    public bool IsReady { get; private set; }

    /// <inheritdoc/>
    public LogPoint Committed { get; private set; }

    /// <summary>Whether this epoch's primary may order: it acts in the newest view that it knows.</summary>
    private bool MayOrder => !_ended && _broken is null && IsReady && _partition.Newest == _view;

    /// <summary>Goes on under a new view, in which this node is the primary again (or for the first time).</summary>
    public void Enter(MasterView view)
    {
        _view = view;
        EnterPeers(view);
        Advance();

        // What waited while the former view was known to be over may have no later write to set it going.
        _work.Set();
    }

    /// <summary>Begins to order.</summary>
    public void Start()
    {
        _context.Watch(OrderLoopAsync());
        _context.Watch(ExpireLoopAsync());
    }

    /// <summary>Takes a write. Completes once it is acknowledged, refused or given up.</summary>
    public Task<WriteReply> WriteAsync(WriteRequest request)
    {
        var write = new PendingWrite(request.Write, _context.Instruments);
        if (_ended || request.Epoch != _view.Epoch)
        {
            write.Answer(WriteStatus.NotPrimary, _partition.Newest);
        }
        else if (_waiting.Count >= MaxWaiting || _waitingBytes + write.SizeBytes > MaxWaitingBytes)
        {
            write.Answer(WriteStatus.Overloaded, _view, "too many writes are waiting");
        }
        else if (_broken is not null)
        {
            write.Answer(WriteStatus.Overloaded, _view, _broken);
        }
        else
        {
            Enqueue(write);
        }

        return write.Reply;
    }

    private void Enqueue(PendingWrite write)
    {
        _waiting.Enqueue(write);
        _waitingBytes += write.SizeBytes;
        _work.Set();
    }

    // While batches are under way the next one gathers: all that wait go into it.
    private async Task OrderLoopAsync()
    {
        while (!_ended)
        {
            if (!MayOrder || _waiting.Count == 0 || _judged.Count >= MaxBatchesUnderWay)
            {
                await _work.WaitAsync();
                continue;
            }

            await OrderAsync(TakeWaiting());
        }
    }

    private List<PendingWrite> TakeWaiting()
    {
        var writes = new List<PendingWrite>();
        long bytes = 0;
        while (writes.Count < MaxBatchWrites && bytes < MaxBatchBytes && _waiting.TryDequeue(out PendingWrite? write))
        {
            writes.Add(write);
            bytes += write.SizeBytes;
        }

        _waitingBytes -= bytes;
        return writes;
    }

    // Judges writes against the newest state, pending included, and orders those that write. Reads may have to wait for
    // the disk, so whether ordering is still allowed is asked after them, and nothing is awaited from there on.
    private async Task OrderAsync(List<PendingWrite> writes)
    {
        var before = new Dictionary<string, Entry?>(StringComparer.Ordinal);
        foreach (PendingWrite write in writes)
        {
            string key = write.Write.Key;
            try
            {
                if (!before.ContainsKey(key))
                {
                    before[key] = _ordered.TryGetValue(key, out Entry? ordered) ? ordered : await _context.Store.ReadAsync(key);
                }
            }
            catch (StoreFailedException)
            {
                // Whatever else becomes of this node, these were surely not done.
                writes.ForEach(unordered => unordered.Answer(WriteStatus.NotPrimary, _partition.Newest, "the primary's store has failed"));
                throw;
            }
        }

        if (!MayOrder)
        {
            writes.ForEach(write => write.Answer(WriteStatus.NotPrimary, _partition.Newest));
            return;
        }

        if (_view.InSyncSet.Count() < _context.Settings.MinInSync)
        {
            writes.ForEach(write => write.Answer(WriteStatus.Overloaded, _view, "fewer masters are in sync than Masters:MinInSync asks for"));
            return;
        }

        Order(writes, before);
    }

    private void Order(List<PendingWrite> writes, Dictionary<string, Entry?> before)
    {
        DateTimeOffset now = _context.Time.GetUtcNow();
        bool full = _context.Settings.DataMaxBytes is > 0 and long most && _context.Store.State.LiveBytes >= most;
        ImmutableArray<Entry>.Builder entries = ImmutableArray.CreateBuilder<Entry>(writes.Count);
        foreach (PendingWrite pending in writes)
        {
            Write write = pending.Write;
            pending.Judged = Judge(pending, before[write.Key], now);
            if (pending.IsRefused)
            {
                continue;
            }

            if (full && write.Value is not null)
            {
                pending.Answer(WriteStatus.OverQuota, _view, "the masters hold as much as Data:MaxBytes allows");
                continue;
            }

            pending.Version = new LogPoint(_view.Epoch, _last.Sequence + entries.Count + 1);
            var entry = new Entry(write.Key, write.Value, write.ContentType, pending.Version, now + write.TimeToLive);
            entries.Add(entry);
            before[write.Key] = entry;
        }

        Batch? batch = entries.Count == 0 ? null : new Batch(_last, entries.DrainToImmutable(), now);
        if (batch is not null)
        {
            _last = batch.Last;
            _epochs = _epochs.With(batch.First.Epoch, batch.First.Sequence);
            _tail.Add(batch);
            Remember(batch);
            _context.Instruments.BatchOrdered();
        }

        _judged.Enqueue(new JudgedWrites(writes, _last.Sequence, batch is null, batch));
        if (batch is null)
        {
            AnswerApplied();
            return;
        }

        // At the same time here and there. The append is queued in this very call, so before any later view's.
        _context.Watch(PersistAsync(batch, _view.Epoch));
        PumpLinks();
    }

    // An entry whose time is up is not there any more, swept or not.
    private static WriteStatus Judge(PendingWrite pending, Entry? newest, DateTimeOffset now)
    {
        if (pending.Expired is { } expired)
        {
            return newest?.Version == expired && newest.HasExpired(now) ? WriteStatus.Deleted : WriteStatus.NotFound;
        }

        LogPoint? version = newest is null || newest.IsTombstone || newest.HasExpired(now) ? null : newest.Version;
        return pending.Write.Condition?.Holds(version) == false ? WriteStatus.ConditionFailed
            : pending.Write.Value is not null ? version is null ? WriteStatus.Created : WriteStatus.Replaced
            : version is null ? WriteStatus.NotFound
            : WriteStatus.Deleted;
    }

    private void Remember(Batch batch)
    {
        foreach (Entry entry in batch.Entries)
        {
            _ordered[entry.Key] = entry;
        }
    }

    private async Task PersistAsync(Batch batch, long epoch)
    {
        AppendResult result = await _context.Store.AppendAsync(epoch, batch);
        if (result.Status != AppendStatus.Persisted)
        {
            // Own batches are queued before a higher epoch is, so this store is not what this role believes it to be.
            throw new StoreFailedException($"the store took an own batch as {result.Status} at {result.Last}");
        }

        _persisted = Math.Max(_persisted, batch.Last.Sequence);
        Advance();
    }

    // Moves the commit point to what every one whose answer is needed has persisted, then applies up to there.
    private void Advance()
    {
        if (_ended || _partition.Acting != _view)
        {
            return;
        }

        long committed = Math.Min(_persisted, AcknowledgedByNeeded());
        if (committed > Committed.Sequence)
        {
            Committed = _tail.EndAtOrBefore(committed);
        }

        if (!IsReady && _applied >= _readyAt)
        {
            IsReady = true;
            _partition.OnPrimaryReady();
            _work.Set();
        }

        if (_applied < Committed.Sequence && !_applying)
        {
            _applying = true;
            _context.Watch(ApplyAsync());
        }
    }

    private async Task ApplyAsync()
    {
        while (!_ended && _applied < Committed.Sequence)
        {
            StoreState state = await _context.Store.ApplyAsync(Committed);
            if (state.Applied.Sequence <= _applied)
            {
                throw new StoreFailedException($"the store does not apply {Committed}; it stands at {state.Applied}");
            }

            _applied = state.Applied.Sequence;
            if (!_ended)
            {
                AnswerApplied();
                ReleaseWatchers();
                PumpLinks();
            }
        }

        _applying = false;
        _tail.Trim(_applied);
        Advance();
    }

    private void AnswerApplied()
    {
        while (_judged.TryPeek(out JudgedWrites? judged) && judged.Sequence <= _applied)
        {
            _judged.Dequeue();
            if (judged.Batch is { } batch)
            {
                Forget(batch);
                _onApplied(batch);
            }

            if (judged.WroteNothing || NeedsNobodyButIsVolatile)
            {
                _context.Watch(AnswerConfirmedAsync(judged));
            }
            else
            {
                Answer(judged);
            }
        }

        _work.Set();
    }

    private void Forget(Batch batch)
    {
        foreach (Entry entry in batch.Entries)
        {
            if (_ordered.TryGetValue(entry.Key, out Entry? newest) && newest.Version == entry.Version)
            {
                _ordered.Remove(entry.Key);
            }
        }
    }

    private async Task AnswerConfirmedAsync(JudgedWrites judged)
    {
        if (await ConfirmAsync())
        {
            Answer(judged);
            return;
        }

        foreach (PendingWrite write in judged.Writes)
        {
            WriteStatus status = write.IsRefused ? WriteStatus.NotPrimary : WriteStatus.Unknown;
            write.Answer(status, _partition.Newest, "whether this node is still the primary could not be confirmed");
        }
    }

    private void Answer(JudgedWrites judged)
    {
        bool enough = _view.InSyncSet.Count() >= _context.Settings.MinInSync;
        foreach (PendingWrite write in judged.Writes)
        {
            write.Answer(
                enough ? write.Judged : WriteStatus.Unknown,
                _view,
                enough ? null : "fewer masters are in sync than Masters:MinInSync asks for");
        }
    }
}
