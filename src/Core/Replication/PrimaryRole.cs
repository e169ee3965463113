using System.Collections.Immutable;
using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>
/// The primary: orders all writes, has them persisted here and at the other in-sync master, applies and answers them.
/// One object for as long as the node goes on as primary, across epochs. <c>PrimaryRole.Ordering.cs</c> judges writes and
/// gives them their sequences, <c>PrimaryRole.Peers.cs</c> looks after the
/// other master, <c>PrimaryRole.Confirming.cs</c> makes sure that it still is the primary, <c>PrimaryRole.Reads.cs</c>
/// answers as the one who knows, <c>PrimaryRole.Watching.cs</c> tells what has changed, <c>PrimaryRole.Ending.cs</c> gives up.
/// </summary>
internal sealed partial class PrimaryRole : PeerLink.IOwner
{
    /// <summary>
    /// Batches that are ordered and not yet applied. While one is under way all that comes gathers in the next; with more of
    /// them at once each would be smaller, and each costs every master a sync and both a message.
    /// </summary>
    private const int MaxBatchesUnderWay = 1;

    private const string TooFewInSync = "fewer masters are in sync than Masters:MinInSync asks for";
    private const string Contested = "a master of another history has turned up; an operator has to force an election";

    private readonly NodeContext _context;
    private readonly Partition _partition;
    private readonly Action<Batch> _onApplied;
    private readonly LogTail _tail;
    private readonly RecentChanges _recent;
    private readonly WaitingWrites _waiting = new();
    private readonly Queue<JudgedWrites> _judged = new();

    // Newest ordered entry of each key that is not applied yet: what conditions and existence are judged by.
    private readonly Dictionary<string, Entry> _ordered = new(StringComparer.Ordinal);
    private readonly Signal _work = new();
    private readonly long _readyAt;

    private MasterView _view;
    private LocalHolderTable _localHolders; // of this view: in between, another primary may have heard otherwise
    private EpochHistory _epochs;
    private LogPoint _last;
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
        _localHolders = NoneHeard();

        // Whoever asks has a limit of its own, a part of which may have passed while it waited for a change.
        _changeReads = new Turns(MaxChangeReads, MaxWaitingChangeReads, context.Settings.ReplyTimeout / 2, context.Time);
        _confirmation = new SharedRound<bool>(ConfirmOnceAsync);
        StoreState state = context.Store.State;
        _tail = new LogTail(state.Applied);
        _recent = new RecentChanges(state.Applied);
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
        _readyAt = PlantedBugs.Has(PlantedBug.AnswerBeforeLogIsWhole) ? 0 : state.Last.Sequence;
        _applied = state.Applied.Sequence;
        Committed = state.Applied;
    }

    /// <summary>Whether it may answer as primary: all that it took over is applied.</summary>
    public bool IsReady { get; private set; }

    /// <inheritdoc/>
    public LogPoint Committed { get; private set; }

    /// <summary>Whether writes are acknowledged now, as far as this node knows.</summary>
    public bool TakesWrites => MayOrder && _view.InSyncSet.Count() >= _context.Settings.MinInSync;

    /// <summary>Whether this epoch's primary may order: it acts in the newest view that it knows.</summary>
    private bool MayOrder => !_ended && _broken is null && !_handingOver && !_view.IsContested && IsReady && _partition.Newest == _view;

    /// <summary>Goes on under a new view, in which this node is the primary again (or for the first time).</summary>
    public void Enter(MasterView view)
    {
        _view = view;
        _handingOver = false;
        _localHolders = NoneHeard();
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
        else if (_broken is not null || _view.IsContested)
        {
            write.Answer(WriteStatus.Overloaded, _view, _broken ?? Contested);
        }
        else
        {
            PutInLine(write);
        }

        return write.Reply;
    }

    private void PutInLine(PendingWrite write)
    {
        if (_waiting.TryAdd(write))
        {
            _work.Set();
        }
        else
        {
            write.Answer(WriteStatus.Overloaded, _view, "too many writes are waiting");
        }
    }

    private LocalHolderTable NoneHeard() =>
        new(_context.Random.NextInt64(1, long.MaxValue), _context.Time, _context.Settings.LocalOnlyBound);

    // While batches are under way the next one gathers: all that wait go into it.
    private async Task OrderLoopAsync()
    {
        while (!_ended)
        {
            if (!MayOrder || _waiting.IsEmpty || _judged.Count >= MaxBatchesUnderWay)
            {
                await _work.WaitAsync();
                continue;
            }

            await OrderAsync(_waiting.TakeBatch());
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
                _recent.Add(batch);
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
        string? whyNot = _view.IsContested ? Contested
            : _view.InSyncSet.Count() < _context.Settings.MinInSync ? TooFewInSync
            : null;
        foreach (PendingWrite write in judged.Writes)
        {
            write.Answer(whyNot is null ? write.Judged : WriteStatus.Unknown, _view, whyNot);
        }
    }
}
