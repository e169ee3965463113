namespace Diststore.Core;

/// <summary>
/// What the primary tells those who watch the changes. They may be many, and at as many points: who asks for the same changes shares
/// one read of them, and reads of different ones take turns, so that writes and the nodes that follow are not held up. For the
/// node's scheduler.
/// </summary>
internal sealed class ChangeWatch
{
    /// <summary>Reads of changes that are under way at once.</summary>
    public const int MaxReads = 4;

    /// <summary>Reads of changes that wait for their turn; they hold nothing meanwhile.</summary>
    public const int MaxWaitingReads = 1024;

    private readonly NodeContext _context;
    private readonly PrimaryStanding _standing;
    private readonly PrimaryLog _log;
    private readonly Turns _reads;
    private readonly Dictionary<long, Task<ChangePage?>> _underWay = []; // by the sequence that they are read after
    private readonly Pulse _change = new();

    public ChangeWatch(NodeContext context, PrimaryStanding standing, PrimaryLog log)
    {
        _context = context;
        _standing = standing;
        _log = log;

        // Whoever asks has a limit of its own, a part of which may have passed while it waited for a change.
        _reads = new Turns(MaxReads, MaxWaitingReads, context.Settings.ReplyTimeout / 2, context.Time);
    }

    /// <summary>
    /// Applied changes after a point, each key's latest. Committed is committed: it needs no confirmation that this node
    /// still is the primary, for what it shows stays true.
    /// </summary>
    public async Task<WatchReply> WatchAsync(ChangesQuery query)
    {
        ChangeId since = query.Since;
        if (!_standing.IsReady || (since.Shown.Epoch > _standing.View.Epoch && !await _standing.IsStoredAsync()))
        {
            return new WatchReply(null, false, _standing.Newest);
        }

        if (since.Shown.Epoch > _standing.View.Epoch)
        {
            // Nobody has given that epoch: the id is of a history that is lost, or of another cluster.
            return new WatchReply(null, true, null);
        }

        long started = _context.Time.GetTimestamp();
        TimeSpan wait = query.Wait < ChangesQuery.MaxWait ? query.Wait : ChangesQuery.MaxWait;
        while (!_standing.HasEnded && _log.Applied <= since.Point.Sequence && await WaitForChangeAsync(wait - _context.Time.GetElapsedTime(started)))
        {
        }

        StoreState state = _context.Store.State;
        if (_standing.HasEnded)
        {
            return new WatchReply(null, false, _standing.Newest);
        }

        // Ahead of what is applied here is neither gone nor wrong: it waits. But what lies beyond the end of an epoch that is over
        // will never come.
        bool isAhead = since.Shown.Sequence > state.Applied.Sequence;
        bool isOver = isAhead && since.Shown.Epoch < _standing.View.Epoch;
        bool isForeign = since.Point != since.Shown && state.Epochs.PointAt(since.Point.Sequence) is { } point && point != since.Point;
        if (isOver || isForeign || (!isAhead && !since.IsStart && (since.Judged.Sequence < state.Floor || !state.Epochs.Contains(since.Shown, state.Applied))))
        {
            return new WatchReply(null, true, null);
        }

        if (since.Point.Sequence >= state.Applied.Sequence)
        {
            return new WatchReply(new ChangesResult(ChangesOutcome.Page, [], _context.Settings.Name), false, null);
        }

        // Another history may be here by the time that it was read.
        ChangePage? page = await ReadSharedAsync(since.Point.Sequence);
        return _standing.HasEnded ? new WatchReply(null, false, _standing.Newest)
            : page is null ? new WatchReply(null, false, null, IsBusy: true)
            : !since.IsStart && since.Judged.Sequence < page.Floor ? new WatchReply(null, true, null)
            : new WatchReply(ResultOf(page, since.IsStart ? page.Applied : since.PassUpto), false, null);
    }

    /// <summary>Waits for more to be applied, or for the end of the role; false when nothing came in that time.</summary>
    public Task<bool> WaitForChangeAsync(TimeSpan wait) => _change.WaitAsync(wait, _context.Time, _context.Stopping);

    /// <summary>More is applied, or the role is over: whoever waits looks again.</summary>
    public void Release() => _change.Beat();

    private ChangesResult ResultOf(ChangePage page, LogPoint passUpto)
    {
        LogPoint upto = page.IsWhole ? page.Applied : page.Epochs.PointAt(page.Upto) ?? page.Entries[^1].Version;
        Entry[] shown = [.. page.Entries.Where(static entry => !InternalKeys.Is(entry.Key))];
        return new ChangesResult(ChangesOutcome.Page, shown, _context.Settings.Name, Upto: upto, PassUpto: passUpto, ReadAt: page.Applied);
    }

    // Null when its turn does not come in time. A read that began earlier serves whoever asks later too: there was something
    // after that point when it began, so it gives changes, and what was applied since comes after these.
    private async Task<ChangePage?> ReadSharedAsync(long since)
    {
        if (_underWay.TryGetValue(since, out Task<ChangePage?>? read))
        {
            return await read;
        }

        Task<ChangePage?> own = ReadInTurnAsync(since);
        _underWay[since] = own;
        try
        {
            return await own;
        }
        finally
        {
            _underWay.Remove(since);
        }
    }

    private async Task<ChangePage?> ReadInTurnAsync(long since)
    {
        if (!await _reads.TakeAsync())
        {
            return null;
        }

        try
        {
            return await _context.Store.ReadChangesAsync(since, ChangesQuery.MaxBytes);
        }
        finally
        {
            _reads.Give();
        }
    }
}
