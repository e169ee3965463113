using Diststore.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Simulation;

/// <summary>A node's machine: the process comes and goes, the disk stays (unless its store is one in memory).</summary>
internal sealed class SimNode(Pump pump, string name, int number, SimNetwork network, AppliedLog applied, bool durable, ILoggerFactory logs)
    : SimHost(pump, name, number)
{
    private MemoryStore? _disk;

    public Node? Node => Service as Node;

    public bool IsUp => Service is not null;

    /// <summary>The content of its disk, for the checks at the end.</summary>
    public MemoryStore Disk => _disk!;

    public void Start(NodeSettings settings, IReadOnlyList<string> registries)
    {
        Scheduler = new SimScheduler(Pump, Name, Number);
        double rate = 0.98 + (Pump.Random.NextDouble() * 0.04);
        var clock = new SimClock(Pump, Scheduler, rate, TimeSpan.FromHours(Pump.Random.Next(10)));
        if (_disk is null || !durable)
        {
            _disk = new MemoryStore(Ids.Next(Pump.Random), clock, durable);
        }

        var store = new SimStore(_disk, Pump, clock, applied);
        var node = new Node(
            settings with { Name = Name },
            store,
            new SimTransport(network, this, registries),
            Scheduler,
            clock,
            new Random(Pump.Random.Next()),
            logs.CreateLogger<Node>());
        node.Failed += e => Failures.Add(e);
        Service = node;
        node.Start();
    }

    /// <summary>What no run may show: a node that gave up by itself.</summary>
    public List<Exception> Failures { get; } = [];

    public void Kill()
    {
        Scheduler.Kill();
        Service = null;
    }
}

/// <summary>One of two registry activations that share a storage.</summary>
internal sealed class SimRegistry : SimHost
{
    public SimRegistry(Pump pump, string name, int number, SimNetwork network, SimViewStorage storage, ILoggerFactory? logs = null)
        : base(pump, name, number)
    {
        var clock = new SimClock(pump, Scheduler, 1, TimeSpan.Zero);
        var registry = new MasterRegistry(
            storage.For(clock), new SimTransport(network, this, [name]), clock, new Random(pump.Random.Next()),
            (logs ?? NullLoggerFactory.Instance).CreateLogger<MasterRegistry>());
        Service = registry;
        Scheduler.Post(() => TickAsync(registry, clock));
    }

    private static async Task TickAsync(MasterRegistry registry, TimeProvider clock)
    {
        while (true)
        {
            await registry.TickAsync();
            await Task.Delay(MasterRegistry.TickPeriod, clock);
        }
    }
}

/// <summary>Storage with compare-and-swap, which takes its time.</summary>
internal sealed class SimViewStorage(Pump pump)
{
    private long _tag;

    public MasterView? View { get; private set; }

    public List<MasterView> All { get; } = [];

    public IViewStorage For(TimeProvider clock) => new Client(this, clock);

    private TimeSpan Delay() => TimeSpan.FromMilliseconds(pump.Random.NextDouble() < 0.95 ? pump.Random.NextDouble() * 3 : pump.Random.NextDouble() * 200);

    private sealed class Client(SimViewStorage storage, TimeProvider clock) : IViewStorage
    {
        public async Task<StoredView> ReadAsync()
        {
            await Task.Delay(storage.Delay(), clock);
            var read = new StoredView(storage.View, storage._tag);
            await Task.Delay(storage.Delay(), clock);
            return read;
        }

        public async Task<bool> TryReplaceAsync(StoredView read, MasterView next)
        {
            await Task.Delay(storage.Delay(), clock);
            bool replaced = (long)read.Tag! == storage._tag;
            if (replaced)
            {
                Assert.True(next.Epoch > (storage.View?.Epoch ?? 0), $"the epoch must grow: {storage.View} -> {next}");
                storage._tag++;
                storage.View = next;
                storage.All.Add(next);
            }

            await Task.Delay(storage.Delay(), clock);
            return replaced;
        }
    }
}
