using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Diststore.Simulation;

/// <summary>
/// A cluster on one seeded pump under random load and random faults, and what must hold: acknowledged writes and strong
/// reads are linearizable, nothing acknowledged is lost, what one node holds local-only every node finds, reads are within
/// their bound, all nodes apply the same, epochs only grow, whoever follows the changes ends with the masters' state, and
/// the cluster is whole again after healing.
/// </summary>
internal sealed partial class SimCluster
{
    public static readonly string[] RegistryNames = ["registry-0", "registry-1"];

    /// <summary>The nodes' bound for reads.</summary>
    public static readonly TimeSpan MaxStaleness = TimeSpan.FromSeconds(1);

    /// <summary>What a node holds local-only at most.</summary>
    public const int LocalMaxBytes = 1 << 10;

    internal const int LocalClients = 3;
    internal const int GatewayClients = 2;
    internal const int BankClients = 2;
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(12);
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(6);

    private readonly Pump _pump;
    private readonly SimNetwork _network;
    private readonly AppliedLog _applied;
    private readonly History _history = new();
    private readonly SimFaults _faults;
    private readonly SimWatcher[] _watchers; // of all keys, of some, and of the others without their values
    private readonly SimTimeline _timeline;
    private readonly NodeSettings _settings = new()
    {
        Name = "",
        MaxStaleness = MaxStaleness,
        TombstoneRetention = TimeSpan.FromHours(1),
        LocalMaxBytes = LocalMaxBytes,
        IdempotencyRetention = SimBank.Retention,
    };

    private readonly bool _durable;
    private readonly ILogger _log;

    public SimCluster(int seed, bool durable, int nodes = 4, bool? losesAllStores = null, bool restores = false)
    {
        _durable = durable;
        _applied = new AppliedLog(versionsAreUnique: restores);
        _pump = new Pump(seed);
        ILoggerFactory logs = TraceLog.Open($"{(durable ? "durable" : "memory")}-{seed}", () => _pump.Elapsed);
        _log = logs.CreateLogger<SimCluster>();
        _network = new SimNetwork(_pump);
        Storage = new SimViewStorage(_pump);
        _timeline = new SimTimeline(_pump, storesAreLost: !durable || restores);
        Storage.Replaced += view => _timeline.Add(view, SurvivorsOf);
        Nodes = [.. Enumerable.Range(0, nodes).Select(
            i => new SimNode(_pump, $"node-{i}", i, _network, _applied, _timeline, durable, logs) { Failed = OnFailed })];
        _network.Members = [.. Nodes.Select(static node => node.Name)];
        Clients = new SimClients(_pump, Nodes, _applied, _history, _timeline);
        Locals = new SimLocalClients(_pump, Nodes);
        Bank = new SimBank(_pump, Nodes, _history);
        ChangeFilter[] filters = [default, SimClients.ExpiringKeys, SimClients.LastingKeys with { OmitsValues = true }];
        _watchers = [.. filters.Select((filter, i) => new SimWatcher(_pump, _timeline, i, filter))];
        foreach (SimNode node in Nodes)
        {
            _network.Add(node);
            Start(node);
        }

        Registries = [.. RegistryNames.Select((name, i) => new SimRegistry(_pump, name, nodes + i, _network, Storage, logs))];
        foreach (SimRegistry registry in Registries)
        {
            _network.Add(registry);
        }

        Gateway = new SimGateway(_pump, "gateway", nodes + RegistryNames.Length, _network);
        _network.Add(Gateway);
        _faults = new SimFaults(_pump, _network, Storage, this, new FaultKinds { Durable = durable, LosesAllStores = losesAllStores, Restores = restores });
    }

    public IReadOnlyList<SimNode> Nodes { get; }

    public IReadOnlyList<SimRegistry> Registries { get; }

    public SimGateway Gateway { get; }

    public SimClients Clients { get; }

    public SimLocalClients Locals { get; }

    public SimBank Bank { get; }

    public SimViewStorage Storage { get; }

    public SimNetwork Network => _network;

    public TimeSpan Elapsed => _pump.Elapsed;

    public ulong Trace => _pump.Trace;

    public int Watched => _watchers[0].Seen;

    /// <summary>How many changes were watched by prefix, and how many pages moved such watchers beyond what they showed.</summary>
    public (int Seen, int Skipped) WatchedByPrefix =>
        (_watchers[1..].Sum(static watcher => watcher.Seen), _watchers[1..].Sum(static watcher => watcher.Skipped));

    public int Views => Storage.All.Count;

    /// <summary>How many requests the masters remember in the end.</summary>
    public int Remembered { get; private set; }

    /// <summary>Up to which sequence void memories were removed in the end.</summary>
    public long Forgotten { get; private set; }

    /// <summary>How many histories there were.</summary>
    public int Histories => _timeline.Eras.Count;

