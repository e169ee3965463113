namespace Diststore.Core;

/// <summary>
/// Decides what is kept as a copy. A value that arrives later than a hint of a newer one is served once and not kept:
/// the newest versions that hints have named lately are remembered for that. For the node's scheduler.
/// </summary>
internal sealed class CopyKeeper(CopyTable copies, Func<bool> isMaster)
{
    /// <summary>Hinted keys remembered.</summary>
    private const int MaxHinted = 8192;

    private readonly Dictionary<string, LogPoint> _hinted = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();

    /// <summary>Keeps an entry that was fetched, or written from here, unless a newer one is known of.</summary>
    public void Keep(Entry entry)
    {
        if (!isMaster() && !(_hinted.TryGetValue(entry.Key, out LogPoint newest) && entry.Version < newest))
        {
            copies.Keep(entry);
        }
    }

    /// <summary>A key has changed: an older copy goes, and an older value on its way will not be kept.</summary>
    public void OnChanged(string key, LogPoint version)
    {
        copies.DropOlderThan(key, version);
        if (_hinted.TryGetValue(key, out LogPoint known))
        {
            _hinted[key] = version > known ? version : known;
            return;
        }

        if (_order.Count >= MaxHinted)
        {
            _hinted.Remove(_order.Dequeue());
        }

        _hinted[key] = version;
        _order.Enqueue(key);
    }
}
