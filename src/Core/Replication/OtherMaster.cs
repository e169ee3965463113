using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>
/// The other master as the primary sees it: in sync, or a learner that is served, streamed to and at last admitted. One state,
/// changed in <see cref="Become"/> alone. For the node's scheduler.
/// </summary>
internal sealed class OtherMaster : PeerLink.IOwner
{
    // Bytes of one page to a learner.
    private const int SyncPageBytes = 1 << 20;

    private readonly NodeContext _context;
    private readonly Partition _partition;
    private readonly PrimaryStanding _standing;
    private readonly PrimaryLog _log;
    private readonly Action _advance;

    private PeerLink? _link; // while it is streamed to
    private long _attempt; // the learner's own count of the sync that is under way
    private long _admitAt; // the sequence that a learner has to have to be admitted

    /// <param name="context">What the node works with.</param>
    /// <param name="partition">Who is told of views.</param>
    /// <param name="standing">Whether this node still is the primary.</param>
    /// <param name="log">What is sent.</param>
    /// <param name="advance">Called when it has persisted more, or is needed no more.</param>
    public OtherMaster(NodeContext context, Partition partition, PrimaryStanding standing, PrimaryLog log, Action advance)
    {
        _context = context;
        _partition = partition;
        _standing = standing;
        _log = log;
        _advance = advance;
    }

    /// <summary>What it is now.</summary>
    public PeerState State { get; private set; }

    /// <summary>
    /// Whose answer every acknowledgement and every confirmation needs, beside this node's: who is, or may be, in the in-sync set.
    /// </summary>
    public MasterId? Needed => State is PeerState.Alone or PeerState.Syncing ? null : _standing.View.Other;

    /// <summary>What it has surely persisted, as far as that is needed: the highest number where it is not, -1 until it has said so.</summary>
    public long Acknowledged => Needed is null ? long.MaxValue : _link?.Acknowledged ?? -1;

    /// <summary>The first sequence that a learner will still ask changes from; tombstones after it must stay.</summary>
    public long SyncsFrom { get; private set; } = long.MaxValue;

    /// <inheritdoc/>
    public LogPoint Committed => _log.Committed;

    private MasterView View => _standing.View;

    /// <summary>Begins with a new view of this primary.</summary>
    public void Enter(MasterView view)
    {
        Become(PeerState.Alone);
        if (view.OtherInSync && view.Other is { } other)
        {
            _partition.EndAlwaysCurrent();
            _link = new PeerLink(_context, view, other, _log.Tail, this);
            Become(PeerState.InSync);
            _context.Watch(AlignAsync(_link, view));
        }
    }

    /// <summary>
    /// Nobody else is to be promoted any more, since this node could not persist the view. Whom the registry may have added already
    /// still has a say in what is read as from the primary.
    /// </summary>
    public void GiveUpLearner()
    {
        if (State is not (PeerState.Admitting or PeerState.Dropping))
        {
            Become(PeerState.Alone);
        }
    }

    /// <summary>This node is the primary no more.</summary>
    public void End() => Become(PeerState.Alone);

    /// <summary>Sends what is ordered, as far as the link allows.</summary>
    public void Pump() => _link?.Pump();

    /// <summary>Whether it says that this view stands. One that does not, and knows no higher view, is lost.</summary>
    public async Task<bool> ConfirmAsync(MasterView view, MasterId peer)
    {
        PeerLink? link = _link;
        var request = new ConfirmRequest(view, peer);
        MasterReply? reply = await _context.AskAsync(peer.Name, p => p.ConfirmAsync(request), _context.Settings.ReplyTimeout);
        if (reply is { Granted: true })
        {
            return true;
        }

        if (reply?.View is { } theirs && theirs.Epoch > view.Epoch)
        {
            _partition.Views.Learn(theirs);
        }
        else if (link is not null)
        {
            OnLost(link, "it did not confirm the epoch");
        }

        return false;
    }

