namespace Diststore.Core;

/// <content>
/// What it tells those who watch the changes. They may be many, and at as many points: who asks for the same changes shares
/// one read of them, and reads of different ones take turns, so that writes and the nodes that follow are not held up.
/// </content>
internal sealed partial class PrimaryRole
{
    /// <summary>Reads of changes for watchers that are under way at once.</summary>
    internal const int MaxChangeReads = 4;

    /// <summary>Reads of changes for watchers that wait for their turn; they hold nothing meanwhile.</summary>
    internal const int MaxWaitingChangeReads = 1024;

    private readonly Turns _changeReads;
    private readonly Dictionary<long, Task<ChangePage?>> _changesUnderWay = []; // by the sequence that they are read after
    private TaskCompletionSource? _change;

    /// <summary>
    /// Applied changes after a point, each key's latest. Committed is committed: it needs no confirmation that this node
    /// still is the primary, for what it shows stays true.
    /// </summary>
    public async Task<WatchReply> WatchAsync(ChangesQuery query)
    {
        if (!IsReady)
        {
            return new WatchReply(null, false, _partition.Newest);
        }

        long started = _context.Time.GetTimestamp();
        TimeSpan wait = query.Wait < ChangesQuery.MaxWait ? query.Wait : ChangesQuery.MaxWait;
        while (!_ended && _applied <= query.Since.Sequence && await WaitForChangeAsync(wait - _context.Time.GetElapsedTime(started)))
        {
        }

        StoreState state = _context.Store.State;
        if (_ended)
        {
            return new WatchReply(null, false, _partition.Newest);
        }

        // Ahead of what is applied here is neither gone nor wrong: it waits. But what lies beyond the end of an epoch that is over
        // will never come.
        bool isAhead = query.Since.Sequence > state.Applied.Sequence;
        bool isOver = isAhead && query.Since.Epoch < _view.Epoch;
        if (isOver || (!isAhead && (query.Since.Sequence < state.Floor || !state.Epochs.Contains(query.Since, state.Applied))))
        {
            return new WatchReply(null, true, null);
        }

        if (query.Since.Sequence >= state.Applied.Sequence)
        {
            return new WatchReply(new ChangesResult(ChangesOutcome.Page, [], _context.Settings.Name), false, null);
        }

        // Another history may be here by the time that it was read.
        ChangePage? page = await ReadSharedAsync(query.Since.Sequence);
        return _ended ? new WatchReply(null, false, _partition.Newest)
            : page is null ? new WatchReply(null, false, null, IsBusy: true)
            : query.Since.Sequence < page.Floor ? new WatchReply(null, true, null)
            : new WatchReply(new ChangesResult(ChangesOutcome.Page, [.. page.Entries], _context.Settings.Name), false, null);
    }

    // Null when its turn does not come in time. A read that began earlier serves whoever asks later too: there was something
    // after that point when it began, so it gives changes, and what was applied since comes after these.
    private async Task<ChangePage?> ReadSharedAsync(long since)
    {
        if (_changesUnderWay.TryGetValue(since, out Task<ChangePage?>? read))
        {
            return await read;
        }

        Task<ChangePage?> own = ReadInTurnAsync(since);
        _changesUnderWay[since] = own;
        try
        {
            return await own;
        }
        finally
        {
            _changesUnderWay.Remove(since);
        }
    }

    private async Task<ChangePage?> ReadInTurnAsync(long since)
    {
        if (!await _changeReads.TakeAsync())
        {
            return null;
        }

        try
        {
            return await _context.Store.ReadChangesAsync(since, ChangesQuery.MaxBytes);
        }
        finally
        {
            _changeReads.Give();
        }
    }

    private async Task<bool> WaitForChangeAsync(TimeSpan wait)
    {
        if (wait <= TimeSpan.Zero)
        {
            return false;
        }

        _change ??= new TaskCompletionSource();
        try
        {
            await _change.Task.WaitAsync(wait, _context.Time, _context.Stopping);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private void ReleaseWatchers()
    {
        TaskCompletionSource? change = _change;
        _change = null;
        change?.SetResult();
    }
}
