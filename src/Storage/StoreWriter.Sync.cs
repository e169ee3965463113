using System.Collections.Immutable;

namespace Diststore.Storage;

/// <content>What a learner writes, and the tombstones that are forgotten.</content>
internal sealed partial class StoreWriter
{
    // Removals of any number go in batches of about this size; each leaves the store as a shorter removal would have.
    private const long MaxRemovalBytes = 4 << 20;

    /// <summary>Content of which only a part was taken cannot go on with changes: that is refused too.</summary>
    public bool StartSync(long epoch, SyncKind kind, Guid history)
    {
        StoreState state = State;
        if (epoch < state.HighestEpoch || (kind == SyncKind.Changes && !state.IsWhole))
        {
            return false;
        }

        StoreState next = state with { Pending = ImmutableList<Batch>.Empty };
        if (kind == SyncKind.Full)
        {
            next = next with
            {
                History = history,
                Epochs = EpochHistory.Empty,
                Applied = LogPoint.Zero,
                IsWhole = false,
                Cursor = !state.IsWhole && state.History == history ? state.Cursor : null,
            };
        }

        DropPending(state.Pending, next);
        return true;
    }

    /// <summary>
    /// Refused as well: a page outside of a full sync, one that does not go on where the cursor stands, and one whose floor
    /// has passed the first sequence; then the cursor goes, and the next start begins with the first page.
    /// </summary>
    public PageOutcome WritePage(long epoch, string? after, KeyPage page)
    {
        StoreState state = State;
        if (epoch < state.HighestEpoch || state.IsWhole || (after is not null && after != state.Cursor?.After))
        {
            return PageOutcome.Refused;
        }

        var batch = NewBatch();
        try
        {
            if (after is not null && page.Floor > state.Cursor!.FirstSequence)
            {
                Write(batch, state with { Cursor = null });
                return PageOutcome.Refused;
            }

            string? last = page.Entries.Length > 0 ? page.Entries[^1].Key : after;
            Dictionary<string, EntryHeader> named = last is not null || !page.More ? RemoveUnnamed(ref batch, after, page) : [];
            DateTimeOffset now = _time.GetUtcNow();
            foreach (Entry entry in page.Entries)
            {
                bool isInRange = after is null || KeyOrder.Instance.Compare(entry.Key, after) > 0;
                batch.Put(entry, now, named.TryGetValue(entry.Key, out EntryHeader old) ? Known.Entry(old) : isInRange ? Known.Nothing : default);
            }

            long first = after is null ? page.Applied.Sequence : state.Cursor!.FirstSequence;
            Write(batch, State with { Cursor = new SyncCursor(last, first), Floor = page.More ? state.Floor : page.Floor });
            return PageOutcome.Taken;
        }
        finally
        {
            batch.Dispose();
        }
    }

    /// <summary>Takes a page of changes.</summary>
    public bool WriteChanges(long epoch, ChangePage page)
    {
        StoreState state = State;
        if (epoch < state.HighestEpoch)
        {
            return false;
        }

        using var batch = NewBatch();
        DateTimeOffset now = _time.GetUtcNow(); // when the primary ordered them is not told, so their tombstones' age counts from now
        foreach (Entry entry in page.Entries)
        {
            batch.Put(entry, now);
        }

        StoreState next = state;
        if (page.IsWhole)
        {
            next = state with
            {
                Applied = page.Applied,
                Epochs = page.Epochs,
                Floor = Math.Max(state.Floor, page.Floor),
                IsWhole = true,
                Cursor = null,
                Pending = state.PendingAfter(page.Applied),
            };
            foreach (Batch dropped in state.Pending.Except(next.Pending))
            {
                batch.DeletePending(dropped);
            }
        }

        Write(batch, next);
        return true;
    }

    /// <summary>Forgets tombstones, oldest first.</summary>
    public bool CollectTombstones(DateTimeOffset orderedBefore, long keepFrom)
    {
        // What lies beyond the mark was taken by a sync that has not ended: the floor must not pass the mark.
        long end = Math.Min(keepFrom - 1, State.Applied.Sequence);
        long floor = State.Floor;
        var batch = NewBatch();
        try
        {
            using Rowset tombstones = _engine.Scan(Family.Tombstones, null, fillCache: false);
            for (tombstones.Seek([]); tombstones.IsValid; tombstones.Next())
            {
                var key = new RowReader(tombstones.Key);
                if (key.Long() >= orderedBefore.UtcTicks)
                {
                    break;
                }

                long sequence = key.Long();
                if (sequence <= end)
                {
                    batch.Remove(Rows.Text(key.Rest));
                    floor = Math.Max(floor, sequence);
                    WriteIfLong(ref batch, State with { Floor = floor });
                }
            }

            Write(batch, State with { Floor = floor });
            return false;
        }
        finally
        {
            batch.Dispose();
        }
    }

    // Walks over what is held in the page's range: what the page does not name goes, what it names is handed back, so that
    // nothing has to be looked up for it again. While a full sync is under way nothing is served from here, so the range
    // may shrink in several batches; a page taken again after a crash ends in the same.
    private Dictionary<string, EntryHeader> RemoveUnnamed(ref RowBatch batch, string? after, KeyPage page)
    {
        HashSet<string>? names = null; // only once there is something to compare with: most pages fill an empty range
        var named = new Dictionary<string, EntryHeader>(StringComparer.Ordinal);
        byte[]? first = after is null ? null : Rows.Key(after);
        byte[]? last = !page.More ? null : page.Entries.Length > 0 ? Rows.Key(page.Entries[^1].Key) : first;
        using Rowset held = _engine.Scan(Family.Entries, null, fillCache: false);
        for (held.Seek(first ?? []); held.IsValid && (last is null || held.Key.SequenceCompareTo(last) <= 0); held.Next())
        {
            if (first is not null && held.Key.SequenceEqual(first))
            {
                continue;
            }

            string key = Rows.Text(held.Key);
            EntryHeader header = Rows.ReadHeader(held.Key.Length, held.Row);
            names ??= page.Entries.Select(static entry => entry.Key).ToHashSet(StringComparer.Ordinal);
            if (names.Contains(key))
            {
                named[key] = header;
            }
            else
            {
                batch.Remove(key, Known.Entry(header));
                WriteIfLong(ref batch, State);
            }
        }

        return named;
    }

    private void WriteIfLong(ref RowBatch batch, StoreState next)
    {
        if (batch.Bytes >= MaxRemovalBytes)
        {
            Write(batch, next);
            batch.Dispose();
            batch = NewBatch();
        }
    }
}
