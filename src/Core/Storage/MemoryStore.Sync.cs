using System.Collections.Immutable;

namespace Diststore.Core;

/// <content>What a learner writes, and the tombstones that are forgotten.</content>
public sealed partial class MemoryStore
{
    // Entries that one operation removes.
    private const int MaxRemoved = 1024;

    /// <inheritdoc/>
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
    public ValueTask<PageOutcome> WritePageAsync(long epoch, string? after, KeyPage page)
    {
        ArgumentNullException.ThrowIfNull(page);
        lock (_gate)
        {
            StoreState state = _state;
            (bool isTaken, _state) = state.JudgePage(epoch, after, page);
            if (!isTaken)
            {
                return new ValueTask<PageOutcome>(PageOutcome.Refused);
            }

            string? last = page.LastKey(after);
            if (last is not null || !page.More)
            {
                var named = page.Entries.Select(static entry => entry.Key).ToHashSet(StringComparer.Ordinal);
                List<string> unnamed =
                    [.. KeysFrom(_keys, after, page.More ? last : null).Where(key => key != after && !named.Contains(key)).Take(MaxRemoved)];
                unnamed.ForEach(Remove);
                if (unnamed.Count == MaxRemoved)
                {
                    _state = Counted(state);
                    return new ValueTask<PageOutcome>(PageOutcome.Partly);
                }
            }

            Take(page.Entries);
            _state = Counted(state.AfterPage(after, page));
            return new ValueTask<PageOutcome>(PageOutcome.Taken);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> WriteChangesAsync(long epoch, ChangePage page)
    {
        ArgumentNullException.ThrowIfNull(page);
        lock (_gate)
        {
            if (_state.AfterChanges(epoch, page) is not { } next)
            {
                return new ValueTask<bool>(false);
            }

            Take(page.Entries);
            _state = Counted(next);
            return new ValueTask<bool>(true);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> CollectTombstonesAsync(DateTimeOffset orderedBefore, long keepFrom)
    {
        lock (_gate)
        {
            long end = _state.ForgetsUpTo(keepFrom);
            var old = _tombstonesByAge
                .TakeWhile(tombstone => tombstone.OrderedAt < orderedBefore)
                .Where(tombstone => tombstone.Sequence <= end)
                .Take(MaxRemoved)
                .ToList();
            if (old.Count > 0)
            {
                old.ForEach(tombstone => Remove(tombstone.Key));
                _state = _state.WithFloor(old.Max(static tombstone => tombstone.Sequence));
            }

            return new ValueTask<bool>(old.Count == MaxRemoved);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> RemoveVoidAsync()
    {
        lock (_gate)
        {
            if (!_state.HasVoid)
            {
                return new ValueTask<bool>(false);
            }

            // Where nothing is remembered nothing has to be looked at.
            (long after, long end) = (_state.VoidRemoved, _state.RemovesVoidUpTo);
            List<Change> rows = _memories == 0 ? [] : [.. _changes.GetViewBetween(new Change(after + 1, ""), new Change(end + 1, "")).Take(MaxRemoved)];
            rows.FindAll(static row => InternalKeys.IsMemory(row.Key)).ForEach(row => Remove(row.Key));
            bool more = rows.Count == MaxRemoved;

            // Two rows may have one sequence, where content of two histories became one: the other one may come next.
            _state = Counted(_state.WithVoidRemoved(more ? rows[^1].Sequence - 1 : end));
            return new ValueTask<bool>(more);
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
