namespace Diststore.Core;

/// <summary>
/// What the primary tells those who watch the changes. They may be many, at as many points, and each for other keys: how they share what
/// is read, and take turns, so that writes and the nodes that follow are not held up, is in <see cref="ChangeReads"/>. A look that
/// finds nothing to show is no answer while there is time to wait: it moves on what was scanned, and the next look begins there. For
/// the node's scheduler.
/// </summary>
internal sealed class ChangeWatch
{
    /// <summary>
    /// Who has looked at all that there is and found nothing looks again not before so long, and together with all others in that case: what
    /// watchers of few keys cost on a busy store grows with the time that they watch, not with the batches that pass by.
    /// </summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(50);

    private readonly NodeContext _context;
    private readonly PrimaryStanding _standing;
    private readonly PrimaryLog _log;
    private readonly ChangeReads _reads;
    private readonly Pulse _change = new();
    private Task _round = Task.CompletedTask; // until those look again who found nothing

    public ChangeWatch(NodeContext context, PrimaryStanding standing, PrimaryLog log)
    {
        _context = context;
        _standing = standing;
        _log = log;
        _reads = new ChangeReads(context);
    }

    /// <summary>
    /// Applied changes after a point, each key's latest, as far as they are asked for. Committed is committed: it needs no confirmation
    /// that this node still is the primary, for what it shows stays true.
    /// </summary>
    public async Task<WatchReply> WatchAsync(ChangesQuery query)
    {
        LogPoint shown = query.Since.Shown;
        if (!_standing.IsReady || (shown.Epoch > _standing.View.Epoch && !await _standing.IsStoredAsync()))
        {
            return NotPrimary();
        }

        if (shown.Epoch > _standing.View.Epoch)
        {
            // Nobody has given that epoch: the id is of a history that is lost, or of another cluster.
            return Gone;
        }

        TimeSpan wait = query.Wait < ChangesQuery.MaxWait ? query.Wait : ChangesQuery.MaxWait;
        long started = _context.Time.GetTimestamp();
        ChangeId at = query.Since; // whatever was scanned so far shows nothing
        while (true)
        {
            WatchReply reply = await LookAsync(at, query.Filter, Left);
            if (reply.IsBusy && at != query.Since)
            {
                return Page(Nothing(at));
            }

            if (reply.Page is not { ShowsNothing: true } page || Left() <= TimeSpan.Zero)
            {
                return reply;
            }

            at = page.IdOf(page.Upto);
            if (at.Point.Sequence >= page.ReadAt.Sequence)
            {
                await RoundAsync();
            }
        }

        TimeSpan Left() => wait - _context.Time.GetElapsedTime(started);
    }

    /// <summary>Waits for more to be applied, or for the end of the role; false when nothing came in that time.</summary>
    public Task<bool> WaitForChangeAsync(TimeSpan wait) => _change.WaitAsync(wait, _context.Time, _context.Stopping);

    /// <summary>More is applied, or the role is over: whoever waits looks again.</summary>
    public void Release() => _change.Beat();

    private static WatchReply Gone => new(null, true, null);

    private async Task<WatchReply> LookAsync(ChangeId since, ChangeFilter filter, Func<TimeSpan> left)
    {
        while (!_standing.HasEnded && _log.Applied <= since.Point.Sequence && await WaitForChangeAsync(left()))
        {
        }

        StoreState state = _context.Store.State;
        if (_standing.HasEnded)
        {
            return NotPrimary();
        }

        if (IsGone(since, state))
        {
            return Gone;
        }

        if (since.Point.Sequence >= state.Applied.Sequence)
        {
            return Page(Nothing(since));
        }

        // Another history may be here by the time that it was read.
        ChangeLook? look = await _reads.LookAsync(since.Point.Sequence, filter);
        return _standing.HasEnded ? NotPrimary()
            : look is null ? new WatchReply(null, false, null, IsBusy: true)
            : !since.IsStart && since.Judged.Sequence < look.Floor ? Gone
            : Page(ResultOf(look, since));
    }

    // Ahead of what is applied here is neither gone nor wrong: it waits. But what lies beyond the end of an epoch that is over
    // will never come.
    private bool IsGone(ChangeId since, StoreState state)
    {
        bool isAhead = since.Shown.Sequence > state.Applied.Sequence;
        bool isOver = isAhead && since.Shown.Epoch < _standing.View.Epoch;
        bool isForeign = since.Point != since.Shown && state.Epochs.PointAt(since.Point.Sequence) is { } point && point != since.Point;
        bool isKnown = since.Judged.Sequence >= state.Floor && state.Epochs.Contains(since.Shown, state.Applied);
        return isOver || isForeign || (!isAhead && !since.IsStart && !isKnown);
    }

    // All at once, so that they share what they read. Who comes while one round passes by looks with the others.
    private Task RoundAsync() => _round = _round.IsCompleted ? Task.Delay(LookEvery, _context.Time, _context.Stopping) : _round;

    private WatchReply NotPrimary() => new(null, false, _standing.Newest);

    private static WatchReply Page(ChangesResult page) => new(page, false, null);

    private ChangesResult Nothing(ChangeId scanned) => new(
        ChangesOutcome.Page, [], _context.Settings.Name, Upto: scanned.Point, PassUpto: scanned.PassUpto, ReadAt: scanned.ReadAt);

    private ChangesResult ResultOf(ChangeLook look, ChangeId since) => new(
        ChangesOutcome.Page,
        look.Entries,
        _context.Settings.Name,
        Upto: look.UptoPoint(since.Point),
        PassUpto: since.IsStart ? look.Applied : since.PassUpto,
        ReadAt: look.ReadAt,
        Heads: look.Heads);
}