    /// <summary>How many reads were judged by the clock of a primary.</summary>
    public int LivesJudged { get; private set; }

    public SimNode Named(string name) => Nodes.Single(node => node.Name == name);

    /// <summary>
    /// Registries begin anew, now one and now the other, and each misses one ping of its first round; nothing else happens. The masters
    /// stay who they are.
    /// </summary>
    public void RunRestartingRegistries(int times)
    {
        Clients.Start(0);
        RunFor(Settling);
        int views = Views;
        for (int i = 0; i < times; i++)
        {
            SimRegistry registry = _pump.Pick(Registries);
            _network.LoseNextCall(registry.Name, _pump.Pick([.. Storage.View!.InSyncSet]).Name);
            registry.Restart();
            RunFor(TimeSpan.FromSeconds(_pump.Pick([1, 3])));
        }

        _pump.Require(Views == views, $"{Views - views} views were made because one ping was lost; {Storage.View}");
    }

    /// <summary>Random load under random faults for the given virtual time; then heals, waits and checks.</summary>
    public void Run(TimeSpan faulty, int clients = 5, int localClients = LocalClients, int gatewayClients = GatewayClients, int bankClients = BankClients)
    {
        for (int i = 0; i < clients; i++)
        {
            Clients.Start(i);
        }

        if (gatewayClients > 0)
        {
            Gateway.Start();
        }

        for (int i = 0; i < gatewayClients; i++)
        {
            Clients.StartAt(Gateway, clients + i);
        }

        for (int i = 0; i < localClients; i++)
        {
            Locals.Start(i);
        }

        for (int i = 0; i < bankClients; i++)
        {
            Bank.Start(i);
        }

        Storage.Replaced += Clients.OnView;
        Array.ForEach(_watchers, watcher => watcher.Start(() => [.. Nodes.Where(static node => node.Answers).Select(static node => node.Node!)]));
        if (faulty > TimeSpan.Zero)
        {
            _faults.Start(faulty);
        }

        _pump.RunUntil(faulty);
        _faults.Heal();
        _pump.RunUntil(faulty + Recovery);
        Clients.IsOver = true;
        Locals.IsOver = true;
        Bank.IsOver = true;
        _pump.RunUntil(faulty + Recovery + Settling);
        CheckWhole(faulty);
        var checks = new SimChecks(_pump, _applied, _history, _timeline);
        checks.Run();
        LivesJudged = checks.LivesJudged;
    }

    /// <summary>Somebody sets the wall clock of some node an hour ahead, again and again.</summary>
    public void JumpClocks(TimeSpan every) => _pump.Schedule(every, () =>
    {
        _pump.Pick(Nodes).JumpWallClock(TimeSpan.FromHours(1));
        JumpClocks(every);
    });

    /// <summary>Lets time pass, without load or faults of chance.</summary>
    public void RunFor(TimeSpan time) => _pump.RunUntil(_pump.Elapsed + time);

    /// <summary>Asks a node and lets time pass until it has answered.</summary>
    public T Ask<T>(SimNode node, Func<Node, ValueTask<T>> request)
    {
        Task<T>? answer = null;
        new SimScheduler(_pump, "operator", 300).Post(() => answer = request(node.Node!).AsTask());
        for (int i = 0; i < 300 && answer is not { IsCompleted: true }; i++)
        {
            RunFor(TimeSpan.FromMilliseconds(100));
        }

        return answer is { IsCompleted: true } ? answer.GetAwaiter().GetResult() : throw new SimulationException($"{node.Name} does not answer");
    }

    public void Kill(SimNode node, TimeSpan backAfter)
    {
        Killed(_log, node.Name, backAfter);
        node.Kill();
        if (backAfter > TimeSpan.FromSeconds(2))
        {
            _pump.Schedule(TimeSpan.FromSeconds(2), () => SetMember(node, node.IsUp));
        }

        _pump.Schedule(backAfter, () => StartIfDown(node));
    }

    public void StartIfDown(SimNode node)
    {
        if (!node.IsUp)
        {
            SetMember(node, true);
            Start(node);
        }
    }

    public void Restart(SimNode node)
    {
        node.Kill();
        StartIfDown(node);
    }

    private void Start(SimNode node) => node.Start(_settings, RegistryNames);

    // As the supervisor of a real node does: the store is opened anew, in a new process.
    private void OnFailed(SimNode node, Exception reason)
    {
        _pump.Require(reason is StoreFailedException { Message: SimStore.Refusal }, $"{node.Name} gave up: {reason}");
        Node? failed = node.Node;
        _pump.Schedule(TimeSpan.FromMilliseconds(500), () =>
        {
            if (node.Node == failed && failed is not null)
            {
                Restart(node);
            }
        });
    }

    private void SetMember(SimNode node, bool isMember)
    {
        node.MemberSince = !isMember ? long.MaxValue : node.MemberSince == long.MaxValue ? _pump.Now : node.MemberSince;
        _network.Members = [.. Nodes.Where(n => n == node ? isMember : _network.Members.Contains(n.Name)).Select(static n => n.Name)];
    }

