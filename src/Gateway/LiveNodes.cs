using Diststore.Contracts;

namespace Diststore.Gateway;

/// <summary>
/// The nodes that live, as some node said last, and whose turn it is. The list stays when nobody answers: better to try nodes that may be
/// gone than none. Thread-safe.
/// </summary>
internal sealed partial class LiveNodes(TimeProvider time, ILogger<LiveNodes> logger)
{
    /// <summary>How long a node that did not answer is passed over.</summary>
    public static readonly TimeSpan AsideTime = TimeSpan.FromSeconds(1);

    /// <summary>How long one that is stopping, or gone: longer than it takes the others to notice.</summary>
    public static readonly TimeSpan GoneTime = TimeSpan.FromSeconds(5);

    /// <summary>How long one call for reading may take before another node is tried.</summary>
    public static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(1.5);

    private static readonly TimeSpan RefreshTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SilenceBeforeNotReady = TimeSpan.FromSeconds(3);

    private volatile ClusterNode[] _nodes = [];
    private IGrainFactory? _grains; // set once connected, before _nodes
    private long _heardAt;
    private uint _turn;

    /// <summary>All live nodes, by name.</summary>
    public IReadOnlyList<ClusterNode> All => _nodes;

    /// <summary>Why no requests can be served, or null.</summary>
    public string? NotReadyBecause =>
        _grains is null ? "the gateway has not yet found the cluster"
        : _nodes.Length == 0 ? "the cluster has not yet named a live node"
        : time.GetElapsedTime(Volatile.Read(ref _heardAt)) > SilenceBeforeNotReady ? "no node of the cluster answers"
        : null;

    /// <summary>The node whose turn it is, or null when none is known.</summary>
    public ClusterNode? Next()
    {
        ClusterNode[] nodes = _nodes;
        if (nodes.Length == 0)
        {
            return null;
        }

        uint turn = Interlocked.Increment(ref _turn);
        long now = time.GetTimestamp();
        for (uint i = 0; i < nodes.Length; i++)
        {
            ClusterNode node = nodes[(turn + i) % nodes.Length];
            if (!node.IsAside(now))
            {
                return node;
            }
        }

        return nodes[turn % nodes.Length];
    }

    /// <summary>The node of that name, whether the list has it or not (it may have come since), or null before there is a connection.</summary>
    public INodeGrain? Named(string name) => name.Length == 0 ? null : _grains?.GetGrain<INodeGrain>(name);

    /// <summary>Passes a node over that did not answer, or that said that it is not there any more.</summary>
    public void SetAside(ClusterNode node, bool isGone = false) =>
        node.SetAsideUntil(time.GetTimestamp() + (long)((isGone ? GoneTime : AsideTime).TotalSeconds * time.TimestampFrequency));

    /// <summary>Asks who lives: the nodes known so far in turn, else the registry.</summary>
    public async Task RefreshAsync(IGrainFactory grains)
    {
        _grains = grains;
        for (int attempt = 0; attempt < 2 && Next() is { } node; attempt++)
        {
            if (await TryTakeAsync(grains, node.Grain.GetMembersAsync()))
            {
                return;
            }

            SetAside(node);
        }

        await TryTakeAsync(grains, grains.GetGrain<IMasterRegistryGrain>(0).GetMembersAsync());
    }

    private async Task<bool> TryTakeAsync(IGrainFactory grains, Task<string[]> asked)
    {
        try
        {
            Take(grains, await asked.WaitAsync(RefreshTimeout, time));
            return true;
        }
        catch (Exception exception)
        {
            LogNoAnswer(exception.Message);
            return false;
        }
    }

    private void Take(IGrainFactory grains, string[] names)
    {
        Volatile.Write(ref _heardAt, time.GetTimestamp());
        ClusterNode[] before = _nodes;
        if (names.Length == 0 || names.Order(StringComparer.Ordinal).SequenceEqual(before.Select(node => node.Name)))
        {
            return;
        }

        _nodes = [.. names.Order(StringComparer.Ordinal).Select(name => Array.Find(before, node => node.Name == name)
            ?? new ClusterNode(name, grains.GetGrain<INodeGrain>(name)))];
        LogNodes(string.Join(", ", _nodes.Select(node => node.Name)));
    }
}
