using System.Collections.Immutable;

namespace Diststore.Core;

/// <content>What a learner writes, and the tombstones that are forgotten.</content>
public sealed partial class MemoryStore
{
    // Entries that one operation removes.
    private const int MaxRemoved = 1024;

    /// <inheritdoc/>
    /// <remarks>Content of which only a part was taken cannot go on with changes: that is refused too.</remarks>
    public ValueTask<bool> StartSyncAsync(long epoch, SyncKind kind, Guid history)
    {
        lock (_gate)
        {
            StoreState? started = _state.StartSync(epoch, kind, history);
            _state = started ?? _state;
            return new ValueTask<bool>(started is not null);
        }
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Refused as well: a page outside of a full sync, one that does not go on where the cursor stands, and one whose
    /// floor has passed the first sequence. Of what changed since then tombstones are forgotten, so this sync cannot end:
    /// its cursor goes, and the next start begins with the first page.
    /// </remarks>
    public ValueTask<PageOutcome> WritePageAsync(long epoch, string? after, KeyPage page)
    {
        ArgumentNullException.ThrowIfNull(page);
        lock (_gate)
        {
            StoreState state = _state;
            if (epoch < state.HighestEpoch || state.IsWhole || (after is not null && after != state.Cursor?.After))
            {
                return new ValueTask<PageOutcome>(PageOutcome.Refused);
            }

            if (after is not null && page.Floor > state.Cursor!.FirstSequence)
            {
                _state = state with { Cursor = null };
                return new ValueTask<PageOutcome>(PageOutcome.Refused);
            }

            string? last = page.Entries.Length > 0 ? page.Entries[^1].Key : after;
            if (last is not null || !page.More)
            {
                var named = page.Entries.Select(static entry => entry.Key).ToHashSet(StringComparer.Ordinal);
                List<string> unnamed =
                    [.. KeysFrom(_keys, after, page.More ? last : null).Where(key => key != after && !named.Contains(key)).Take(MaxRemoved)];
                unnamed.ForEach(Remove);
                if (unnamed.Count == MaxRemoved)
                {
                    _state = state with { Entries = _values, LiveBytes = _liveBytes };
                    return new ValueTask<PageOutcome>(PageOutcome.Partly);
                }
            }

            Take(page.Entries);
            long first = after is null ? page.Applied.Sequence : state.Cursor!.FirstSequence;
            _state = state with
            {
                Cursor = new SyncCursor(last, first),
                Floor = page.More ? state.Floor : page.Floor,
                Entries = _values,
                LiveBytes = _liveBytes,
            };
            return new ValueTask<PageOutcome>(PageOutcome.Taken);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> WriteChangesAsync(long epoch, ChangePage page)
    {
        ArgumentNullException.ThrowIfNull(page);
        lock (_gate)
        {
            StoreState state = _state;
            if (epoch < state.HighestEpoch)
            {
                return new ValueTask<bool>(false);
            }

            Take(page.Entries);
            _state = state.AfterChanges(page) with { Entries = _values, LiveBytes = _liveBytes };
            return new ValueTask<bool>(true);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> CollectTombstonesAsync(DateTimeOffset orderedBefore, long keepFrom)
    {
        lock (_gate)
        {
            // What lies beyond the mark was taken by a sync that has not ended: the floor must not pass the mark.
            long end = Math.Min(keepFrom - 1, _state.Applied.Sequence);
            var old = _tombstonesByAge
                .TakeWhile(tombstone => tombstone.OrderedAt < orderedBefore)
                .Where(tombstone => tombstone.Sequence <= end)
                .Take(MaxRemoved)
                .ToList();
            if (old.Count > 0)
            {
                old.ForEach(tombstone => Remove(tombstone.Key));
                _state = _state with { Floor = Math.Max(_state.Floor, old.Max(static tombstone => tombstone.Sequence)) };
            }

            return new ValueTask<bool>(old.Count == MaxRemoved);
        }
    }

    // When the primary ordered what is pulled is not told, so the age of its tombstones counts from now.
    private void Take(ImmutableArray<Entry> entries)
    {
        DateTimeOffset now = _time.GetUtcNow();
        foreach (Entry entry in entries)
        {
            Put(entry, now);
        }
    }
}
