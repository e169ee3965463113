namespace Diststore.Core;

/// <summary>
/// Decides what is kept as a copy, and drops what has changed. It follows an upstream's changes: up to its followed point
/// every change is known here, so a value that is not older than that point may be kept; an older one only if the window of
/// recent changes reaches back to it without its key. What is not kept is served once. One caller at a time.
/// </summary>
internal sealed class CopyKeeper(CopyTable copies)
{
    /// <summary>Changed keys remembered.</summary>
    private const int MaxRemembered = 8192;

    // Each key's newest version among the changes remembered. Hints are remembered too: a value that comes after a hint of
    // a newer one would live until the next answer of the primary.
    private readonly Dictionary<string, LogPoint> _newest = new(StringComparer.Ordinal);
    private readonly Queue<ChangedKey> _remembered = new();
    private long _windowStart;

    /// <summary>Up to where the upstream's changes were followed; <see langword="null"/> before the first answer.</summary>
    public LogPoint? Followed { get; private set; }

    /// <summary>The history that the followed point belongs to.</summary>
    public Guid History { get; private set; }

    /// <summary>
    /// Keeps an entry that was fetched, or written from here, if it is surely not outdated; false if it is not kept.
    /// </summary>
    /// <param name="entry">The entry.</param>
    /// <param name="history">The history that it is of.</param>
    /// <param name="currentAt">The point at which it was current: a write's own, or up to where its holder followed.</param>
    /// <param name="life">What remains of one that expires.</param>
    public bool Keep(Entry entry, Guid history, LogPoint currentAt, TimeSpan? life)
    {
        // Points of different histories cannot be compared.
        if (history != History)
        {
            return false;
        }

        bool isCovered = Followed is { } followed && (currentAt.Sequence >= followed.Sequence || currentAt.Sequence >= _windowStart);
        return isCovered && !IsOutdated(entry) && copies.Keep(entry, life);
    }

    /// <summary>Whether this node knows of a newer change of the key, its own write among them.</summary>
    public bool IsOutdated(Entry entry) => _newest.TryGetValue(entry.Key, out LogPoint newest) && newest > entry.Version;

    /// <summary>A key has changed: an older copy goes, and an older value on its way will not be kept.</summary>
    public void OnChanged(ChangedKey change)
    {
        copies.DropOlderThan(change.Key, change.Version);
        if (_newest.TryGetValue(change.Key, out LogPoint known) && known >= change.Version)
        {
            return;
        }

        if (_remembered.Count >= MaxRemembered)
        {
            ForgetOldest();
        }

        _newest[change.Key] = change.Version;
        _remembered.Enqueue(change);
    }

    /// <summary>Follows what the upstream has told; true where that means to drop all copies.</summary>
    public bool Follow(in News news)
    {
        if (news.Jumps || news.History != History || Followed is null)
        {
            JumpTo(news.History, news.Upto);
            return true;
        }

        foreach (ChangedKey change in news.Changes)
        {
            OnChanged(change);
        }

        Followed = news.Upto;
        return false;
    }

    /// <summary>Drops all copies, and what is known of changes.</summary>
    public void Forget()
    {
        copies.Clear();
        _newest.Clear();
        _remembered.Clear();
        Followed = null;
    }

    private void JumpTo(Guid history, LogPoint point)
    {
        Forget();
        (History, Followed, _windowStart) = (history, point, point.Sequence);
    }

    // From the forgotten change on the window has a hole.
    private void ForgetOldest()
    {
        ChangedKey oldest = _remembered.Dequeue();
        _windowStart = Math.Max(_windowStart, oldest.Version.Sequence);
        if (_newest.GetValueOrDefault(oldest.Key) == oldest.Version)
        {
            _newest.Remove(oldest.Key);
        }
    }
}
