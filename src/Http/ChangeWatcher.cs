using Diststore.Core;

namespace Diststore.Http;

/// <summary>One stream, as the feed knows it. What is not said otherwise is guarded by the feed.</summary>
internal sealed class ChangeWatcher
{
    private readonly CancellationTokenSource _ends;

    /// <summary>A stream that <paramref name="ends"/> can end, of the changes that a filter shows.</summary>
    public ChangeWatcher(CancellationTokenSource ends, ChangeFilter filter = default)
    {
        _ends = ends;
        Filter = filter;
        Place = new LinkedListNode<ChangeWatcher>(this);
    }

    /// <summary>What it wants to see.</summary>
    public ChangeFilter Filter { get; }

    /// <summary>Whether the last page that it read was of all that there was to scan then. Of its stream alone.</summary>
    public bool HasSeenAll { get; set; }

    /// <summary>Its place among those that hold a page.</summary>
    public LinkedListNode<ChangeWatcher> Place { get; }

    public FeedPage? Page { get; set; }

    /// <summary>Since when it holds that, in the clock's timestamps.</summary>
    public long HeldSince { get; set; }

    /// <summary>Whether it was ended to make room for others; any thread may ask.</summary>
    public bool IsLetGo { get; private set; }

    public void LetGo()
    {
        IsLetGo = true;

        // Not here and now: what hears of it does not run under the feed's lock. Before the source is disposed the stream
        // gives back what it holds, so it is not disposed now.
        _ = _ends.CancelAsync();
    }
}
