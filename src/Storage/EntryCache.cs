using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Diststore.Storage;

/// <summary>
/// The entries that were read lately, bounded in bytes, so that a hot key costs a look-up and no call of the engine. What
/// goes first is decided by SIEVE (Zhang et al., NSDI 2024), as in the table of copies; unlike there many threads keep.
/// <para>
/// A reader must not keep what a writer is just replacing. So a reader takes a ticket, reads the engine and offers what
/// it found; the writer drops the keys *before* its batch becomes visible and renews their tickets after. Dropping
/// before also keeps readers from going back in time: nobody finds the old entry here once someone found the new one there.
/// </para>
/// </summary>
internal sealed class EntryCache
{
    private const int Stripes = 1024; // a power of two; keys of one stripe share their tickets
    private const int MaxKeysOneByOne = 2048; // a larger change, a page of a sync, costs the whole cache instead

    private readonly ConcurrentDictionary<string, Slot> _slots = new(StringComparer.Ordinal); // written under _gate
    private readonly long _maxBytes;
    private readonly Lock _gate = new();

    // Written under _gate. A stripe's ticket is void once it was renewed, and while a writer is busy in it.
    private readonly int[] _tickets = new int[Stripes];
    private readonly int[] _busy = new int[Stripes];
    private bool _allBusy;

    // The queue and the hand: under _gate.
    private Slot? _newest;
    private Slot? _oldest;
    private Slot? _hand;
    private long _bytes;

    /// <param name="maxBytes">The budget, counted in <see cref="Entry.SizeBytes"/>.</param>
    public EntryCache(long maxBytes) => _maxBytes = maxBytes;

    /// <summary>What the entries cost, in <see cref="Entry.SizeBytes"/>; any thread.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>The entry of that key, if it is here; any thread, takes no lock.</summary>
    public bool TryGet(string key, [MaybeNullWhen(false)] out Entry entry)
    {
        if (_slots.TryGetValue(key, out Slot? slot))
        {
            // Written only when it changes, so that a key that everyone reads does not travel between the cores' caches.
            if (!slot.WasRead)
            {
                slot.WasRead = true;
            }

            entry = slot.Entry;
            return true;
        }

        entry = null;
        return false;
    }

    /// <summary>To be taken before the engine is read; any thread.</summary>
    public int Ticket(string key) => Volatile.Read(ref _tickets[StripeOf(key)]);

    /// <summary>Keeps what was read under that ticket, unless it was or is being replaced since; any thread.</summary>
    public void Offer(Entry entry, int ticket)
    {
        if (entry.SizeBytes > _maxBytes / 8)
        {
            return; // one large value is not worth many small ones
        }

        int stripe = StripeOf(entry.Key);
        lock (_gate)
        {
            if (_allBusy || _busy[stripe] > 0 || _tickets[stripe] != ticket || _slots.ContainsKey(entry.Key))
            {
                return;
            }

            while (_bytes + entry.SizeBytes > _maxBytes)
            {
                EvictOne();
            }

            var slot = new Slot(entry);
            Link(slot);
            _slots[entry.Key] = slot;
        }
    }

    /// <summary>These keys are about to be replaced; one writer at a time.</summary>
    public void StartChange(IReadOnlyCollection<string> keys)
    {
        lock (_gate)
        {
            if (keys.Count > MaxKeysOneByOne)
            {
                _allBusy = true;
                _slots.Clear();
                _newest = _oldest = _hand = null;
                _bytes = 0;
                return;
            }

            foreach (string key in keys)
            {
                _busy[StripeOf(key)]++;
                if (_slots.TryRemove(key, out Slot? slot))
                {
                    Unlink(slot);
                }
            }
        }
    }

    /// <summary>They were replaced.</summary>
    public void EndChange(IReadOnlyCollection<string> keys)
    {
        lock (_gate)
        {
            if (keys.Count > MaxKeysOneByOne)
            {
                _allBusy = false;
                for (int i = 0; i < Stripes; i++)
                {
                    _tickets[i]++;
                }

                return;
            }

            foreach (string key in keys)
            {
                int stripe = StripeOf(key);
                _busy[stripe]--;
                _tickets[stripe]++;
            }
        }
    }

    private static int StripeOf(string key) => string.GetHashCode(key, StringComparison.Ordinal) & (Stripes - 1);

    // One round takes all flags away. Readers may set them again meanwhile, so after two the hand takes what it is at.
    private void EvictOne()
    {
        Slot hand = _hand ?? _oldest!;
        for (int left = 2 * _slots.Count; hand.WasRead && left > 0; left--)
        {
            hand.WasRead = false;
            hand = hand.Newer ?? _oldest!;
        }

        _hand = hand;
        _slots.TryRemove(hand.Entry.Key, out _);
        Unlink(hand);
    }

    private void Link(Slot slot)
    {
        slot.Older = _newest;
        if (_newest is null)
        {
            _oldest = slot;
        }
        else
        {
            _newest.Newer = slot;
        }

        _newest = slot;
        _bytes += slot.Entry.SizeBytes;
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

        _bytes -= slot.Entry.SizeBytes;
    }

    private sealed class Slot(Entry entry)
    {
        public readonly Entry Entry = entry;
        public volatile bool WasRead; // set by readers, taken away under the gate
        public Slot? Newer; // under the gate
        public Slot? Older; // under the gate
    }
}
