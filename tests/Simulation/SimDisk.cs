namespace Diststore.Simulation;

/// <summary>
/// A node's disk: the log of all operations that took effect, of which a crash may take back those after the last sync, as
/// many of them as chance will have it. What is left is replayed. Every applied write is recorded for the whole cluster.
/// </summary>
internal sealed class SimDisk(Pump pump, Guid id, bool durable, AppliedLog applied, SimBackup? backup = null)
{
    private readonly List<(DateTimeOffset At, Action<MemoryStore> Operation)> _log = [];
    private readonly DiskClock _clock = new();
    private int _synced;
    private MemoryStore? _content;

    /// <summary>The content as the running process sees it.</summary>
    public MemoryStore Content => _content ??= Start();

    /// <summary>Does an operation and keeps it.</summary>
    /// <param name="operation">The same whenever it is replayed.</param>
    /// <param name="synced">Whether it, and all before it, survives a crash from now on.</param>
    /// <param name="now">The process's wall clock.</param>
    public void Do(Action<MemoryStore> operation, bool synced, DateTimeOffset now)
    {
        _clock.Now = now;
        operation(Content);
        _log.Add((now, operation));
        if (synced)
        {
            _synced = _log.Count;
        }
    }

    public void RecordApplied(IEnumerable<Batch> batches)
    {
        foreach (Batch batch in batches)
        {
            applied.Record(Content.State.History, batch);
        }
    }

    /// <summary>The process was killed, or the store failed and is opened anew.</summary>
    public void Crash()
    {
        int kept = _synced + pump.Random.Next(_log.Count - _synced + 1);
        if (kept == _log.Count)
        {
            return;
        }

        _log.RemoveRange(kept, _log.Count - kept);
        _content = Start();
        foreach ((DateTimeOffset at, Action<MemoryStore> operation) in _log)
        {
            _clock.Now = at;
            operation(_content);
        }
    }

    private MemoryStore Start() =>
        backup is null ? new MemoryStore(id, _clock, durable) : new MemoryStore(id, _clock, backup.Restored, backup.Entries);

    private sealed class DiskClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}

/// <summary>What a backup of a disk holds.</summary>
/// <param name="Restored">The state of a store that it is restored to.</param>
/// <param name="Entries">All entries that were applied, tombstones among them.</param>
internal sealed record SimBackup(StoreState Restored, IReadOnlyList<Entry> Entries)
{
    public static SimBackup Of(MemoryStore content, Random random)
    {
        KeyPage page = content.ScanAsync(new KeyScan("", null, int.MaxValue, int.MaxValue, Tombstones: true)).AsTask().Result;
        return new SimBackup(content.State.Restored(Ids.Next(random), random.Next()), page.Entries);
    }
}

/// <summary>
/// What was applied anywhere, by history and sequence, and by version: two nodes that apply different writes at one are found at
/// once, and so is a version that is given twice.
/// </summary>
/// <param name="versionsAreUnique">False where two histories begin without knowing of each other.</param>
internal sealed class AppliedLog(bool versionsAreUnique)
{
    private readonly Dictionary<(Guid History, long Sequence), Entry> _entries = [];
    private readonly Dictionary<LogPoint, Entry> _byVersion = [];
    private readonly Dictionary<string, List<Entry>> _byKey = new(StringComparer.Ordinal);

    public void Record(Guid history, Batch batch)
    {
        foreach (Entry entry in batch.Entries)
        {
            if (_entries.TryAdd((history, entry.Version.Sequence), entry))
            {
                if (versionsAreUnique && !_byVersion.TryAdd(entry.Version, entry) && !_byVersion[entry.Version].Equals(entry))
                {
                    throw new SimulationException($"a version is given twice: {entry} and {_byVersion[entry.Version]}");
                }

                Of(entry.Key).Add(entry);
            }
            else
            {
                Entry other = _entries[(history, entry.Version.Sequence)];
                bool same = other.Equals(entry);
                if (!same)
                {
                    throw new SimulationException($"two nodes apply different writes: {entry} and {other}");
                }
            }
        }
    }

    /// <summary>All that was applied of that key.</summary>
    public List<Entry> Of(string key)
    {
        if (!_byKey.TryGetValue(key, out List<Entry>? entries))
        {
            _byKey[key] = entries = [];
        }

        return entries;
    }

    /// <summary>What was applied of that key at that version.</summary>
    public Entry? Find(string key, LogPoint version) => Of(key).Find(entry => entry.Version == version);
}
