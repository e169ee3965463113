using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <content>The other master: in sync, or a learner that is served, streamed to and at last admitted.</content>
internal sealed partial class PrimaryRole
{
    // Between two tries to reach the registry.
    private static readonly TimeSpan RegistryPause = TimeSpan.FromMilliseconds(50);

    // Bytes of one page to a learner.
    private const int SyncPageBytes = 1 << 20;

    private PeerLink? _link;
    private MasterId? _joining;
    private long _joinAt;
    private bool _admitting;
    private bool _dropping;
    private long _attempt;

    /// <summary>The first sequence that a learner will still ask changes from; tombstones after it must stay.</summary>
    public long SyncsFrom { get; private set; } = long.MaxValue;

    /// <summary>Everyone whose answer an acknowledgement and a confirmation need: in-sync members, and who is joining.</summary>
    private IEnumerable<MasterId> Needed
    {
        get
        {
            if (_view.OtherInSync && _view.Other is not null)
            {
                yield return _view.Other;
            }
            else if (_joining is not null && !PlantedBugs.Has(PlantedBug.JoinWithoutBothSets))
            {
                yield return _joining;
            }
        }
    }

    /// <inheritdoc/>
    public bool IsCurrent(PeerLink link) => !_ended && link == _link && _partition.Acting == _view;

    /// <inheritdoc/>
    public void OnView(MasterView view) => _partition.Learn(view);

    /// <inheritdoc/>
    public void OnProgress(PeerLink link)
    {
        Advance();
        CheckJoin();
    }

    /// <inheritdoc/>
    public void OnLost(PeerLink link, string reason)
    {
        if (!IsCurrent(link))
        {
            return;
        }

        if (_broken is not null)
        {
            return; // no view that would follow could be persisted here
        }

        if (_view.OtherInSync || _admitting)
        {
            Drop(link.Peer, reason);
            return;
        }

        // A learner that was not asked for yet: nothing depends on it.
        _link = null;
        _joining = null;
        Advance();
    }

    /// <summary>How a learner of this view should sync.</summary>
    public SyncStartReply StartSync(SyncStartRequest request)
    {
        if (!IsLearnerOfThisView(request.View, request.From) || _admitting)
        {
            // A learner that starts over while the registry may be adding it has let go of what it acknowledged.
            if (_admitting && request.From == _joining && _link is not null)
            {
                OnLost(_link, "it started over while it was being admitted");
            }

            return new SyncStartReply(SyncKind.Refused, _partition.Newest);
        }

        _attempt = request.Attempt;
        _link = null;
        _joining = null;
        Advance();
        StoreState state = _context.Store.State;
        bool continues = request.Applied != LogPoint.Zero
            && request.History == _view.History
            && request.Applied.Sequence >= state.Floor
            && state.Epochs.Contains(request.Applied, state.Applied);
        SyncsFrom = continues ? request.Applied.Sequence : state.Applied.Sequence;
        return new SyncStartReply(continues ? SyncKind.Changes : SyncKind.Full, _view);
    }

    /// <summary>A page of everything, in key order.</summary>
    public async Task<SyncPageReply> ReadPageAsync(SyncPageRequest request)
    {
        if (!IsLearnerOfThisView(request.View, request.From))
        {
            return new SyncPageReply(null, _partition.Newest);
        }

        SyncsFrom = request.After is null ? _context.Store.State.Applied.Sequence : request.FirstSequence;
        bool tombstones = !PlantedBugs.Has(PlantedBug.FullSyncWithoutTombstones);
        KeyPage page = await _context.Store.ScanAsync(new KeyScan("", request.After, int.MaxValue, SyncPageBytes, tombstones));
        return new SyncPageReply(page, null);
    }