    /// <summary>How a learner of this view should sync.</summary>
    public SyncStartReply StartSync(SyncStartRequest request)
    {
        if (!IsLearnerOfThisView(request.View, request.From))
        {
            return new SyncStartReply(SyncKind.Refused, _standing.Newest);
        }

        if (State is PeerState.Admitting or PeerState.Dropping)
        {
            // The registry may be adding it: it may not let go of what it has acknowledged, as it would if this was granted.
            OnLost(_link!, "it started over while it was being admitted");
            return new SyncStartReply(SyncKind.Refused, _standing.Newest);
        }

        Become(PeerState.Syncing);
        _attempt = request.Attempt;
        _advance();
        StoreState state = _context.Store.State;
        bool continues = request.Applied != LogPoint.Zero
            && request.History == View.History
            && request.Applied.Sequence >= state.Floor
            && state.Epochs.Contains(request.Applied, state.Applied);
        SyncsFrom = continues ? request.Applied.Sequence : state.Applied.Sequence;
        return new SyncStartReply(continues ? SyncKind.Changes : SyncKind.Full, View);
    }

    /// <summary>A page of everything, in key order.</summary>
    public async Task<SyncPageReply> ReadPageAsync(SyncPageRequest request)
    {
        if (!IsLearnerOfThisView(request.View, request.From))
        {
            return new SyncPageReply(null, _standing.Newest);
        }

        SyncsFrom = request.After is null ? _context.Store.State.Applied.Sequence : request.FirstSequence;
        KeyPage page = await _context.Store.ScanAsync(new KeyScan("", request.After, int.MaxValue, SyncPageBytes, Tombstones: true));
        return new SyncPageReply(page, null);
    }

    /// <summary>A page of changes.</summary>
    public async Task<SyncChangesReply> ReadChangesAsync(SyncChangesRequest request)
    {
        if (!IsLearnerOfThisView(request.View, request.From))
        {
            return new SyncChangesReply(null, false, _standing.Newest);
        }

        if (request.Since < _context.Store.State.Floor)
        {
            return new SyncChangesReply(null, true, null);
        }

        SyncsFrom = request.Since;
        ChangePage page = await _context.Store.ReadChangesAsync(request.Since, SyncPageBytes);
        return request.Since < page.Floor ? new SyncChangesReply(null, true, null) : new SyncChangesReply(page, false, null);
    }

    /// <summary>
    /// Streams from the learner's mark on. From now on its answer is necessary for every acknowledgement; once it holds
    /// everything before this moment the registry is asked to add it.
    /// </summary>
    public MasterReply StartStream(StreamRequest request)
    {
        bool fits = IsLearnerOfThisView(request.View, request.From)
            && State is PeerState.Syncing or PeerState.Streaming
            && request.Attempt == _attempt
            && _log.Epochs.Contains(request.Mark, _log.Last)
            && _log.Tail.Covers(request.Mark.Sequence);
        if (!fits)
        {
            return new MasterReply(false, _standing.Newest);
        }

        Become(PeerState.Streaming);
        _link = new PeerLink(_context, View, request.From, _log.Tail, this);
        _partition.EndAlwaysCurrent();
        _admitAt = _log.Last.Sequence;
        SyncsFrom = long.MaxValue;
        _link.StartAt(request.Mark.Sequence);
        AdmitIfItHasAll();
        return new MasterReply(true, null);
    }

    /// <summary>Whether the learner is still streamed to.</summary>
    public bool IsStreamingTo(StreamRequest request) =>
        !_standing.HasEnded && request.View.Epoch == View.Epoch && _link?.Peer == request.From && request.Attempt == _attempt;

    /// <inheritdoc/>
    public bool IsCurrent(PeerLink link) => _standing.IsActing && link == _link;

    /// <inheritdoc/>
    public void OnView(MasterView view) => _partition.Views.Learn(view);

    /// <inheritdoc/>
    public void OnProgress(PeerLink link)
    {
        _advance();
        AdmitIfItHasAll();
    }

