using Diststore.Core;

namespace Diststore.Http;

/// <summary>
/// The changes as all streams of this process read them. Streams at one point share one read and its page; what they hold
/// of pages is bounded together. A stream holds a page only while it sends it. Who needs room for another waits in line and
/// holds nothing; meanwhile those that have held theirs longest are let go.
/// </summary>
internal sealed class ChangeFeed(IDiststore store, DiststoreHttpOptions options, TimeProvider time, CancellationToken stopping)
{
    // What a read may give, and what comes of it in memory (see FeedPage.Bytes). Its last entry may go beyond.
    private const long ReadBytes = 4L * ChangesQuery.MaxBytes;

    // A page that nobody holds any more, for those who are a little behind.
    private static readonly TimeSpan KeepUnheld = TimeSpan.FromSeconds(1);

    // An older page is read anew: what it shows may have been superseded.
    private static readonly TimeSpan MaxPageAge = TimeSpan.FromSeconds(10);

    private static readonly ChangesResult Busy =
        new(ChangesOutcome.Unavailable, [], "", "slow readers take all the room that this process has for changes; ask again later");

    private readonly Lock _gate = new(); // guards all that follows
    private readonly Dictionary<(LogPoint Since, bool Waits), Reading> _readings = [];
    private readonly Dictionary<LogPoint, FeedPage> _pages = []; // the newest page read from there
    private readonly LinkedList<FeedPage> _unheld = new(); // those that nobody holds, the oldest first
    private readonly LinkedList<ChangeWatcher> _holders = new(); // who has held a page longest first
    private readonly LinkedList<TaskCompletionSource> _line = new(); // who waits for ReadBytes of room
    private LogPoint _head; // the last change that a page has shown
    private long _bytes;

