namespace Diststore.Simulation;

/// <summary>
/// What was so when: which views were stored, and what each process's wall clock showed. Clocks of nodes differ by hours, so what
/// has expired can be judged only by the clock of the primary of that time.
/// </summary>
internal sealed class SimTimeline(Pump pump, bool storesAreLost)
{
    private readonly List<(long At, MasterView View)> _views = [];
    private readonly Dictionary<MasterId, SimClock> _clocks = [];
    private readonly List<Era> _eras = [new Era(long.MinValue, 0, Guid.Empty)];

    /// <summary>The times in which one history held; the first from the very beginning.</summary>
    public IReadOnlyList<Era> Eras => _eras;

    public Era Now => _eras[^1];

    public void Add(MasterId process, SimClock clock) => _clocks[process] = clock;

    /// <summary>A view was stored. One of another history begins a new era, if it may.</summary>
    /// <param name="view">The view.</param>
    /// <param name="survivors">The stores that are left of those that were in sync in the view before.</param>
    public void Add(MasterView view, Func<MasterView, IEnumerable<MasterId>> survivors)
    {
        if (_views.Count > 0 && _views[^1].View is { } before && before.History != view.History && storesAreLost)
        {
            pump.Require(view.Epoch > before.Epoch, $"epochs are given twice: {before} -> {view}");
            pump.Require(!survivors(before).Any(), $"a new history, though a store in sync is left: {before} -> {view}");
            _eras.Add(new Era(pump.Now, view.Epoch, view.History));
        }

        _views.Add((pump.Now, view));
    }

    /// <summary>A store becomes that of the first primary of a history.</summary>
    public void OnBegun(Guid history, MemoryStore content)
    {
        if (_eras.Find(era => era.History == history) is { Content: null } era)
        {
            era.Content = SnapshotOf(content);
        }
    }

    public Era EraAt(long time) => _eras.FindLast(era => era.From <= time)!;

    /// <summary>
    /// The wall clock that what was written at a version is judged by at a certain time, by somebody who is not done before another:
    /// that of the primary that ordered it, if it was the primary of every view stored from then on, nobody set its clock, and it was
    /// the primary already at the first of these times; else null.
    /// </summary>
    public SimClock? SteadyClock(LogPoint version, long judged, long until)
    {
        int first = _views.FindIndex(stored => stored.View.Epoch == version.Epoch);
        if (first < 0)
        {
            return null;
        }

        (long since, MasterView view) = _views[first];
        bool stays = _views.Skip(first).TakeWhile(stored => stored.At <= until).All(stored => stored.View.Primary == view.Primary);
        return judged >= since && stays && _clocks.GetValueOrDefault(view.Primary) is { } clock && !clock.WasSetBetween(since, until) ? clock : null;
    }

    // With what is pending: a new primary takes over all of its log.
    private static Dictionary<string, Entry> SnapshotOf(MemoryStore content)
    {
        KeyPage page = content.ScanAsync(new KeyScan("", null, int.MaxValue, int.MaxValue, Tombstones: true)).AsTask().Result;
        Dictionary<string, Entry> snapshot = page.Entries.ToDictionary(static entry => entry.Key, StringComparer.Ordinal);
        foreach (Entry entry in content.State.Pending.SelectMany(static batch => batch.Entries))
        {
            snapshot[entry.Key] = entry;
        }

        return snapshot;
    }
}

/// <summary>
/// The time of one history, which begins when its first view is stored: what was acknowledged before may be lost then.
/// </summary>
/// <param name="from">The virtual time at which it began.</param>
/// <param name="epoch">Its first epoch; all that is ordered in it is of this one or a higher one.</param>
/// <param name="history">Its history; empty for the first, which begins with nothing.</param>
internal sealed class Era(long from, long epoch, Guid history)
{
    public long From => from;

    public Guid History => history;

    /// <summary>What the first primary's store held as it began; null before that.</summary>
    public Dictionary<string, Entry>? Content { get; set; }

    public bool Ordered(LogPoint version) => version.Epoch >= epoch;

    public Entry? FirstOf(string key) => Content?.GetValueOrDefault(key);
}
