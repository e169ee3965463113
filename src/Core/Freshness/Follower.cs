namespace Diststore.Core;

/// <summary>
/// Keeps the node current: asks the primary again and again what has changed, or, as the primary, has itself confirmed.
/// The moment that the node is current as of is when it *sent* the question, less the age that the answer carries, so no
/// clock is compared with another's. A primary that does not answer is reported. For the node's scheduler.
/// </summary>
internal sealed class Follower
{
    // The bound holds at least three rounds; the fourth part leaves room for the answer to come.
    private const int RoundsWithinBound = 4;

    // So that a node which fell behind does not follow page after page for ever.
    private const int MaxPages = 64;

    private static readonly TimeSpan MinReplyTimeout = TimeSpan.FromMilliseconds(100);

    private readonly NodeContext _context;
    private readonly Partition _partition;
    private readonly PrimaryFinder _finder;
    private readonly SharedRound<bool> _round;

    // By a primary with its last answer; another one takes it for nothing.
    private ToldMoment _told;

    public Follower(NodeContext context, Partition partition, PrimaryFinder finder)
    {
        _context = context;
        _partition = partition;
        _finder = finder;
        _round = new SharedRound<bool>(AskAsync);
    }

    // Also what this node says of its local-only entries goes with the question.
    private TimeSpan Period => _context.Settings.LocalOnlyBound / RoundsWithinBound;

    // A primary that is silent for longer does not keep anybody current.
    private TimeSpan ReplyTimeout
    {
        get
        {
            TimeSpan third = _context.Settings.MaxStaleness / 3;
            return third < MinReplyTimeout ? MinReplyTimeout : third < _context.Settings.ReplyTimeout ? third : _context.Settings.ReplyTimeout;
        }
    }

    /// <summary>Runs until the node stops.</summary>
    public async Task RunAsync()
    {
        while (true)
        {
            _context.SeeMembers();
            await RefreshAsync();
            await _context.DelayToTurn(Period);
        }
    }

    /// <summary>Asks once, after this call; callers at once share a round. Whether the node is current as of then.</summary>
    public Task<bool> RefreshAsync() => _round.BeginAsync();

    private async Task<bool> AskAsync()
    {
        if (_partition.Primary is { } primary)
        {
            // What others ask of this primary from now on names this node, if it has to.
            LocalSaying own = _partition.Locals.Say(default);
            bool stands = primary.IsReady && await primary.ConfirmAsync();
            if (stands)
            {
                _partition.Locals.OnHeard(own);
            }

            return stands;
        }

        for (int page = 0; page < MaxPages && _partition.Views.Acting is { } view; page++)
        {
            bool isMaster = _partition.Role == NodeRole.Secondary;
            LocalSaying local = _partition.Locals.Say(_told);
            CopyReader.Standing copies = _partition.Copies.Now;
            FollowRequest request = isMaster
                ? new FollowRequest(view.Epoch, true, view.History, _context.Store.State.Applied, local)
                : new FollowRequest(view.Epoch, false, copies.History, copies.Followed, local);
            AsOf sent = AsOf.Now(_context.Time);
            FollowReply? reply = await _context.AskAsync(view.Primary.Name, peer => peer.FollowAsync(request), ReplyTimeout);
            if (reply is not { IsGiven: true })
            {
                _finder.OnPrimaryFailed(view, reply?.View);
                return false;
            }

            _partition.Locals.OnHeard(local);
            _told = reply.Told;
            if (reply.View is { } theirs)
            {
                _partition.Views.Learn(theirs);
            }

            // What was asked in another role, or of another view's primary, says nothing here.
            if (!_partition.Views.IsActingIn(view) || _partition.Primary is not null)
            {
                return false;
            }

            AsOf currentAsOf = sent.Less(reply.Age, _context.Time);
            if (isMaster)
            {
                return await _partition.Replica.FollowAsync(view, reply, sent, currentAsOf);
            }

            _partition.Follow(copies, new News(reply.View!.History, reply.Changes, reply.Upto, reply.IsWhole, reply.Jumps), currentAsOf);
            if (reply.IsWhole)
            {
                return true;
            }
        }

        return false;
    }
}
