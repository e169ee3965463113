using System.Collections.Immutable;

namespace Diststore.Storage;

/// <content>What a learner writes, and the tombstones that are forgotten.</content>
internal sealed partial class StoreWriter
{
    // Entries that one operation removes, and rows that it looks at for that: some milliseconds, and others get their turn.
    private const int MaxRemoved = 1024;
    private const int MaxLooked = 16 * 1024;

    private long _syncs; // written by the writer thread, read by anyone

    /// <summary>Counts the syncs that were begun: what was looked at before one says nothing of what there is after it. Any thread.</summary>
    public long Syncs => Volatile.Read(ref _syncs);

    public bool StartSync(long epoch, SyncKind kind, Guid history)
    {
        if (State.StartSync(epoch, kind, history) is not { } started)
        {
            return false;
        }

        _removal = null;
        Volatile.Write(ref _syncs, _syncs + 1);
        using var batch = NewBatch();
        Write(batch, started);
        return true;
    }

    public PageOutcome WritePage(long epoch, string? after, KeyPage page)
    {
        StoreState state = State;
        (bool isTaken, StoreState otherwise) = state.JudgePage(epoch, after, page);
        using var batch = NewBatch();
        if (!isTaken)
        {
            Write(batch, otherwise);
            return PageOutcome.Refused;
        }

        if (!ReferenceEquals(_removal?.Page, page))
        {
            _removal = new Removal(page);
        }

        if ((page.LastKey(after) is not null || !page.More) && !RemoveUnnamed(batch, after, _removal))
        {
            Write(batch, state);
            return PageOutcome.Partly;
        }

        Dictionary<string, StoredRow> named = _removal.Named;
        _removal = null;
        DateTimeOffset now = _time.GetUtcNow();
        foreach (Entry entry in page.Entries)
        {
            bool isInRange = after is null || KeyOrder.Instance.Compare(entry.Key, after) > 0;
            batch.Put(entry, now, named.TryGetValue(entry.Key, out StoredRow old) ? Known.Entry(old) : isInRange ? Known.Nothing : default);
        }

        Write(batch, state.AfterPage(after, page));
        return PageOutcome.Taken;
    }

    /// <summary>Takes a page of changes.</summary>
    public bool WriteChanges(long epoch, ChangePage page)
    {
        if (State.AfterChanges(epoch, page) is not { } next)
        {
            return false;
        }

        using var batch = NewBatch();
        DateTimeOffset now = _time.GetUtcNow(); // when the primary ordered them is not told, so their tombstones' age counts from now
        foreach (Entry entry in page.Entries)
        {
            batch.Put(entry, now);
        }

        Write(batch, next);
        return true;
    }

    /// <summary>Forgets those of these tombstones that are still there, as far as they lie before <paramref name="keepFrom"/>.</summary>
    public bool ForgetTombstones(List<AgedTombstone> found, long keepFrom)
    {
        long end = State.ForgetsUpTo(keepFrom);
        long forgotten = 0;
        using var batch = NewBatch();
        foreach ((long ticks, long sequence, string key) in found)
        {
            // The row goes with its tombstone: while it is there nothing has replaced that.
            if (sequence <= end && _engine.Get(Family.Tombstones, Rows.TombstoneKey(_row, ticks, sequence, key).Written, static _ => true))
            {
                batch.Remove(key, Known.Entry(new StoredRow(new LogPoint(0, sequence), ticks, null, 0)));
                forgotten = Math.Max(forgotten, sequence);
            }
        }

        Write(batch, State.WithFloor(forgotten));
        return true;
    }

    /// <summary>
    /// Removes those of these void rows that are still there, and takes note up to where none is left; nothing of that, and false, where a sync
    /// was begun since they were looked for.
    /// </summary>
    public bool RemoveVoid(List<VoidRow> found, long upto, long syncs)
    {
        if (syncs != _syncs)
        {
            return false;
        }

        using var batch = NewBatch();
        foreach ((long sequence, string key) in found)
        {
            if (_engine.Get(Family.Changes, Rows.ChangeKey(_row, sequence, key).Written, static _ => true))
            {
                batch.Remove(key);
            }
        }

        Write(batch, State.WithVoidRemoved(upto));
        return true;
    }

    // Walks over what is held in the page's range: what the page does not name goes, what it names is noted, so that nothing
    // has to be looked up for it again. False when there is more to remove than one operation may. While a full sync is
    // under way nothing is served from here, so the range may shrink in several batches; a page taken again after a crash
    // ends in the same.
    private bool RemoveUnnamed(RowBatch batch, string? after, Removal removal)
    {
        KeyPage page = removal.Page;
        byte[]? first = after is null ? null : Rows.Key(after);
        byte[]? last = !page.More ? null : page.Entries.Length > 0 ? Rows.Key(page.Entries[^1].Key) : first;
        int looked = 0;
        int removed = 0;
        using Rowset held = _engine.Scan(Family.Entries, null, fillCache: false);
        for (held.Seek(removal.At ?? first ?? []); held.IsValid && (last is null || held.Key.SequenceCompareTo(last) <= 0); held.Next())
        {
            if (first is not null && held.Key.SequenceEqual(first))
            {
                continue;
            }

            if (removed >= MaxRemoved || looked >= MaxLooked)
            {
                removal.At = held.Key.ToArray();
                return false;
            }

            looked++;
            string key = Rows.Text(held.Key);
            StoredRow row = Rows.ReadStored(held.Key.Length, held.Row);
            if (removal.Names.Contains(key))
            {
                removal.Named[key] = row;
            }
            else
            {
                batch.Remove(key, Known.Entry(row));
                removed++;
            }
        }

        return true;
    }

    /// <summary>How far the removing of what one page does not name has got.</summary>
    private sealed class Removal(KeyPage page)
    {
        private HashSet<string>? _names; // only once there is something to compare with: most pages fill an empty range

        public KeyPage Page => page;

        public HashSet<string> Names => _names ??= page.Entries.Select(static entry => entry.Key).ToHashSet(StringComparer.Ordinal);

        public Dictionary<string, StoredRow> Named { get; } = new(StringComparer.Ordinal);

        /// <summary>The key to go on from.</summary>
        public byte[]? At { get; set; }
    }
}

/// <summary>A row of the change index whose entry remembers a request, and is void.</summary>
internal readonly record struct VoidRow(long Sequence, string Key);

/// <summary>A row of the tombstones by age.</summary>
internal readonly record struct AgedTombstone(long Ticks, long Sequence, string Key);
