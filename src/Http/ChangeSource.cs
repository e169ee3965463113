using Diststore.Core;

namespace Diststore.Http;

/// <summary>Where one stream of changes has got to, and how it asks for more.</summary>
internal sealed class ChangeSource(IDiststore store, ChangeFeed feed, ChangeWatcher watcher, ChangeId since, CancellationToken ends)
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(100);

    /// <summary>The last change that was taken, or the point up to which was scanned.</summary>
    public ChangeId Position { get; private set; } = since;

    /// <summary>Takes a change that comes after the position; false, and not taken, where it does not.</summary>
    public bool TryAdvance(ChangeId change)
    {
        bool isLater = change.Point > Position.Point;
        Position = isLater ? change : Position;
        return isLater;
    }

    /// <summary>
    /// Changes after the position, waiting so long for the first, in place of what was read before. <see langword="null"/> where no
    /// answer came within <paramref name="patience"/>. Unavailable, at once, when the stream ends.
    /// </summary>
    public async ValueTask<FeedPage?> ReadAsync(TimeSpan wait, TimeSpan patience)
    {
        feed.Release(watcher);
        try
        {
            FeedPage? page = await feed.ReadAsync(watcher, Position, wait, patience, ends);
            watcher.HasSeenAll = page is null ? watcher.HasSeenAll
                : page.Result is { Outcome: ChangesOutcome.Page } read && read.ReadAt != LogPoint.Zero && read.Upto >= read.ReadAt;
            return page;
        }
        catch (OperationCanceledException)
        {
            var stopped = new ChangesResult(ChangesOutcome.Unavailable, [], "", "the node has stopped answering");
            return new FeedPage(new FeedPoint(Position, watcher.Filter), stopped, 0);
        }
    }

    /// <summary>Gives back what was read last.</summary>
    public void Release() => feed.Release(watcher);

    /// <summary>Where the primary's log ends now; where nobody can say it, a point that no change reaches.</summary>
    public async ValueTask<LogPoint> NowAsync()
    {
        ListResult keys = await store.ListAsync(new ListQuery("", null, 1), ends);
        return keys.Found ? keys.Point : new LogPoint(long.MaxValue, long.MaxValue);
    }

    /// <summary>Lets a while pass before asking again; less when the stream ends.</summary>
    public async Task PauseAsync(TimeProvider time) => await Task.Delay(RetryPause, time, ends).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