    /// <summary>Bytes that pages take now.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _bytes;
            }
        }
    }

    /// <summary>
    /// Changes after a point, waiting so long for the first one. <see langword="null"/> where there is no answer, not even that
    /// there are none, within <paramref name="patience"/>. <paramref name="watcher"/> holds what it gets until it gives it back.
    /// </summary>
    public async ValueTask<FeedPage?> ReadAsync(ChangeWatcher watcher, LogPoint since, TimeSpan wait, TimeSpan patience, CancellationToken ends)
    {
        bool waits = wait > TimeSpan.Zero;
        for (bool again = false; ; again = true)
        {
            Reading? reading;
            bool isNew = false;
            lock (_gate)
            {
                DropOld();
                if (_pages.TryGetValue(since, out FeedPage? kept) && time.GetElapsedTime(kept.ReadAt) < MaxPageAge)
                {
                    Hold(watcher, kept);
                    return kept;
                }

                if (!_readings.TryGetValue((since, waits), out reading))
                {
                    isNew = true;
                    _readings[(since, waits)] = reading = new Reading();
                }

                reading.Joined.Add(watcher);
            }

            if (isNew)
            {
                _ = RunAsync(reading, since, waits ? wait : TimeSpan.Zero);
            }

            FeedPage? page = await JoinAsync(reading, watcher, patience, ends);

            // "There is nothing" has to be said of a moment after it was asked: by a read that began then.
            if (isNew || waits || again || page is not { Result: { Outcome: ChangesOutcome.Page, Entries.Length: 0 } })
            {
                return page;
            }
        }
    }

    /// <summary>Gives back what it holds, if anything.</summary>
    public void Release(ChangeWatcher watcher)
    {
        lock (_gate)
        {
            if (watcher.Page is not { } page)
            {
                return;
            }

            watcher.Page = null;
            _holders.Remove(watcher.Place);
            page.Staying -= watcher.IsLetGo ? 0 : 1;
            if (--page.Holders == 0)
            {
                Unheld(page);
                GiveRoom();
            }
        }
    }

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

    private async Task RunAsync(Reading reading, LogPoint since, TimeSpan wait)
    {
        bool waits = wait > TimeSpan.Zero;
        long room = 0;
        try
        {
            // Where nothing is known to follow, room is needed only when something comes: most of the time nothing does.
            bool isBehind;
            lock (_gate)
            {
                isBehind = !waits || since < _head;
            }

            while (true)
            {
                if (isBehind && !await TakeRoomAsync())
                {
                    Complete(reading, (since, waits), new FeedPage(since, Busy, time.GetTimestamp()), 0);
                    return;
                }

                room = isBehind ? ReadBytes : 0;
                long readAt = time.GetTimestamp();
                var page = new FeedPage(since, await store.ReadChangesAsync(new ChangesQuery(since, isBehind ? TimeSpan.Zero : wait), stopping), readAt);
                if (TryComplete(reading, (since, waits), page, room))
                {
                    room = 0;
                    return;
                }

                // There is no room for it: it is read again when there is.
                isBehind = true;
            }
        }
        catch (Exception exception)
        {
            Fail(reading, (since, waits), exception, room);
        }
    }

    private bool TryComplete(Reading reading, (LogPoint, bool) key, FeedPage page, long room)
    {
        lock (_gate)
        {
            if (room == 0 && page.Bytes > 0 && !TryTake(page.Bytes))
            {
                return false;
            }

            Complete(reading, key, page, room == 0 ? page.Bytes : room);
            return true;
        }
    }

    private void Complete(Reading reading, (LogPoint, bool) key, FeedPage page, long room)
    {
        lock (_gate)
        {
            _readings.Remove(key);
            _bytes += page.Bytes - room;
            if (page.Bytes > 0)
            {
                Keep(page, reading.Joined);
            }

            GiveRoom();
        }

        reading.Done.SetResult(page);
    }

    private void Fail(Reading reading, (LogPoint, bool) key, Exception exception, long room)
    {
        lock (_gate)
        {
            _readings.Remove(key);
            _bytes -= room;
            GiveRoom();
        }

        reading.Done.SetException(exception);

        // Where nobody waits for it any more there is nobody to tell.
        _ = reading.Done.Task.Exception;
    }

    private void Keep(FeedPage page, HashSet<ChangeWatcher> joined)
    {
        _head = page.Result.Entries[^1].Version > _head ? page.Result.Entries[^1].Version : _head;
        if (page.LeadsOn)
        {
            _pages[page.Since] = page;
        }

        foreach (ChangeWatcher watcher in joined)
        {
            Hold(watcher, page);
        }

        if (page.Holders == 0)
        {
            Unheld(page);
        }
    }

    private void Hold(ChangeWatcher watcher, FeedPage page)
    {
        if (page.Holders++ == 0 && page.Place.List is not null)
        {
            _unheld.Remove(page.Place);
        }

        page.Staying++;
        watcher.Page = page;
        watcher.HeldSince = time.GetTimestamp();
        _holders.AddLast(watcher.Place);
    }

    private void Unheld(FeedPage page)
    {
        page.UnheldSince = time.GetTimestamp();
        if (_pages.GetValueOrDefault(page.Since) == page)
        {
            if (_unheld.Count == 0)
            {
                _ = DropInTimeAsync();
            }

            _unheld.AddLast(page.Place);
        }
        else
        {
            _bytes -= page.Bytes;
        }
    }

    // Where no stream is left, nobody else does it.
    private async Task DropInTimeAsync()
    {
        bool isLeft = true;
        while (isLeft && !stopping.IsCancellationRequested)
        {
            await Task.Delay(KeepUnheld, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            lock (_gate)
            {
                DropOld();
                GiveRoom();
                isLeft = _unheld.Count > 0;
            }
        }
    }

    private void DropOld()
    {
        while (_unheld.First is { } oldest && time.GetElapsedTime(oldest.Value.UnheldSince) >= KeepUnheld)
        {
            Drop(oldest);
        }
    }

    private void Drop(LinkedListNode<FeedPage> unheld)
    {
        _unheld.Remove(unheld);
        _bytes -= unheld.Value.Bytes;
        if (_pages.GetValueOrDefault(unheld.Value.Since) == unheld.Value)
        {
            _pages.Remove(unheld.Value.Since);
        }
    }

    // The first page always has room, so that one that is larger than all the room gets through.
    private bool TryTake(long bytes)
    {
        while (_bytes + bytes > options.MaxWatchedBytes && _unheld.First is { } oldest)
        {
            Drop(oldest);
        }

        if (_bytes > 0 && _bytes + bytes > options.MaxWatchedBytes)
        {
            return false;
        }

        _bytes += bytes;
        return true;
    }

    private void GiveRoom()
    {
        while (_line.First is { } first && TryTake(ReadBytes))
        {
            _line.Remove(first);
            first.Value.SetResult();
        }
    }

    private async Task<bool> TakeRoomAsync()
    {
        LinkedListNode<TaskCompletionSource> place;
        lock (_gate)
        {
            if (_line.Count == 0 && TryTake(ReadBytes))
            {
                return true;
            }

            place = _line.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        long came = time.GetTimestamp();
        while (true)
        {
            try
            {
                await place.Value.Task.WaitAsync(LetGoSlowest(), time, stopping);
                return true;
            }
            catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
            {
                lock (_gate)
                {
                    if (place.List is null)
                    {
                        return true;
                    }

                    if (stopping.IsCancellationRequested || time.GetElapsedTime(came) >= options.ChangeRoomPatience)
                    {
                        _line.Remove(place);
                        return false;
                    }
                }
            }
        }
    }

    // Lets go, the slowest first, of those that have held a page for too long, until enough for another read is on its way
    // back; says when to look again.
    private TimeSpan LetGoSlowest()
    {
        lock (_gate)
        {
            var freed = new HashSet<FeedPage>();
            for (LinkedListNode<ChangeWatcher>? node = _holders.First; node is not null; node = node.Next)
            {
                ChangeWatcher watcher = node.Value;
                FeedPage page = watcher.Page!;
                if (time.GetElapsedTime(watcher.HeldSince) < options.ChangeHoldGrace || freed.Sum(static page => page.Bytes) >= ReadBytes)
                {
                    break;
                }

                if (!watcher.IsLetGo)
                {
                    watcher.LetGo();
                    page.Staying--;
                }

                if (page.Staying == 0)
                {
                    freed.Add(page);
                }
            }
        }

        return options.ChangeHoldGrace / 2;
    }

    private sealed class Reading
    {
        public TaskCompletionSource<FeedPage> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public HashSet<ChangeWatcher> Joined { get; } = [];
    }
}
