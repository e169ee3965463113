namespace Diststore.Http;

/// <summary>One stream, as the feed knows it. All but its making is guarded by the feed.</summary>
internal sealed class ChangeWatcher
{
    private readonly CancellationTokenSource _ends;

    /// <summary>A stream that <paramref name="ends"/> can end.</summary>
    public ChangeWatcher(CancellationTokenSource ends)
    {
        _ends = ends;
        Place = new LinkedListNode<ChangeWatcher>(this);
    }

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