    /// <summary>A page of changes.</summary>
    public async Task<SyncChangesReply> ReadChangesAsync(SyncChangesRequest request)
    {
        if (!IsLearnerOfThisView(request.View, request.From))
        {
            return new SyncChangesReply(null, false, _partition.Newest);
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
            && !_admitting
            && request.Attempt == _attempt
            && _epochs.Contains(request.Mark, _last)
            && _tail.Covers(request.Mark.Sequence);
        if (!fits)
        {
            return new MasterReply(false, _partition.Newest);
        }

        _link = new PeerLink(_context, _view, request.From, _tail, this);
        _joining = request.From;
        _partition.EndAlwaysCurrent();
        _joinAt = _last.Sequence;
        SyncsFrom = long.MaxValue;
        _link.StartAt(request.Mark.Sequence);
        CheckJoin();
        return new MasterReply(true, null);
    }

    /// <summary>Whether the learner is still streamed to.</summary>
    public bool IsStreamingTo(StreamRequest request) =>
        !_ended && request.View.Epoch == _view.Epoch && _link?.Peer == request.From && request.Attempt == _attempt;

    private bool IsLearnerOfThisView(MasterView view, MasterId from) =>
        !_ended && IsReady && _broken is null && view.Epoch == _view.Epoch && _partition.Acting == _view
        && !_view.OtherInSync && !_view.IsContested && _view.Other == from;

    private void EnterPeers(MasterView view)
    {
        EndPeers();
        if (view.OtherInSync && view.Other is { } other)
        {
            _partition.EndAlwaysCurrent();
            _link = new PeerLink(_context, view, other, _tail, this);
            if (PlantedBugs.Has(PlantedBug.ReopenedStoreOrders) || PlantedBugs.Has(PlantedBug.IgnoreProcessOnReplicate))
            {
                _link.StartAt(_last.Sequence);
                return;
            }

            _context.Watch(AlignAsync(_link, view));
        }
    }

    private void EndPeers()
    {
        _link = null;
        _joining = null;
        _admitting = false;
        _dropping = false;
        SyncsFrom = long.MaxValue;
    }

    private void PumpLinks() => _link?.Pump();

    private long AcknowledgedByNeeded() =>
        PlantedBugs.Has(PlantedBug.AcknowledgeBeforePeer) || !Needed.Any() ? long.MaxValue : _link?.Acknowledged ?? -1;

    // On a new view the other in-sync master first drops what is not in this log and says what it has.
    private async Task AlignAsync(PeerLink link, MasterView view)
    {
        var request = new AlignRequest(view, link.Peer, _epochs, _last);
        ReplicateReply? reply = await _context.AskAsync(
            link.Peer.Name, p => p.AlignAsync(request), _context.Settings.ReplyTimeout);
        if (!IsCurrent(link))
        {
            return;
        }

        if (reply?.Status == ReplicateStatus.Persisted && _epochs.Contains(reply.Point, _last))
        {
            link.StartAt(reply.Point.Sequence);
            Advance();
            return;
        }

        if (reply?.Status == ReplicateStatus.Persisted)
        {
            _context.Log.Diverged(link.Peer, reply.Point);
        }
        else if (reply?.View is { } theirs && theirs.Epoch > view.Epoch)
        {
            _partition.Learn(theirs);
            return;
        }

        OnLost(link, reply is null ? "it did not answer on the new view" : "it refused the new view");
    }

    private void CheckJoin()
    {
        if (_joining is { } learner && !_admitting && !_ended && _broken is null && _link is { } link && link.Acknowledged >= _joinAt)
        {
            _admitting = true;
            _context.Log.Admitting(learner, _joinAt);
            _context.Watch(AdmitAsync(_view, learner));
        }
    }

    // Once asked, only a higher epoch is an outcome: until then both sets are needed, even if the answer says "no".
    private async Task AdmitAsync(MasterView view, MasterId learner)
    {
        await _context.Store.RememberCandidateAsync(view.Epoch, learner);
        await UntilHigherEpochAsync(view, () => _admitting, r => r.AdmitAsync(view.Epoch, _context.Self, learner));
    }

    private void Drop(MasterId peer, string reason)
    {
        if (!_dropping)
        {
            _dropping = true;
            _context.Log.Dropping(peer, reason);
            MasterView view = _view;
            _context.Watch(UntilHigherEpochAsync(view, () => _dropping, r => r.DropPeerAsync(view.Epoch, _context.Self)));
        }
    }

    private async Task UntilHigherEpochAsync(MasterView view, Func<bool> wanted, Func<IRegistry, Task<MasterView?>> ask)
    {
        while (!_ended && _broken is null && _view == view && _partition.Newest == view && wanted())
        {
            if (await _context.AskRegistryAsync(ask) is { } stored)
            {
                _partition.Learn(stored);
            }

            if (_partition.Newest == view && PlantedBugs.Has(PlantedBug.OldEpochIsOutcome))
            {
                (_admitting, _joining, _handingOver) = (false, null, false);
                return;
            }

            if (_partition.Newest == view)
            {
                await _context.Delay(RegistryPause);
            }
        }
    }
}
