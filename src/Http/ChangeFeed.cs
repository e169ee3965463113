using Diststore.Core;

namespace Diststore.Http;

/// <summary>
/// The changes as all streams of this process read them: streams at one point share one read and its page. A stream holds a
/// page only while it sends it; what they hold together is bounded by the <see cref="ChangeRoom"/>.
/// </summary>
internal sealed class ChangeFeed(IDiststore store, DiststoreHttpOptions options, TimeProvider time, CancellationToken stopping)
{
    private static readonly ChangesResult Busy =
        new(ChangesOutcome.Busy, [], "", "slow readers take all the room that this process has for changes; ask again later");

    private readonly ChangeRoom _room = new(options, time, stopping);
    private readonly Lock _gate = new(); // taken before the room's
    private readonly Dictionary<(FeedPoint From, bool Waits), Reading> _readings = []; // guarded by _gate

    /// <summary>Bytes that pages take now.</summary>
    public long Bytes => _room.Bytes;

    /// <summary>
    /// Changes after a point, waiting so long for the first one. <see langword="null"/> where there is no answer, not even that
    /// there are none, within <paramref name="patience"/>. <paramref name="watcher"/> holds what it gets until it gives it back.
    /// </summary>
    public async ValueTask<FeedPage?> ReadAsync(ChangeWatcher watcher, ChangeId since, TimeSpan wait, TimeSpan patience, CancellationToken ends)
    {
        bool waits = wait > TimeSpan.Zero;
        var from = new FeedPoint(since, watcher.Filter);
        for (bool again = false; ; again = true)
        {
            Reading? reading;
            bool isNew = false;
            lock (_gate)
            {
                if (_room.TryHold(watcher, since) is { } kept)
                {
                    return kept;
                }

                if (!_readings.TryGetValue((from, waits), out reading))
                {
                    isNew = true;
                    _readings[(from, waits)] = reading = new Reading();
                }

                reading.Joined.Add(watcher);
            }

            if (isNew)
            {
                _ = RunAsync(reading, from, waits ? wait : TimeSpan.Zero, watcher.HasSeenAll);
            }

            FeedPage? page = await JoinAsync(reading, watcher, patience, ends);

            // "There is nothing" has to be said of a moment after it was asked: by a read that began then.
            if (isNew || waits || again || page is not { Result.ShowsNothing: true })
            {
                return page;
            }
        }
    }

    /// <summary>Gives back what it holds, if anything.</summary>
    public void Release(ChangeWatcher watcher) => _room.Release(watcher);

    private async ValueTask<FeedPage?> JoinAsync(Reading reading, ChangeWatcher watcher, TimeSpan patience, CancellationToken ends)
    {
        bool isDone = false;
        try
        {
            FeedPage page = await reading.Done.Task.WaitAsync(patience, time, ends);
            isDone = true;
            return page;
        }
        catch (TimeoutException) when (!reading.Done.Task.IsFaulted)
        {
            return null;
        }
        finally
        {
            if (!isDone)
            {
                Leave(reading, watcher);
            }
        }
    }

    // The page may have come in this very moment.
    private void Leave(Reading reading, ChangeWatcher watcher)
    {
        lock (_gate)
        {
            reading.Joined.Remove(watcher);
        }

        Release(watcher);
    }

    private async Task RunAsync(Reading reading, FeedPoint from, TimeSpan wait, bool hasSeenAll)
    {
        bool waits = wait > TimeSpan.Zero;
        long room = 0;
        try
        {
            // Where nothing is known to follow, room is needed only when something comes: most of the time nothing does. What others
            // have seen meanwhile is no sign that something follows for who watches some keys only.
            bool mayFollow = from.Since.Point < _room.Head && !(hasSeenAll && from.Filter.Text is not null);
            long need = !waits || mayFollow ? ChangeRoom.ReadBytes : 0;
            while (true)
            {
                if (need > 0 && !await _room.TakeAsync(need))
                {
                    TryComplete(reading, (from, waits), new FeedPage(from, Busy, time.GetTimestamp()), 0);
                    return;
                }

                room = need;
                if (!IsWanted(reading, (from, waits), room))
                {
                    room = 0;
                    return;
                }

                long readAt = time.GetTimestamp();
                ChangesResult result = await store.ReadChangesAsync(
                    new ChangesQuery(from.Since, need > 0 ? TimeSpan.Zero : wait, from.Filter), stopping);
                var page = new FeedPage(from, result, readAt);

                // Though others are further, nothing follows there: it is waited for after all, without room. To say so at once, to who
                // asked for a wait, would have all streams that stand there ask for ever.
                bool isFutile = waits && need > 0 && result.ShowsNothing && !page.LeadsOn;
                if (!isFutile && TryComplete(reading, (from, waits), page, room))
                {
                    room = 0;
                    return;
                }

                // If not that, there is not enough room for it: it is read again when there is.
                _room.Give(room);
                room = 0;
                need = isFutile ? 0 : Math.Max(ChangeRoom.ReadBytes, page.Bytes);
            }
        }
        catch (Exception exception)
        {
            Fail(reading, (from, waits), exception, room);
        }
    }

    // False where all who joined have gone: then it has ended, unread, and the room is given back.
    private bool IsWanted(Reading reading, (FeedPoint, bool) key, long room)
    {
        lock (_gate)
        {
            if (reading.Joined.Count > 0)
            {
                return true;
            }

            _readings.Remove(key);
        }

        _room.Give(room);
        reading.Done.SetCanceled(CancellationToken.None);
        return false;
    }

    // False where there is no room for the page. In one step with the end of the reading, so that who joined it holds the page.
    private bool TryComplete(Reading reading, (FeedPoint, bool) key, FeedPage page, long room)
    {
        lock (_gate)
        {
            if (!_room.TryAdd(page, room, reading.Joined))
            {
                return false;
            }

            _readings.Remove(key);
        }

        reading.Done.SetResult(page);
        return true;
    }

    private void Fail(Reading reading, (FeedPoint, bool) key, Exception exception, long room)
    {
        lock (_gate)
        {
            _readings.Remove(key);
        }

        _room.Give(room);
        reading.Done.SetException(exception);

        // Where nobody waits for it any more there is nobody to tell.
        _ = reading.Done.Task.Exception;
    }

    private sealed class Reading
    {
        public TaskCompletionSource<FeedPage> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public HashSet<ChangeWatcher> Joined { get; } = [];
    }
}
