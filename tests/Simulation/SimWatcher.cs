namespace Diststore.Simulation;

/// <summary>
/// Follows the changes of all keys, or of some, through whichever node is up, resuming where its last page had scanned: ids must ascend
/// strictly, nothing else may be shown, and who applies them in order ends with the masters' state of these keys.
/// </summary>
internal sealed class SimWatcher
{
    private readonly Pump _pump;
    private readonly SimTimeline _timeline;
    private readonly ChangeFilter _filter;
    private readonly Dictionary<string, (EntryHead Head, Entry? Whole)> _state = new(StringComparer.Ordinal);
    private readonly SimScheduler _scheduler;
    private readonly SimClock _clock;
    private ChangeId _since;
    private bool _hasStartedOver;
    private Era _passBegan;

    public SimWatcher(Pump pump, SimTimeline timeline, int number, ChangeFilter filter)
    {
        (_pump, _timeline, _passBegan, _filter) = (pump, timeline, timeline.Now, filter);
        _scheduler = new SimScheduler(pump, $"watcher-{number}", 200 + number);
        _clock = new SimClock(pump, _scheduler, 1, TimeSpan.Zero);
    }

    public int Seen { get; private set; }

    /// <summary>Pages that moved it on beyond what they showed.</summary>
    public int Skipped { get; private set; }

    public EntryHead? Find(string key) => _state.TryGetValue(key, out (EntryHead Head, Entry? Whole) seen) && !seen.Head.IsTombstone ? seen.Head : null;

    /// <summary>
    /// Whether it ends with what the masters hold. A listing leaves out what has ended by the primary's clock, which may be set back
    /// before that is deleted; and what was read says how long it lasts, not until when.
    /// </summary>
    public bool AgreesOn(string key, Entry? held, bool ends) =>
        !_filter.Shows(key) || (ends && _hasStartedOver ? Find(key) is not { } seen || seen.Version == held?.Version : HasSeen(key, held));

    private bool HasSeen(string key, Entry? held) =>
        Equals(Find(key), held is null ? null : EntryHead.Of(held)) && (held is null || _filter.OmitsValues || held.Equals(_state[key].Whole));

    public void Start(Func<List<Node>> up)
    {
        _scheduler.Post(async () =>
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), _clock);
                if (up() is { Count: > 0 } nodes)
                {
                    _passBegan = _since.IsStart ? _timeline.Now : _passBegan;

                    Task<ChangesResult> read = nodes[_pump.Random.Next(nodes.Count)]
                        .ReadChangesAsync(new ChangesQuery(_since, TimeSpan.FromSeconds(1), _filter)).AsTask();
                    if (await EndsAsync(read))
                    {
                        await TakeAsync(await read, nodes);
                    }
                }
            }
        });
    }

    // A request to a node that is killed meanwhile never ends.
    private async Task<bool> EndsAsync(Task request) => await Task.WhenAny(request, Task.Delay(TimeSpan.FromSeconds(10), _clock)) == request;

    private async Task TakeAsync(ChangesResult changes, List<Node> nodes)
    {
        if (changes.Outcome == ChangesOutcome.Gone)
        {
            bool isPass = _since.IsStart || _since.PassUpto != LogPoint.Zero;
            _pump.Require(!isPass || _passBegan != _timeline.Now, $"a first pass ended at {_since}, though no delete was forgotten");
            Task<(LogPoint Point, List<Entry> Entries)?> start = ListAnewAsync(nodes[_pump.Random.Next(nodes.Count)]);
            if (await EndsAsync(start) && await start is { } listed)
            {
                (_since, _hasStartedOver) = (listed.Point, true);
                _state.Clear();
                listed.Entries.ForEach(entry => _state[entry.Key] = (EntryHead.Of(entry), entry));
            }
        }

        for (int i = 0; i < changes.Count; i++)
        {
            Entry? whole = changes.Heads is null ? changes.Entries[i] : null;
            EntryHead head = changes.Heads?[i] ?? EntryHead.Of(changes.Entries[i]);
            _pump.Require(head.Version > _since.Point, $"the watcher saw {head.Version} after {_since}");
            _pump.Require(_filter.Shows(head.Key) && _filter.OmitsValues == whole is null, $"the watcher of {_filter} saw {head}");
            _since = changes.IdOf(head.Version);
            _state[head.Key] = (head, whole);
            Seen++;
        }

        if (changes.Upto > _since.Point)
        {
            _since = changes.IdOf(changes.Upto);
            Skipped++;
        }
    }

    // As a user would: the first page of a listing says where to watch from, the values are read one by one, and none from
    // before the listing. Null where it does not end well: the next answer will be "gone" again.
    private async Task<(LogPoint Point, List<Entry> Entries)?> ListAnewAsync(Node node)
    {
        ListResult list = await node.ListAsync(new ListQuery(_filter.Text ?? "", null, ListQuery.MaxLimit));
        if (!list.Found)
        {
            return null;
        }

        var read = new List<Entry>();
        foreach (ListedKey key in list.Keys)
        {
            ReadResult result = await node.GetAsync(key.Key, new ReadOptions(MinSequence: list.Point.Sequence));
            if (result.Entry is { } entry)
            {
                read.Add(entry);
            }
            else if (result.Outcome != ReadOutcome.NotFound)
            {
                return null;
            }
        }

        return (list.Point, read);
    }
}
