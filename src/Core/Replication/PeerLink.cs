namespace Diststore.Core;

/// <summary>
/// The primary's side of one stream of batches to another master, in one view: what was sent, what is surely there,
/// what has to be sent again.
/// </summary>
internal sealed class PeerLink(NodeContext context, MasterView view, MasterId peer, LogTail tail, PeerLink.IOwner owner)
{
    /// <summary>
    /// Batches on their way at once. More would arrive out of order most of the time: messages that come in together are
    /// handed to the thread pool newest first, so all but the oldest would be refused as gaps and sent again, and under load
    /// the link would never leave that. While one is under way the next gathers all writes that wait.
    /// </summary>
    private const int MaxUnderWay = 1;

    // A batch that arrived before the one it continues is sent again after this; it is no reason to drop the peer.
    private static readonly TimeSpan GapPause = TimeSpan.FromMilliseconds(5);

    private long _sent;
    private int _underWay;
    private bool _pausing;
    private long _commitTold;
    private bool _tellingCommit;

    /// <summary>What the link tells the primary.</summary>
    internal interface IOwner
    {
        /// <summary>The link's view is still the one that the primary acts in.</summary>
        bool IsCurrent(PeerLink link);

        /// <summary>The committed point that goes with each message.</summary>
        LogPoint Committed { get; }

        /// <summary><see cref="Acknowledged"/> has grown.</summary>
        void OnProgress(PeerLink link);

        /// <summary>The peer does not answer, or refuses, or cannot be caught up any more.</summary>
        void OnLost(PeerLink link, string reason);

        /// <summary>The peer knows a higher view.</summary>
        void OnView(MasterView view);
    }

    public MasterId Peer => peer;

    /// <summary>Up to which sequence the peer has surely persisted; -1 until it has said so in this view.</summary>
    public long Acknowledged { get; private set; } = -1;

    /// <summary>Whether the peer is known to hold a prefix of this log, so that batches may be sent.</summary>
    public bool IsAligned => Acknowledged >= 0;

    /// <summary>The peer's log is this log up to here: send what follows.</summary>
    public void StartAt(long sequence)
    {
        Acknowledged = Math.Max(Acknowledged, sequence);
        _sent = Math.Max(_sent, sequence);
        Pump();
    }

    /// <summary>Sends what is not yet sent, as far as the window allows.</summary>
    public void Pump()
    {
        if (!IsAligned || _pausing)
        {
            return;
        }

        if (!tail.Covers(_sent))
        {
            owner.OnLost(this, "it fell behind what is kept in memory");
            return;
        }

        while (_underWay < MaxUnderWay && owner.IsCurrent(this) && tail.After(_sent) is { } batch)
        {
            _sent = batch.Last.Sequence;
            _underWay++;
            context.Watch(SendAsync(batch));
        }

        TellCommit();
    }

    private async Task SendAsync(Batch batch)
    {
        var request = new ReplicateRequest(view, peer, batch, owner.Committed);
        long told = request.Commit.Sequence;
        ReplicateReply? reply = await context.AskAsync(peer.Name, p => p.ReplicateAsync(request), context.Settings.ReplyTimeout);
        _underWay--;
        if (!owner.IsCurrent(this))
        {
            return;
        }

        switch (reply?.Status)
        {
            case ReplicateStatus.Persisted:
                _commitTold = Math.Max(_commitTold, told);
                Acknowledged = Math.Max(Acknowledged, reply.Point.Sequence);
                owner.OnProgress(this);
                Pump();
                break;
            case ReplicateStatus.Gap when Acknowledged < batch.Last.Sequence:
                await ResendAsync();
                break;
            case ReplicateStatus.Gap:
                Pump();
                break;
            case ReplicateStatus.Refused:
                Refused(reply.View);
                break;
            default:
                owner.OnLost(this, "it did not answer a batch in time");
                break;
        }
    }

    private void Refused(MasterView? theirs)
    {
        if (theirs is not null && theirs.Epoch > view.Epoch)
        {
            owner.OnView(theirs);
        }
        else
        {
            owner.OnLost(this, "it refused a batch");
        }
    }

    private async Task ResendAsync()
    {
        _sent = Math.Min(_sent, Acknowledged);
        if (_pausing)
        {
            return;
        }

        _pausing = true;
        await context.Delay(GapPause);
        _pausing = false;
        _sent = Math.Min(_sent, Acknowledged);
        if (owner.IsCurrent(this))
        {
            Pump();
        }
    }

    // The commit point goes with the next batch; at once when none is to be sent.
    private void TellCommit()
    {
        LogPoint commit = owner.Committed;
        if (_underWay > 0 || _tellingCommit || commit.Sequence <= _commitTold || Acknowledged < commit.Sequence)
        {
            return;
        }

        _tellingCommit = true;
        context.Watch(TellCommitAsync(commit));
    }

    private async Task TellCommitAsync(LogPoint commit)
    {
        var request = new CommitRequest(view, peer, commit);
        MasterReply? reply = await context.AskAsync(peer.Name, p => p.CommitAsync(request), context.Settings.ReplyTimeout);
        _tellingCommit = false;
        if (!owner.IsCurrent(this))
        {
            return;
        }

        if (reply is null)
        {
            owner.OnLost(this, "it did not answer a commit point in time");
        }
        else if (!reply.Granted)
        {
            Refused(reply.View);
        }
        else
        {
            _commitTold = Math.Max(_commitTold, commit.Sequence);
            Pump();
        }
    }
}
