using Diststore.Core;

namespace Diststore.Http;

/// <summary>
/// What the streams of this process hold of pages of changes, bounded together. Who needs room for another page waits in line
/// and holds nothing; meanwhile those that have held theirs longest are let go.
/// </summary>
internal sealed class ChangeRoom(DiststoreHttpOptions options, TimeProvider time, CancellationToken stopping)
{
    /// <summary>What a read gives at most as a rule, and what comes of it in memory (see <see cref="FeedPage.Bytes"/>).</summary>
    public const long ReadBytes = 4L * ChangesQuery.MaxBytes;

    // A page that nobody holds any more, for those who are a little behind.
    private static readonly TimeSpan KeepUnheld = TimeSpan.FromSeconds(1);

    // An older page is read anew: what it shows may have been superseded.
    private static readonly TimeSpan MaxPageAge = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new(); // guards all that follows
    private readonly Dictionary<FeedPoint, FeedPage> _pages = []; // the newest page read from there
    private readonly LinkedList<FeedPage> _unheld = new(); // those that nobody holds, the oldest first
    private readonly LinkedList<ChangeWatcher> _holders = new(); // who has held a page longest first
    private readonly LinkedList<(long Bytes, TaskCompletionSource Granted)> _line = new(); // who waits for room
    private LogPoint _head;
    private long _bytes;

    /// <summary>Bytes that pages take now, and what is kept free for those that are being read.</summary>
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

    /// <summary>The last change that is known of: one that a page has shown, or what was applied when a page was read.</summary>
    public LogPoint Head
    {
        get
        {
            lock (_gate)
            {
                return _head;
            }
        }
    }

    /// <summary>The page that was read from there, if it is still at hand.</summary>
    public FeedPage? TryHold(ChangeWatcher watcher, ChangeId since)
    {
        lock (_gate)
        {
            DropOld();
            if (!_pages.TryGetValue(new FeedPoint(since, watcher.Filter), out FeedPage? page) || time.GetElapsedTime(page.ReadAt) >= MaxPageAge)
            {
                return null;
            }

            Hold(watcher, page);
            return page;
        }
    }

    /// <summary>
    /// Takes a page in for those who wait for it, in the <paramref name="room"/> that was taken for it before; where it needs
    /// more than that, only if there is some. If not, what was taken stays taken.
    /// </summary>
    public bool TryAdd(FeedPage page, long room, IEnumerable<ChangeWatcher> watchers)
    {
        lock (_gate)
        {
            if (page.Bytes > room && !TryTake(page.Bytes, room))
            {
                return false;
            }

            _bytes -= page.Bytes > room ? 0 : room - page.Bytes;
            LogPoint known = page.Result.Last > page.Result.ReadAt ? page.Result.Last : page.Result.ReadAt;
            _head = known > _head ? known : _head;
            if (page.Bytes > 0)
            {
                Keep(page, watchers);
            }

            GiveRoom();
            return true;
        }
    }

    /// <summary>Gives back room that was taken for a read.</summary>
    public void Give(long room)
    {
        lock (_gate)
        {
            _bytes -= room;
            GiveRoom();
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

    /// <summary>Waits in line for so many bytes of room; false when there was none in time.</summary>
    public async Task<bool> TakeAsync(long bytes)
    {
        LinkedListNode<(long Bytes, TaskCompletionSource Granted)> place;
        lock (_gate)
        {
            if (_line.Count == 0 && TryTake(bytes))
            {
                return true;
            }

            place = _line.AddLast((bytes, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)));
        }

        long came = time.GetTimestamp();
        while (true)
        {
            try
            {
                await place.Value.Granted.Task.WaitAsync(LetGoSlowest(), time, stopping);
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

    private void Keep(FeedPage page, IEnumerable<ChangeWatcher> joined)
    {
        if (page.LeadsOn)
        {
            _pages[page.From] = page;
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
        if (_pages.GetValueOrDefault(page.From) == page)
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
        if (_pages.GetValueOrDefault(unheld.Value.From) == unheld.Value)
        {
            _pages.Remove(unheld.Value.From);
        }
    }

    // So many bytes in place of those that one has already. Who is alone always has room, so that a page that is larger than all
    // the room gets through.
    private bool TryTake(long bytes, long insteadOf = 0)
    {
        while (_bytes + bytes - insteadOf > options.MaxWatchedBytes && _unheld.First is { } oldest)
        {
            Drop(oldest);
        }

        if (_bytes > insteadOf && _bytes + bytes - insteadOf > options.MaxWatchedBytes)
        {
            return false;
        }

        _bytes += bytes - insteadOf;
        return true;
    }

    private void GiveRoom()
    {
        while (_line.First is { } first && TryTake(first.Value.Bytes))
        {
            _line.Remove(first);
            first.Value.Granted.SetResult();
        }
    }

    // Lets go, the slowest first, of those that have held a page for too long, until enough for the first in line is on its way
    // back; says when to look again.
    private TimeSpan LetGoSlowest()
    {
        lock (_gate)
        {
            var freed = new HashSet<FeedPage>();
            long wanted = _line.First?.Value.Bytes ?? 0;
            for (LinkedListNode<ChangeWatcher>? node = _holders.First; node is not null; node = node.Next)
            {
                ChangeWatcher watcher = node.Value;
                FeedPage page = watcher.Page!;
                if (time.GetElapsedTime(watcher.HeldSince) < options.ChangeHoldGrace || freed.Sum(static page => page.Bytes) >= wanted)
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
}
