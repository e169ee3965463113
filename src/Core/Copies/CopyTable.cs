using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Diststore.Core;

/// <summary>
/// The copies that a node holds in memory: bounded in bytes, each for a limited time. What goes first when room is
/// needed is decided by SIEVE (Zhang et al., NSDI 2024): a queue in the order of keeping, and a hand that walks from its
/// oldest end, spares once what was read since it last came by, and evicts the first that was not.
/// <para>
/// Reads come from any thread, take no lock and allocate nothing: a hit costs a look-up, a clock reading and at most one
/// write of a flag. One writer at a time.
/// </para>
/// </summary>
internal sealed class CopyTable
{
    private const long Never = long.MaxValue;

    private readonly ConcurrentDictionary<string, Slot> _slots = new(StringComparer.Ordinal); // written by the writer, read by anyone
    private readonly TimeProvider _time;
    private readonly long _maxBytes;
    private readonly long _timeToLive; // in the clock's timestamps

    // The queue is the writer's alone. Keeping a key again moves it to the newest end, so the queue is in the order of
    // expiry too: what expired is always at the oldest end.
    private Slot? _newest;
    private Slot? _oldest;
    private Slot? _hand;

    private long _bytes; // set by the writer, read by anyone
    private int _count; // set by the writer, read by anyone

    /// <summary>Makes an empty table.</summary>
    /// <param name="maxBytes">The budget, counted in <see cref="Entry.SizeBytes"/>.</param>
    /// <param name="timeToLive">How long after it was kept a copy is served; at most about 30 years.</param>
    /// <param name="time">Its timestamps are read, never its wall clock.</param>
    public CopyTable(long maxBytes, TimeSpan timeToLive, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxBytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(timeToLive, TimeSpan.Zero);
        _maxBytes = maxBytes;
        _time = time;

        // Half of the timestamps' range stays free, so that now + time to live never overflows.
        _timeToLive = Timestamps(timeToLive);
    }

    /// <summary>How many copies are held, those that expired but were not reclaimed yet among them; any thread.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>What they cost, in <see cref="Entry.SizeBytes"/>; never more than the budget; any thread.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>The keys of the copies that are served now, in no order; any thread.</summary>
    public IEnumerable<string> Keys
    {
        get
        {
            long now = _time.GetTimestamp();
            foreach ((string key, Slot slot) in _slots)
            {
                if (now < slot.Copy.ExpiresAt)
                {
                    yield return key;
                }
            }
        }
    }

    /// <summary>The copy of that key, if there is one that has not expired; any thread.</summary>
    public bool TryGet(string key, [MaybeNullWhen(false)] out Entry entry) => TryGet(key, out entry, out _);

    /// <summary>
    /// The copy of that key, if there is one that has not expired, and what remains of the entry: <see langword="null"/> where it is not known
    /// to expire. Any thread.
    /// </summary>
    public bool TryGet(string key, [MaybeNullWhen(false)] out Entry entry, out TimeSpan? life)
    {
        life = null;
        if (_slots.TryGetValue(key, out Slot? slot))
        {
            Copy copy = slot.Copy;
            long now = _time.GetTimestamp();
            if (now < copy.ExpiresAt)
            {
                if (copy.EndsAt != Never)
                {
                    life = TimeSpan.FromSeconds((double)(copy.EndsAt - now) / _time.TimestampFrequency);
                }

                // Written only when it changes, so that a key that everyone reads does not travel between the cores' caches.
                if (!slot.WasRead)
                {
                    slot.WasRead = true;
                }

                entry = copy.Entry;
                return true;
            }
        }

        entry = null;
        return false;
    }