    // With a process its store in memory is gone.
    private IEnumerable<MasterId> SurvivorsOf(MasterView view) =>
        view.InSyncSet.Where(master => Named(master.Name) is { IsUp: true } node && node.Node!.Id == master);

    private void CheckWhole(TimeSpan faulty)
    {
        string at = string.Create(CultureInfo.InvariantCulture, $"{Storage.View}, last acknowledged at {TimeSpan.FromTicks(Clients.LastAcknowledgedAt)}");
        _pump.Require(Clients.LastAcknowledgedAt > (faulty + Recovery - TimeSpan.FromSeconds(2)).Ticks, $"no writes after healing; {at}");
        MasterView view = Storage.View!;
        _pump.Require(view.OtherInSync && !view.IsContested, $"the pair is not whole; {at}");
        SimNode[] masters = [.. view.InSyncSet.Select(id => Named(id.Name))];
        CheckRemembered(masters[0].Disk, masters[1].Disk, at);
        foreach (string key in Clients.Keys)
        {
            Entry? first = Stored(masters[0], key), second = Stored(masters[1], key);
            _pump.Require(Equals(Live(first), Live(second)), $"the masters differ in {key}: {first} and {second}; {at}");
            SimWatcher? wrong = Array.Find(_watchers, watcher => !watcher.AgreesOn(key, Live(first), _history.Expiring.Contains(key)));
            _pump.Require(wrong is null, $"watcher {Array.IndexOf(_watchers, wrong)} ends with {wrong?.Find(key)}, the masters with {first}; {at}");
            CheckNotLost(key, first, at);
            foreach (SimNode node in Nodes)
            {
                ReadResult? shown = node.Node!.FindManyHereAsync([key], long.MaxValue).AsTask().Result[0];
                CheckCopy(node.Name, shown?.Entry, Live(first), at);
            }

            HeldEntry held = Gateway.Look(key);
            CheckCopy(Gateway.Name, held.Serves(default, MaxStaleness) ? held.Entry : null, Live(first), at);
        }
    }

    // Of what is void either may have removed more, and one may not have heard yet of the latest that is.
    private void CheckRemembered(MemoryStore one, MemoryStore other, string at)
    {
        long voidUpto = Math.Max(one.State.VoidUpto, other.State.VoidUpto);
        Entry[][] remembered = [.. new[] { one, other }.Select(store =>
        {
            // Not by the scan that a full sync takes: a fault planted there is to be noticed by what it does.
            ImmutableArray<Entry> rows = store.ReadChangesAsync(0, int.MaxValue).AsTask().Result.Entries;
            Entry[] memories = [.. rows.Where(static row => InternalKeys.IsMemory(row.Key))];
            _pump.Require(memories.Length == store.State.Memories, $"{memories.Length} requests are remembered, {store.State.Memories} counted; {at}");
            return memories.Where(memory => memory.Version.Sequence > voidUpto).ToArray();
        })];
        bool same = remembered[0].SequenceEqual(remembered[1]);
        _pump.Require(same, $"the masters remember {remembered[0].Length} and {remembered[1].Length} requests, void up to {voidUpto}; {at}");
        Remembered = remembered[0].Length;
        Forgotten = Math.Max(one.State.VoidRemoved, other.State.VoidRemoved);
    }

    // Of what was ordered since stores were last lost.
    private void CheckNotLost(string key, Entry? kept, string at)
    {
        LogPoint version = _history.NewestOf(key, _timeline.Now);
        if (version == LogPoint.Zero)
        {
            return;
        }

        Entry newest = _history.Writes[key].Find(write => write.Entry.Version == version)!.Entry;
        bool good = kept is null
            ? _applied.Of(key).Exists(entry => entry.IsTombstone && entry.Version >= newest.Version) // it may have been forgotten by now
            : kept.Version > newest.Version || (kept.Version == newest.Version && kept.Value.AsSpan().SequenceEqual(newest.Value));
        _pump.Require(good, $"{newest} was acknowledged and is lost, {kept?.ToString() ?? "nothing"} is there; {at}");
    }

    // A copy that is not dropped in all that time would be served for ever.
    private void CheckCopy(string name, Entry? shown, Entry? kept, string at) =>
        _pump.Require(shown is null || Equals(shown, kept), $"{name} shows {shown}, the masters have {kept}; {at}");

    [LoggerMessage(1, LogLevel.Information, "{Node} is killed, for {Time}")]
    private static partial void Killed(ILogger log, string node, TimeSpan time);

    private static Entry? Stored(SimNode node, string key) => node.Disk.ReadAsync(key).AsTask().Result;

    private static Entry? Live(Entry? entry) => entry is { IsTombstone: false } ? entry : null;
}