    /// <inheritdoc/>
    public void OnLost(PeerLink link, string reason)
    {
        // Where this store has failed, no view that would follow could be persisted here.
        if (!IsCurrent(link) || _standing.Broken is not null)
        {
            return;
        }

        switch (State)
        {
            case PeerState.Streaming:
                Become(PeerState.Syncing);
                _advance();
                break;
            case PeerState.InSync or PeerState.Admitting:
                Become(PeerState.Dropping);
                _context.Log.Dropping(link.Peer, reason);
                _context.Watch(DropAsync(View));
                break;
            default: // it is being dropped already
                break;
        }
    }

    // All transitions. Only a new view, the end of the role, or the giving up of a learner lead back to Alone.
    private void Become(PeerState next)
    {
        bool isLegal = (State, next) switch
        {
            (_, PeerState.Alone) => true,
            (PeerState.Alone, PeerState.InSync) => true, // a view says so
            (PeerState.Alone or PeerState.Syncing or PeerState.Streaming, PeerState.Syncing) => true, // it starts (over), or its stream is lost
            (PeerState.Syncing or PeerState.Streaming, PeerState.Streaming) => true, // it asks for the stream (again)
            (PeerState.Streaming, PeerState.Admitting) => true, // it has all
            (PeerState.InSync or PeerState.Admitting, PeerState.Dropping) => true, // it is lost
            _ => false,
        };
        if (!isLegal)
        {
            throw new InvalidOperationException($"The other master is {State} and cannot become {next}.");
        }

        State = next;
        if (next is PeerState.Alone or PeerState.Syncing)
        {
            _link = null;
        }

        if (next == PeerState.Alone)
        {
            SyncsFrom = long.MaxValue;
        }
    }

    private bool IsLearnerOfThisView(MasterView view, MasterId from) =>
        _standing.IsActing && _standing.IsReady && _standing.Broken is null && view.Epoch == View.Epoch
        && !View.OtherInSync && !View.IsContested && View.Other == from;

    // On a new view the other in-sync master first drops what is not in this log and says what it has.
    private async Task AlignAsync(PeerLink link, MasterView view)
    {
        var request = new AlignRequest(view, link.Peer, _log.Epochs, _log.Last);
        ReplicateReply? reply = await _context.AskAsync(link.Peer.Name, p => p.AlignAsync(request), _context.Settings.ReplyTimeout);
        if (!IsCurrent(link))
        {
            return;
        }

        if (reply?.Status == ReplicateStatus.Persisted && _log.Epochs.Contains(reply.Point, _log.Last))
        {
            link.StartAt(reply.Point.Sequence);
            _advance();
            return;
        }

        if (reply?.Status == ReplicateStatus.Persisted)
        {
            _context.Log.Diverged(link.Peer, reply.Point);
        }
        else if (reply?.View is { } theirs && theirs.Epoch > view.Epoch)
        {
            _partition.Views.Learn(theirs);
            return;
        }

        OnLost(link, reply is null ? "it did not answer on the new view" : "it refused the new view");
    }

    private void AdmitIfItHasAll()
    {
        if (State == PeerState.Streaming && !_standing.HasEnded && _standing.Broken is null && _link!.Acknowledged >= _admitAt)
        {
            Become(PeerState.Admitting);
            _context.Log.Admitting(_link.Peer, _admitAt);
            _context.Watch(AdmitAsync(View, _link.Peer));
        }
    }

    private async Task AdmitAsync(MasterView view, MasterId learner)
    {
        await _context.Store.RememberCandidateAsync(view.Epoch, learner);
        await _standing.UntilHigherEpochAsync(
            view, () => State == PeerState.Admitting, r => r.AdmitAsync(view.Epoch, _context.Self, learner));
    }

    private Task DropAsync(MasterView view) =>
        _standing.UntilHigherEpochAsync(view, () => State == PeerState.Dropping, r => r.DropPeerAsync(view.Epoch, _context.Self));
}
