using System.Globalization;
using Diststore.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Simulation;

/// <summary>
/// A cluster on one seeded pump under random load and random faults, and what must hold: nothing acknowledged is lost,
/// nothing that exists is called not found, all nodes apply the same, epochs only grow, the masters end equal, and the
/// cluster is whole again after healing.
/// </summary>
internal sealed class SimCluster
{
    private const int Keys = 7;
    private static readonly string[] Registries = ["registry-0", "registry-1"];

    private readonly Pump _pump;
    private readonly SimNetwork _network;
    private readonly AppliedLog _applied = new();
    private readonly SimViewStorage _storage;
    private readonly List<SimNode> _nodes = [];
    private readonly List<SimRegistry> _registries = [];
    private readonly NodeSettings _settings = new() { Name = "", ReplyTimeout = TimeSpan.FromSeconds(1) };
    private readonly Dictionary<string, List<Entry>> _acknowledged = new(StringComparer.Ordinal);
    private readonly HashSet<string> _maybeDeleted = new(StringComparer.Ordinal);
    private readonly HashSet<(string Key, LogPoint Replaced)> _swapped = [];
    private readonly SimWatcher _watcher;
    private readonly bool _durable;
    private int _values;
    private bool _loadIsOver;

    public SimCluster(int seed, bool durable, int nodes = 4, ILoggerFactory? logs = null)
    {
        logs ??= NullLoggerFactory.Instance;
        _durable = durable;
        _pump = new Pump(seed);
        _network = new SimNetwork(_pump);
        _storage = new SimViewStorage(_pump);
        for (int i = 0; i < nodes; i++)
        {
            var node = new SimNode(_pump, $"node-{i}", i, _network, _applied, durable, logs);
            _nodes.Add(node);
            _network.Add(node);
        }

        _network.Members = [.. _nodes.Select(node => node.Name)];
        _watcher = new SimWatcher(_pump);
        _nodes.ForEach(Start);
        foreach (string name in Registries)
        {
            var registry = new SimRegistry(_pump, name, nodes + _registries.Count, _network, _storage, logs);
            _registries.Add(registry);
            _network.Add(registry);
        }
    }

    public ulong Trace => _pump.Trace;

    public int Acknowledged { get; private set; }

    public int Unknown { get; private set; }

    public int ReadsFound { get; private set; }

    public int ReadsNotFound { get; private set; }

    public int Swapped { get; private set; }

    public int Watched => _watcher.Seen;

    public int Views => _storage.All.Count;

    public long LastAcknowledgedAt { get; private set; }

    /// <summary>Random load under random faults for the given virtual time; then heals, waits and checks.</summary>
    public void Run(TimeSpan faulty)
    {
        for (int i = 0; i < 5; i++)
        {
            StartClient(i);
        }

        _watcher.Start(() => _nodes.Where(static node => node.IsUp && !node.Scheduler.IsPaused).Select(static node => node.Node!).ToList());
        if (faulty > TimeSpan.Zero)
        {
            _network.Slow = 0.002;
            _pump.Schedule(TimeSpan.FromSeconds(2), () => Fault(faulty));
        }

        _pump.RunUntil(faulty);
        Heal();
        _pump.RunUntil(faulty + TimeSpan.FromSeconds(25));
        _loadIsOver = true;
        _pump.RunUntil(faulty + TimeSpan.FromSeconds(35));
        Check(faulty);
    }

    private void Start(SimNode node) => node.Start(_settings, Registries);

