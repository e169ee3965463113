using System.Net;

namespace Diststore.SystemTests;

/// <summary>How a cluster is set up.</summary>
internal sealed record ClusterShape
{
    /// <summary>How many nodes.</summary>
    public required int Nodes { get; init; }

    /// <summary>The HTTP port of all nodes; 0 for any that is free.</summary>
    public int HttpPort { get; init; }

    /// <summary>What they are joined through; for anything that loses nodes not a node.</summary>
    public Keeper Keeper { get; init; } = Keeper.Redis;

    /// <summary>The network to run in, or <see langword="null"/> for this machine's own.</summary>
    public NetworkNamespace? Network { get; init; }

    /// <summary>A machine for each node, in place of one network for all.</summary>
    public Lan? Lan { get; init; }

    /// <summary>What a node's command is to begin with, by its name: a program that becomes the command that follows.</summary>
    public Func<string, IReadOnlyList<string>> Prefix { get; init; } = static _ => [];

    /// <summary>Given the folder that the nodes' data lies in, by their names, before the first is started.</summary>
    public Action<string>? Prepare { get; init; }

    /// <summary>More settings for every node, as <c>Section:Name=value</c> below <c>Diststore:</c>.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];
}

/// <summary>
/// Nodes in processes of their own on 127.1.2.1 and the addresses that follow, all with the same ports and the same
/// multicast group. Named node-01 and so on: ties in elections go to the lowest name.
/// </summary>
internal sealed class TestCluster : IAsyncDisposable
{
    private const string ClusterKey = "the key of a test's own network";

    private readonly TempDirectory _directory = new();
    private readonly StorageServer? _storage;
    private readonly NetworkNamespace? _network;
    private readonly string[] _settings;
    private readonly string[] _nodeSettings;
    private readonly int _http;
    private readonly List<SiloProcess> _others = [];
    private readonly SiloProcess[] _nodes;

    private TestCluster(ClusterShape shape, StorageServer? storage)
    {
        _storage = storage;
        _network = StorageNetwork(shape);
        IPAddress[] addresses = [.. Enumerable.Range(1, shape.Nodes)
            .Select(number => shape.Lan?.Machines[number - 1].Address ?? IPAddress.Parse($"127.1.2.{number}"))];
        int[] ports = Ports.Free(5, [IPAddress.Loopback, .. addresses.Where(static address => IPAddress.IsLoopback(address))]);
        GatewayPort = ports[4];
        SiloGatewayPort = ports[2];
        string id = $"test-{Environment.ProcessId}-{ports[0]}";
        _settings =
        [
            .. storage?.Settings ?? ["Cluster:Provider=Development", $"Cluster:Primary={addresses[0]}:{ports[1]}"],
            $"Cluster:Id={id}",
        ];
        int http = shape.HttpPort != 0 ? shape.HttpPort : ports[0];
        string[] settings =
        [
            .. _settings, $"Silo:Port={ports[1]}", $"Silo:GatewayPort={ports[2]}", $"Multicast:Port={ports[3]}", .. shape.Settings,
            .. shape.Lan is null ? Array.Empty<string>() : [$"Security:ClusterKey={ClusterKey}"], // listens beyond loopback
        ];
        (_http, _nodeSettings) = (http, settings);
        _nodes = [.. addresses.Select((address, index) => (address, index, name: $"node-{index + 1:00}")).Select(node => new SiloProcess(
            node.name, node.address, http, _directory.Path, settings, shape.Lan?.Machines[node.index] ?? shape.Network, shape.Prefix(node.name)))];
    }

    /// <summary>A free port for a gateway on 127.0.0.1.</summary>
    public int GatewayPort { get; }

    /// <summary>The port on which every node's silo takes gateways.</summary>
    public int SiloGatewayPort { get; }

    /// <summary>Where the membership and the view are.</summary>
    public StorageServer Storage => _storage ?? throw new InvalidOperationException("a node of this cluster keeps them");

    /// <summary>All nodes, running or not.</summary>
    public IReadOnlyList<SiloProcess> Nodes => _nodes;

    /// <summary>The nodes that run.</summary>
    public IEnumerable<SiloProcess> Running => _nodes.Where(static node => node.IsRunning);

    /// <summary>A node by its name.</summary>
    public SiloProcess this[string name] => _nodes.Single(node => node.Name == name);

    /// <summary>A node by its number, from 1.</summary>
    public SiloProcess this[int number] => _nodes[number - 1];