    /// <summary>
    /// Keeps a copy from now on, in place of an older version. Not kept is what is larger than the whole budget, a
    /// tombstone, and what is older than the copy held; an older copy goes in any case.
    /// </summary>
    /// <param name="entry">The entry.</param>
    /// <param name="life">How long it may be shown, if that is less than the table's time to live.</param>
    public bool Keep(Entry entry, TimeSpan? life = null)
    {
        DropExpired();
        _slots.TryGetValue(entry.Key, out Slot? slot);
        if (slot is not null && slot.Copy.Entry.Version > entry.Version)
        {
            return false;
        }

        if (entry.IsTombstone || life <= TimeSpan.Zero || entry.SizeBytes > _maxBytes)
        {
            Drop(slot);
            return false;
        }

        // The flag stays with the key: a copy that was read and then renewed is as popular as before.
        if (slot is not null)
        {
            Unlink(slot);
        }

        while (_bytes + entry.SizeBytes > _maxBytes)
        {
            EvictOne();
        }

        // Of an entry that expires, and of which nothing was told, as little is said as the copy will last.
        long now = _time.GetTimestamp();
        long ends = life is not null ? now + Timestamps(life) : entry.ExpiresAt is null ? Never : now + _timeToLive;
        var copy = new Copy(entry, Math.Min(now + _timeToLive, ends), ends);
        if (slot is null)
        {
            slot = new Slot(copy);
            Link(slot);
            _slots[entry.Key] = slot;
        }
        else
        {
            slot.Copy = copy;
            Link(slot);
        }

        return true;
    }

    private long Timestamps(TimeSpan? span) =>
        span is { } length ? (long)Math.Min(length.TotalSeconds * _time.TimestampFrequency, long.MaxValue / 2.0) : long.MaxValue / 2;

    /// <summary>Drops the copy of that key if it is older than <paramref name="version"/>.</summary>
    public bool DropOlderThan(string key, LogPoint version) =>
        _slots.TryGetValue(key, out Slot? slot) && slot.Copy.Entry.Version < version && Drop(slot);

    /// <summary>Gives back the room of what has expired; costs what has.</summary>
    public void DropExpired()
    {
        long now = _time.GetTimestamp();
        while (_oldest is not null && _oldest.Copy.ExpiresAt <= now)
        {
            Drop(_oldest);
        }
    }

    /// <summary>Drops everything.</summary>
    public void Clear()
    {
        _slots.Clear();
        _newest = _oldest = _hand = null;
        Volatile.Write(ref _bytes, 0);
        Volatile.Write(ref _count, 0);
    }

    // One round takes all flags away. Readers may set them again meanwhile, so after two the hand takes what it is at.
    private void EvictOne()
    {
        Slot hand = _hand ?? _oldest!;
        for (int left = 2 * _count; hand.WasRead && left > 0; left--)
        {
            hand.WasRead = false;
            hand = hand.Newer ?? _oldest!;
        }

        _hand = hand;
        Drop(hand);
    }

    private bool Drop(Slot? slot)
    {
        if (slot is null)
        {
            return false;
        }

        _slots.TryRemove(slot.Copy.Entry.Key, out _);
        Unlink(slot);
        return true;
    }

    private void Link(Slot slot)
    {
        slot.Older = _newest;
        slot.Newer = null;
        if (_newest is null)
        {
            _oldest = slot;
        }
        else
        {
            _newest.Newer = slot;
        }

        _newest = slot;
        Volatile.Write(ref _bytes, _bytes + slot.Copy.Entry.SizeBytes);
        Volatile.Write(ref _count, _count + 1);
    }

    private void Unlink(Slot slot)
    {
        _hand = _hand == slot ? slot.Newer : _hand;
        if (slot.Newer is null)
        {
            _newest = slot.Older;
        }
        else
        {
            slot.Newer.Older = slot.Older;
        }

        if (slot.Older is null)
        {
            _oldest = slot.Newer;
        }
        else
        {
            slot.Older.Newer = slot.Newer;
        }

        slot.Newer = slot.Older = null;
        Volatile.Write(ref _bytes, _bytes - slot.Copy.Entry.SizeBytes);
        Volatile.Write(ref _count, _count - 1);
    }

    // Entry and ends belong together, so that a reader never sees one copy's bytes with another's time: when the copy ends, and when the entry
    // does, if ever. The entry itself does not tell whether it expires where this node posted it: only the primary knows when that will be.
    private sealed record Copy(Entry Entry, long ExpiresAt, long EndsAt);

    private sealed class Slot(Copy copy)
    {
        public volatile Copy Copy = copy; // replaced by the writer, read by anyone
        public volatile bool WasRead; // set by readers, taken away by the writer
        public Slot? Newer; // the writer's
        public Slot? Older; // the writer's
    }
}