    private void StartClient(int number)
    {
        var scheduler = new SimScheduler(_pump, $"client-{number}", 100 + number);
        var clock = new SimClock(_pump, scheduler, 1, TimeSpan.Zero);
        scheduler.Post(async () =>
        {
            while (!_loadIsOver)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(_pump.Random.Next(5, 60)), clock);
                List<SimNode> up = [.. _nodes.Where(node => node.IsUp && !node.Scheduler.IsPaused)];
                if (up.Count == 0)
                {
                    continue;
                }

                // A request to a node that is killed meanwhile never ends; its client gives up on it.
                Task request = RequestAsync(up[_pump.Random.Next(up.Count)].Node!);
                await Task.WhenAny(request, Task.Delay(TimeSpan.FromSeconds(15), clock));
                if (request.IsFaulted)
                {
                    await request;
                }
            }
        });
    }

    private async Task RequestAsync(Node node)
    {
        string key = $"key-{_pump.Random.Next(Keys)}";
        double x = _pump.Random.NextDouble();
        if (x < 0.35)
        {
            await PutAsync(node, key, null, null);
        }
        else if (x < 0.38)
        {
            _maybeDeleted.Add(key);
            await PutAsync(node, key, TimeSpan.FromMilliseconds(_pump.Random.Next(1, 4000)), null);
        }
        else if (x < 0.45)
        {
            await CompareAndSetAsync(node, key);
        }
        else if (x < 0.55)
        {
            _maybeDeleted.Add(key);
            WriteResult result = await node.WriteAsync(new Write(key, null));
            Count(result, new Entry(key, null, null, result.Version));
        }
        else
        {
            bool mustExist = _acknowledged.ContainsKey(key) && !_maybeDeleted.Contains(key);
            ReadResult result = await node.GetAsync(key);
            ReadsFound += result.Outcome == ReadOutcome.Found ? 1 : 0;
            ReadsNotFound += result.Outcome == ReadOutcome.NotFound ? 1 : 0;
            bool falselyMissing = mustExist && result.Outcome == ReadOutcome.NotFound && !_maybeDeleted.Contains(key);
            Require(!falselyMissing, $"{node.Name} says that {key} does not exist");
        }
    }

    private async Task<WriteResult> PutAsync(Node node, string key, TimeSpan? timeToLive, Condition? condition)
    {
        byte[] value = BitConverter.GetBytes(++_values);
        WriteResult result = await node.WriteAsync(new Write(key, value, null, timeToLive, condition));
        Count(result, new Entry(key, value, null, result.Version));
        return result;
    }

    // Of all that were to replace one version at most one may have done so.
    private async Task CompareAndSetAsync(Node node, string key)
    {
        ReadResult read = await node.GetAsync(key);
        if (read.Entry is not { } seen)
        {
            return;
        }

        WriteResult result = await PutAsync(node, key, null, new Condition(new VersionMatch(false, [seen.Version]), null));
        Swapped += result.Outcome == WriteOutcome.Replaced ? 1 : 0;
        Require(result.Outcome != WriteOutcome.Replaced || _swapped.Add((key, seen.Version)), $"{seen.Version} of {key} was replaced twice");
        Require(result.Outcome != WriteOutcome.Created, $"a condition on {seen.Version} of {key} held where there was no such key");
    }

    private void Count(WriteResult result, Entry entry)
    {
        Unknown += result.Outcome == WriteOutcome.Unknown ? 1 : 0;
        if (result.Outcome is WriteOutcome.Created or WriteOutcome.Replaced or WriteOutcome.Deleted)
        {
            Acknowledged++;
            LastAcknowledgedAt = _pump.Now;
            bool isApplied = _applied.Find(entry) is { } applied && applied.Value.AsSpan().SequenceEqual(entry.Value);
            Require(isApplied, $"{entry.Version} of {entry.Key} was acknowledged but applied nowhere");
            if (!_acknowledged.TryGetValue(entry.Key, out List<Entry>? list))
            {
                _acknowledged[entry.Key] = list = [];
            }

            list.Add(entry);
        }
    }

    private void Fault(TimeSpan until)
    {
        if (_pump.Elapsed >= until)
        {
            return;
        }

        _pump.Schedule(TimeSpan.FromMilliseconds(-Math.Log(1 - _pump.Random.NextDouble()) * 1500), () => Fault(until));
        SimNode node = PickVictim();
        double x = _pump.Random.NextDouble();
        if (x < 0.3)
        {
            Crash(node);
        }
        else if (x < 0.45)
        {
            Pause(node.Scheduler);
        }
        else if (x < 0.7)
        {
            CutLinks(node);
        }
        else if (x < 0.9)
        {
            _network.HealLinks();
        }
        else if (x < 0.96)
        {
            _network.Loss = 0.2;
            _network.DatagramLoss = 0.9;
            _pump.Schedule(TimeSpan.FromSeconds(1), () => (_network.Loss, _network.DatagramLoss) = (0, 0.05));
        }
        else
        {
            Pause(_registries[_pump.Random.Next(_registries.Count)].Scheduler);
        }
    }

    // Mostly one of the masters, where faults matter.
    private SimNode PickVictim()
    {
        MasterView? view = _storage.View;
        if (view is not null && _pump.Random.NextDouble() < 0.6)
        {
            MasterId[] masters = view.Other is null ? [view.Primary] : [view.Primary, view.Other];
            string name = masters[_pump.Random.Next(masters.Length)].Name;
            return _nodes.Single(node => node.Name == name);
        }

        return _nodes[_pump.Random.Next(_nodes.Count)];
    }

    // Stores in memory survive one loss at a time, and only while the other master is in sync.
    private void Crash(SimNode node)
    {
        bool isCalm = _storage.View is { OtherInSync: true } && _nodes.All(static n => n.IsUp && !n.Scheduler.IsPaused) && IsSettled();
        if (!node.IsUp || !(_durable || isCalm))
        {
            return;
        }

        node.Kill();
        if (!_durable)
        {
            _network.HealLinks();
        }

        TimeSpan back = TimeSpan.FromMilliseconds(new[] { 200, 1000, 6000 }[_pump.Random.Next(3)]);
        if (back > TimeSpan.FromSeconds(2))
        {
            _pump.Schedule(TimeSpan.FromSeconds(2), () => SetMember(node, node.IsUp));
        }

        _pump.Schedule(back, () => StartIfDown(node));
    }

    // Both masters hold the same log and act in the stored view.
    private bool IsSettled()
    {
        MasterView view = _storage.View!;
        SimNode[] masters = [.. view.InSyncSet.Select(id => _nodes.Single(node => node.Name == id.Name))];
        return masters.All(node => node.Disk.State.View == view && node.Disk.State.HighestEpoch == view.Epoch);
    }

    private void SetMember(SimNode node, bool isMember) =>
        _network.Members = [.. _nodes.Where(n => n == node ? isMember : _network.Members.Contains(n.Name)).Select(static n => n.Name)];

    private void StartIfDown(SimNode node)
    {
        if (!node.IsUp)
        {
            SetMember(node, true);
            Start(node);
        }
    }

    private void Pause(SimScheduler scheduler)
    {
        if (!_durable && _pump.Random.NextDouble() < 0.5)
        {
            return;
        }

        scheduler.Pause();
        _pump.Schedule(TimeSpan.FromMilliseconds(new[] { 100, 700, 4000 }[_pump.Random.Next(3)]), scheduler.Resume);
    }

    private void CutLinks(SimNode node)
    {
        foreach (string other in _nodes.Select(static n => n.Name).Concat(Registries).Where(name => name != node.Name))
        {
            if (_pump.Random.NextDouble() < 0.5)
            {
                _network.Cut(node.Name, other);
                if (_pump.Random.NextDouble() < 0.7)
                {
                    _network.Cut(other, node.Name);
                }
            }
        }
    }

    private void Heal()
    {
        _network.HealLinks();
        (_network.Loss, _network.DatagramLoss, _network.Slow) = (0, 0, 0);
        _registries.ForEach(static registry => registry.Scheduler.Resume());
        foreach (SimNode node in _nodes)
        {
            node.Scheduler.Resume();
            StartIfDown(node);
        }
    }

    private void Check(TimeSpan faulty)
    {
        string at = string.Create(CultureInfo.InvariantCulture, $"view {_storage.View}, last acknowledged at {TimeSpan.FromTicks(LastAcknowledgedAt)}");
        foreach (SimNode node in _nodes)
        {
            Require(node.Failures.Count == 0, $"{node.Name} failed: {node.Failures.FirstOrDefault()}");
        }

        Require(LastAcknowledgedAt > (faulty + TimeSpan.FromSeconds(20)).Ticks, $"no writes after healing; {at}");
        MasterView view = _storage.View!;
        Require(view.OtherInSync, $"the pair is not whole; {at}");
        SimNode[] masters = [.. view.InSyncSet.Select(id => _nodes.Single(node => node.Name == id.Name))];
        for (int i = 0; i < Keys; i++)
        {
            string key = $"key-{i}";
            Entry? first = masters[0].Disk.ReadAsync(key).AsTask().Result, second = masters[1].Disk.ReadAsync(key).AsTask().Result;
            Require(Equals(Live(first), Live(second)), $"the masters differ in {key}: {first} and {second}; {at}");
            Require(Equals(Live(first), _watcher.Find(key)), $"the watcher ends with {_watcher.Find(key)}, the masters with {first}; {at}");
            if (_acknowledged.TryGetValue(key, out List<Entry>? acknowledged))
            {
                Entry newest = acknowledged.MaxBy(static entry => entry.Version)!;
                if (first is null)
                {
                    // Its tombstone may have been forgotten; then it was the newest or a delete came later.
                    Require(_maybeDeleted.Contains(key), $"{newest} was acknowledged and is lost; {at}");
                    continue;
                }

                Require(first.Version >= newest.Version, $"{newest} was acknowledged and is lost, {first} is there; {at}");
                bool same = first.Version != newest.Version || first.Value.AsSpan().SequenceEqual(newest.Value);
                Require(same, $"{newest} was acknowledged, {first} is there");
            }
        }

        static Entry? Live(Entry? entry) => entry is { IsTombstone: false } ? entry : null;
    }

    private void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new SimulationException($"seed {_pump.Seed} ({(_durable ? "durable" : "memory")}) at {_pump.Elapsed}: {otherwise}");
        }
    }
}

internal sealed class SimulationException(string message, Exception? inner = null) : Exception(message, inner);
