using Microsoft.Extensions.Logging;

namespace Diststore.Simulation;

/// <summary>A node's machine: the process comes and goes, the disk stays (unless its store is one in memory).</summary>
internal sealed class SimNode(
    Pump pump, string name, int number, SimNetwork network, AppliedLog applied, SimTimeline timeline, bool durable, ILoggerFactory logs)
    : SimHost(pump, name, number)
{
    private SimDisk? _disk;
    private SimStore? _store;
    private SimClock? _clock;

    public Node? Node => Service as Node;

    public bool IsUp => Service is not null;

    /// <summary>Whether it runs and is not paused.</summary>
    public bool Answers => IsUp && !Scheduler.IsPaused;

    /// <summary>Counts its stores: another number is a store that lacks what the one before held.</summary>
    public int Stores { get; private set; }

    /// <summary>Since when (virtual time) membership lists it without a break; <see cref="long.MaxValue"/> while it does not.</summary>
    public long MemberSince { get; set; }

    /// <summary>The content of its disk.</summary>
    public MemoryStore Disk => _disk!.Content;

    /// <summary>Whether its store takes no more writes, or it has given up for another reason.</summary>
    public bool HasFailed => _store!.HasFailed;

    /// <summary>Called when a node gives up by itself: with a reason, once in each of its lives.</summary>
    public Action<SimNode, Exception>? Failed { get; set; }

    public void Start(NodeSettings settings, IReadOnlyList<string> registries)
    {
        Scheduler = new SimScheduler(Pump, Name, Number);
        _clock = SimClock.Drifting(Pump, Scheduler);
        if (_disk is null || !durable)
        {
            _disk = new SimDisk(Pump, Ids.Next(Pump.Random), durable, applied);
            Stores++;
        }

        _store = new SimStore(_disk, Pump, _clock) { HistoryBegun = timeline.OnBegun };
        var node = new Node(
            settings with { Name = Name },
            _store,
            new SimTransport(network, this, registries),
            Scheduler,
            _clock,
            new Random(Pump.Random.Next()),
            logs.CreateLogger<Node>());
        node.Failed += e => Failed?.Invoke(this, e);
        Service = node;
        timeline.Add(node.Id, _clock);
        node.Start();
    }

    public void Kill()
    {
        Scheduler.Kill();
        Service = null;
        _disk!.Crash();
    }

    /// <summary>The disk is lost: the next process begins with an empty one.</summary>
    public void LoseDisk() => _disk = null;

    /// <summary>An operator restores a backup in its place; the next process begins with that.</summary>
    public void Restore(SimBackup backup)
    {
        _disk = new SimDisk(Pump, Ids.Next(Pump.Random), durable, applied, backup);
        Stores++;
    }

    public void SetWriteErrors(double part) => _store!.WriteErrors = part;

    public void JumpWallClock(TimeSpan by) => _clock!.JumpWall(by);
}

/// <summary>One of two registry activations that share a storage.</summary>
internal sealed class SimRegistry : SimHost
{
    private readonly SimNetwork _network;
    private readonly SimViewStorage _storage;
    private readonly ILoggerFactory _logs;

    public SimRegistry(Pump pump, string name, int number, SimNetwork network, SimViewStorage storage, ILoggerFactory logs)
        : base(pump, name, number)
    {
        (_network, _storage, _logs) = (network, storage, logs);
        Start();
    }

    /// <summary>A fresh activation takes its place, which knows nothing but what is stored.</summary>
    public void Restart()
    {
        Scheduler.Kill();
        Scheduler = new SimScheduler(Pump, Name, Number);
        Start();
    }

    private void Start()
    {
        var clock = new SimClock(Pump, Scheduler, 1, TimeSpan.Zero);
        var registry = new MasterRegistry(
            _storage.For(clock), new SimTransport(_network, this, [Name]), clock, new Random(Pump.Random.Next()),
            _logs.CreateLogger<MasterRegistry>());
        Service = registry;
        Scheduler.Post(() => TickAsync(registry, clock));
    }

    private static async Task TickAsync(MasterRegistry registry, TimeProvider clock)
    {
        while (true)
        {
            try
            {
                await registry.TickAsync();
            }
            catch (StorageDownException)
            {
                // The next tick decides afresh.
            }

            await Task.Delay(MasterRegistry.TickPeriod, clock);
        }
    }
}

/// <summary>The registry's storage does not answer.</summary>
internal sealed class StorageDownException() : Exception("the storage is down");

/// <summary>Storage with compare-and-swap, which takes its time, is down now and then, and whose answers get lost.</summary>
internal sealed class SimViewStorage(Pump pump)
{
    private long _tag;

    public MasterView? View { get; private set; }

    /// <summary>All views there ever were.</summary>
    public List<MasterView> All { get; } = [];

    public bool IsDown { get; set; }

    /// <summary>Part of all answers to a replacement that are lost after it was made.</summary>
    public double LostAnswers { get; set; }

    /// <summary>Told of each new view.</summary>
    public event Action<MasterView>? Replaced;

    public IViewStorage For(TimeProvider clock) => new Client(this, clock);

    /// <summary>Someone empties it.</summary>
    public void Wipe()
    {
        View = null;
        _tag++;
    }

    private TimeSpan Delay() => TimeSpan.FromMilliseconds(pump.Random.NextDouble() < 0.95 ? pump.Random.NextDouble() * 3 : pump.Random.NextDouble() * 200);

    private sealed class Client(SimViewStorage storage, TimeProvider clock) : IViewStorage
    {
        public async Task<StoredView> ReadAsync()
        {
            await ComeAndGoAsync();
            var read = new StoredView(storage.View, storage._tag);
            await Task.Delay(storage.Delay(), clock);
            return read;
        }

        public async Task<bool> TryReplaceAsync(StoredView read, MasterView next)
        {
            await ComeAndGoAsync();
            bool replaced = (long)read.Tag! == storage._tag;
            if (replaced)
            {
                MasterView? last = storage.All.FindLast(view => view.History == next.History);

                // What was taken up and lost again before anybody knew of it is taken up once more as it was.
                bool isSame = next == last && read.View is null;
                storage.Require(isSame || next.Epoch > (last?.Epoch ?? 0), $"the epoch must grow: {last} -> {next}");
                storage._tag++;
                storage.View = next;
                storage.All.Add(next);
                storage.Replaced?.Invoke(next);
            }

            await ComeAndGoAsync();
            return storage.LostAnswersNow() ? throw new StorageDownException() : replaced;
        }

        private async Task ComeAndGoAsync()
        {
            await Task.Delay(storage.Delay(), clock);
            if (storage.IsDown)
            {
                throw new StorageDownException();
            }
        }
    }

    private void Require(bool holds, string otherwise) => pump.Require(holds, otherwise);

    private bool LostAnswersNow() => pump.Random.NextDouble() < LostAnswers;
}
