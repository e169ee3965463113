using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text;

namespace Diststore.Core;

/// <summary>
/// A store in the process's memory. Write operations take a lock and complete at once; a key is read without the lock,
/// pages are read under it and are bounded. Disposing keeps the content, so that a simulated restart finds it again.
/// </summary>
public sealed partial class MemoryStore : IStore
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;

    // Written under _gate, read by anyone.
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Entry> _local = new(StringComparer.Ordinal);
    private volatile StoreState _state = StoreState.Empty;

    // Read and written under _gate.
    private readonly SortedSet<string> _keys = new(KeyOrder.Instance);
    private readonly SortedSet<string> _localKeys = new(KeyOrder.Instance);
    private readonly SortedSet<Change> _changes = new();
    private readonly SortedSet<Tombstone> _tombstonesByAge = new();
    private readonly Dictionary<string, Tombstone> _tombstones = new(StringComparer.Ordinal);
    private readonly SortedSet<Expiry> _expiries = new();
    private long _values; // entries that are no tombstones
    private long _liveBytes; // of their keys and values
    private long _memories; // rows that remember a request

    /// <summary>Makes an empty store.</summary>
    /// <param name="id">The store's id: random, another for each store.</param>
    /// <param name="time">Dates the tombstones that come by syncing.</param>
    /// <param name="isDurable">What <see cref="IsDurable"/> says; true where a simulation lets the store outlive its node.</param>
    public MemoryStore(Guid id, TimeProvider time, bool isDurable = false)
    {
        ArgumentNullException.ThrowIfNull(time);
        Id = id;
        IsDurable = isDurable;
        _time = time;
    }

    /// <summary>Makes a durable store that holds what a backup held.</summary>
    /// <param name="id">The store's id: random, another for each store.</param>
    /// <param name="time">Dates the tombstones.</param>
    /// <param name="state">What <see cref="StoreState.Restored"/> made of the backup's.</param>
    /// <param name="entries">The backup's entries.</param>
    public MemoryStore(Guid id, TimeProvider time, StoreState state, IEnumerable<Entry> entries)
        : this(id, time, isDurable: true)
    {
        ArgumentNullException.ThrowIfNull(state);
        Take([.. entries]);
        _state = state;
    }

    /// <inheritdoc/>
    public Guid Id { get; }

    /// <inheritdoc/>
    public bool IsDurable { get; }

    /// <inheritdoc/>
    public StoreState State => _state;

    /// <inheritdoc/>
    public ValueTask<StoreState> AdoptAsync(MasterView view, bool asPrimary)
    {
        ArgumentNullException.ThrowIfNull(view);
        lock (_gate)
        {
            return new ValueTask<StoreState>(_state = _state.Adopted(view, asPrimary, Highest));
        }
    }

    /// <inheritdoc/>
    public ValueTask<AppendResult> AppendAsync(long epoch, Batch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentOutOfRangeException.ThrowIfZero(batch.Entries.Length);
        lock (_gate)
        {
            AppendStatus status = _state.Judge(epoch, batch);
            if (status == AppendStatus.Persisted)
            {
                _state = _state.WithAppended(batch);
            }

            return new ValueTask<AppendResult>(new AppendResult(status, _state.Last));
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> AlignAsync(long epoch, EpochHistory history, LogPoint end)
    {
        ArgumentNullException.ThrowIfNull(history);
        lock (_gate)
        {
            StoreState? aligned = _state.AlignedTo(epoch, history, end);
            _state = aligned ?? _state;
            return new ValueTask<bool>(aligned is not null);
        }
    }

    /// <inheritdoc/>
    public ValueTask<StoreState> ApplyAsync(LogPoint commit)
    {
        lock (_gate)
        {
            (ImmutableList<Batch> applied, StoreState next) = _state.ApplyUpTo(commit);
            foreach (Batch batch in applied)
            {
                foreach (Entry entry in batch.Entries)
                {
                    Put(entry, batch.OrderedAt);
                }
            }

            return new ValueTask<StoreState>(_state = Counted(next));
        }
    }

    /// <inheritdoc/>
    public ValueTask RememberCandidateAsync(long epoch, MasterId candidate)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        lock (_gate)
        {
            _state = _state.WithCandidate(epoch, candidate);
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<WriteOutcome> PutLocalAsync(Entry entry, long maxBytes = long.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(entry);
        lock (_gate)
        {
            long? old = LocalBytesOf(entry.Key);
            WriteOutcome outcome = _state.JudgeLocal(old, LiveBytes(entry), maxBytes);
            if (outcome != WriteOutcome.OverQuota)
            {
                _localKeys.Add(entry.Key);
                _local[entry.Key] = entry;
                _state = _state.WithLocal(old, LiveBytes(entry));
            }

            return new(outcome);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> DeleteLocalAsync(string key)
    {
        lock (_gate)
        {
            long? old = LocalBytesOf(key);
            if (old is not null)
            {
                _localKeys.Remove(key);
                _local.TryRemove(key, out _);
                _state = _state.WithLocal(old, null);
            }

            return new(old is not null);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private StoreState Counted(StoreState state) => state with { Entries = _values, LiveBytes = _liveBytes, Memories = _memories };

    private LogPoint Highest() => _changes.Count > 0 ? _entries[_changes.Max.Key].Version : LogPoint.Zero;

    // What is there under the key is replaced, whatever its version.
    private void Put(Entry entry, DateTimeOffset orderedAt)
    {
        if (_entries.TryGetValue(entry.Key, out Entry? old))
        {
            Uncount(old);
        }
        else
        {
            _keys.Add(entry.Key);
        }

        _entries[entry.Key] = entry;
        _changes.Add(new Change(entry.Version.Sequence, entry.Key));
        if (entry.IsTombstone)
        {
            var tombstone = new Tombstone(orderedAt, entry.Version.Sequence, entry.Key);
            _tombstones.Add(entry.Key, tombstone);
            _tombstonesByAge.Add(tombstone);
        }
        else
        {
            Count(entry, 1);
            if (entry.ExpiresAt is { } at)
            {
                _expiries.Add(new Expiry(at, entry.Key));
            }
        }
    }

    private void Remove(string key)
    {
        if (_entries.TryRemove(key, out Entry? old))
        {
            Uncount(old);
            _keys.Remove(key);
        }
    }

    private void Uncount(Entry old)
    {
        _changes.Remove(new Change(old.Version.Sequence, old.Key));
        if (!old.IsTombstone)
        {
            Count(old, -1);
            if (old.ExpiresAt is { } at)
            {
                _expiries.Remove(new Expiry(at, old.Key));
            }
        }
        else if (_tombstones.Remove(old.Key, out Tombstone tombstone))
        {
            _tombstonesByAge.Remove(tombstone);
        }
    }

    private void Count(Entry entry, int by)
    {
        if (InternalKeys.Is(entry.Key))
        {
            _memories += InternalKeys.IsMemory(entry.Key) ? by : 0;
            return;
        }

        _values += by;
        _liveBytes += by * LiveBytes(entry);
    }

    private long? LocalBytesOf(string key) => _local.TryGetValue(key, out Entry? entry) ? LiveBytes(entry) : null;

    private static long LiveBytes(Entry entry) => Encoding.UTF8.GetByteCount(entry.Key) + entry.Value!.Length;

    // While a full sync is under way entries of two histories lie side by side, so a sequence alone is not unique.
    private readonly record struct Change(long Sequence, string Key) : IComparable<Change>
    {
        public int CompareTo(Change other)
        {
            int bySequence = Sequence.CompareTo(other.Sequence);
            return bySequence != 0 ? bySequence : string.CompareOrdinal(Key, other.Key);
        }
    }

    private readonly record struct Expiry(DateTimeOffset At, string Key) : IComparable<Expiry>
    {
        public int CompareTo(Expiry other)
        {
            int byTime = At.CompareTo(other.At);
            return byTime != 0 ? byTime : string.CompareOrdinal(Key, other.Key);
        }
    }

    private readonly record struct Tombstone(DateTimeOffset OrderedAt, long Sequence, string Key) : IComparable<Tombstone>
    {
        public int CompareTo(Tombstone other)
        {
            int byAge = OrderedAt.CompareTo(other.OrderedAt);
            return byAge != 0 ? byAge : new Change(Sequence, Key).CompareTo(new Change(other.Sequence, other.Key));
        }
    }
}
