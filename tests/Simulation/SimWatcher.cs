using Diststore.Core;

namespace Diststore.Simulation;

/// <summary>
/// Follows the changes through whichever node is up, resuming at the last id it saw: ids must ascend strictly, and who
/// applies them in order ends with the masters' state.
/// </summary>
internal sealed class SimWatcher(Pump pump)
{
    private readonly Dictionary<string, Entry> _state = new(StringComparer.Ordinal);
    private LogPoint _since;

    public int Seen { get; private set; }

    public Entry? Find(string key) => _state.GetValueOrDefault(key) is { IsTombstone: false } entry ? entry : null;

    public void Start(Func<List<Node>> up)
    {
        var scheduler = new SimScheduler(pump, "watcher", 200);
        var clock = new SimClock(pump, scheduler, 1, TimeSpan.Zero);
        scheduler.Post(async () =>
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), clock);
                if (up() is { Count: > 0 } nodes)
                {
                    // A request to a node that is killed meanwhile never ends.
                    Task<ChangesResult> read = nodes[pump.Random.Next(nodes.Count)]
                        .ReadChangesAsync(new ChangesQuery(_since, TimeSpan.FromSeconds(1))).AsTask();
                    if (await Task.WhenAny(read, Task.Delay(TimeSpan.FromSeconds(10), clock)) == read)
                    {
                        await TakeAsync(await read, nodes);
                    }
                }
            }
        });
    }

    private async Task TakeAsync(ChangesResult changes, List<Node> nodes)
    {
        if (changes.Outcome == ChangesOutcome.Gone)
        {
            await StartOverAsync(nodes);
        }

        foreach (Entry entry in changes.Entries)
        {
            if (entry.Version <= _since)
            {
                throw new SimulationException($"seed {pump.Seed}: the watcher saw {entry.Version} after {_since}");
            }

            _since = entry.Version;
            _state[entry.Key] = entry;
            Seen++;
        }
    }

    // As a user would: the first page of a listing says where to watch from, the values are read one by one.
    private async Task StartOverAsync(List<Node> nodes)
    {
        Node node = nodes[pump.Random.Next(nodes.Count)];
        ListResult list = await node.ListAsync(new ListQuery("", null, ListQuery.MaxLimit));
        if (!list.Found)
        {
            return;
        }

        _state.Clear();
        _since = list.Point;
        foreach (ListedKey key in list.Keys)
        {
            if ((await node.GetAsync(key.Key)).Entry is { } entry)
            {
                _state[key.Key] = entry;
            }
        }
    }
}