    /// <summary>Starts all nodes and waits until each is ready and sees all others.</summary>
    public static async Task<TestCluster> StartAsync(ClusterShape shape)
    {
        var cluster = new TestCluster(shape, await StorageServer.StartAsync(shape.Keeper, StorageNetwork(shape)));
        shape.Prepare?.Invoke(Path.Combine(cluster._directory.Path, "data"));
        try
        {
            // The first alone: others may have to join through it. Then two at a time, as many as a small machine
            // can start without each being so slow that the others take it for dead.
            cluster[1].Start();
            await cluster[1].WaitUntilReadyAsync();
            foreach (SiloProcess[] pair in cluster._nodes.Skip(1).Chunk(2))
            {
                Array.ForEach(pair, static node => node.Start());
                await Task.WhenAll(pair.Select(static node => node.WaitUntilReadyAsync()));
            }

            await cluster.WaitUntilCompleteAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>The folder of a node's data.</summary>
    public string DataOf(SiloProcess node) => Path.Combine(_directory.Path, "data", node.Name);

    /// <summary>Starts all that do not run and waits until each is ready and sees all others.</summary>
    public async Task StartAgainAsync()
    {
        SiloProcess[] stopped = [.. _nodes.Where(static node => !node.IsRunning)];
        Array.ForEach(stopped, static node => node.Start());
        await Task.WhenAll(stopped.Select(static node => node.WaitUntilReadyAsync()));
        await WaitUntilCompleteAsync();
    }

    /// <summary>Another node on this machine's own network, not started; it is none of <see cref="Nodes"/>.</summary>
    public SiloProcess Another(string name, string address, string? directory = null, IReadOnlyList<string>? prefix = null, params string[] settings)
    {
        var node = new SiloProcess(
            name, IPAddress.Parse(address), _http, directory ?? _directory.Path, [.. _nodeSettings, .. settings], network: null, prefix ?? []);
        _others.Add(node);
        return node;
    }

    /// <summary>Starts a gateway of this cluster.</summary>
    public Task<GatewayProcess> StartGatewayAsync(params string[] settings) =>
        GatewayProcess.StartAsync(IPAddress.Loopback, GatewayPort, _directory.Path, [.. _settings, .. settings], _network);

    /// <summary>Starts one on a machine of the <see cref="Lan"/>, where the test reaches it on the machine's own loopback address.</summary>
    public Task<GatewayProcess> StartGatewayAsync(NetworkNamespace machine, params string[] settings) =>
        GatewayProcess.StartAsync(IPAddress.Loopback, GatewayPort, _directory.Path, [.. _settings, .. settings], machine);

    /// <summary>Waits until every running node sees all running nodes and no others.</summary>
    public Task WaitUntilCompleteAsync() => Eventually.TrueAsync(
        async () =>
        {
            string[] expected = [.. Running.Select(static node => node.Name)];
            foreach (SiloProcess node in Running)
            {
                ClusterView view = await node.Http.ClusterAsync();
                if (!view.Nodes.Keys.Order(StringComparer.Ordinal).SequenceEqual(expected))
                {
                    return $"{node.Name} sees {view}, expected {string.Join(' ', expected)}";
                }
            }

            return null;
        },
        Eventually.Patience,
        Tails);

    /// <summary>Waits for a view with two in-sync masters among the running nodes, told by <paramref name="teller"/>.</summary>
    public Task<ClusterView> WaitForTwoMastersAsync(SiloProcess teller, TimeSpan deadline) => Eventually.GetAsync<ClusterView>(
        async () =>
        {
            ClusterView view = await teller.Http.ClusterAsync();
            bool good = view.IsWhole && view.Masters.All(name => this[name].IsRunning);
            return good ? (view, null) : (null, $"{teller.Name} says {view}");
        },
        deadline,
        Tails);

    /// <summary>
    /// Makes two nodes of three the masters, while the registry is on the third one: what a node keeps for itself counts
    /// when masters are picked.
    /// </summary>
    public async Task<(ClusterView View, SiloProcess Registry)> MakeMastersApartFromRegistryAsync()
    {
        SiloProcess registry = await Eventually.GetAsync<SiloProcess>(
            () =>
            {
                SiloProcess[] at = [.. _nodes.Where(static node => HostsRegistry(node.Said))];
                return Task.FromResult(at.Length == 1 ? (at[0], (string?)null) : (null, $"the registry is on {at.Length} nodes"));
            },
            Eventually.Patience,
            Tails);
        SiloProcess[] others = [.. _nodes.Where(node => node != registry)];
        foreach ((SiloProcess node, string key) in new[] { (others[0], "own 1"), (others[0], "own 2"), (others[1], "own 3") })
        {
            Assert.Equal(200, (await node.Http.PostLocalAsync(key, "1")).Status);
        }

        await others[0].Http.PostUntilDoneAsync("first", "1", Tails);
        ClusterView view = await WaitForTwoMastersAsync(others[0], Eventually.Patience);
        Assert.True(view.Primary == others[0].Name && view.Secondary == others[1].Name, $"{view}\n{Tails()}");

        await registry.WaitUntilSaidAsync(", because "); // it was the one that made this view
        return (view, registry);
    }

    private static bool HostsRegistry(string said) =>
        said.LastIndexOf("The registry is here", StringComparison.Ordinal) > said.LastIndexOf("The registry leaves this node", StringComparison.Ordinal);

    /// <summary>The last lines of every node, for a failure's message.</summary>
    public string Tails() => string.Join('\n', _nodes.Select(static node => $"--- {node.Name}\n{node.Tail}"));

    private static NetworkNamespace? StorageNetwork(ClusterShape shape) => shape.Lan?.Server ?? shape.Network;

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Array.ForEach(_nodes, static node => node.Dispose());
        _others.ForEach(static node => node.Dispose());
        _storage?.Dispose();
        _directory.Dispose();
        return ValueTask.CompletedTask;
    }
}
