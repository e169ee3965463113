using Diststore.Contracts;

namespace Diststore.Gateway;

/// <summary>
/// The nodes that live, as some node said last, and whose turn it is. The list stays when nobody answers: better to try nodes that may be
/// gone than none. When a node is gone, the calls to it are ended. Thread-safe.
/// </summary>
internal sealed partial class LiveNodes(TimeProvider time, ILogger<LiveNodes> logger)
{
    /// <summary>How long a node that did not answer is passed over.</summary>
    public static readonly TimeSpan AsideTime = TimeSpan.FromSeconds(1);

    /// <summary>How long one that is stopping, or gone: longer than it takes the others to notice.</summary>
    public static readonly TimeSpan GoneTime = TimeSpan.FromSeconds(5);

    /// <summary>How long one call for reading may take before another node is tried.</summary>
    public static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(1.5);

    /// <summary>How long any call may take.</summary>
    public static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(5);

    /// <summary>For how long a list is passed over that is older than the one taken: whoever said it lags behind, or all have started anew.</summary>
    public static readonly TimeSpan OldListTime = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan SilenceBeforeNotReady = TimeSpan.FromSeconds(3);

    private readonly Lock _taking = new();
    private volatile ClusterNode[] _nodes = [];
    private volatile string? _notWritableBecause; // set under _taking
    private volatile Func<string, INodeGrain>? _grains; // set once connected, before _nodes
    private long _version; // set under _taking
    private long _heardAt; // set under _taking
    private uint _turn;
    private long _diedAt; // when a node was last said to be gone that did not stop in order; 0: never

    /// <summary>All live nodes, by name.</summary>
    public IReadOnlyList<ClusterNode> All => _nodes;

    /// <summary>The version of the membership that the list is of.</summary>
    public long Version => Volatile.Read(ref _version);

    /// <summary>For how long nobody has said who lives.</summary>
    public TimeSpan Silence => time.GetElapsedTime(Volatile.Read(ref _heardAt));

    /// <summary>Why no requests can be served, or null.</summary>
    public string? NotReadyBecause =>
        _grains is null ? "the gateway has not yet found the cluster"
        : _nodes.Length == 0 ? "the cluster has not yet named a live node"
        : Silence > SilenceBeforeNotReady ? "no node of the cluster answers"
        : null;

    /// <summary>Why nothing can be written, as some node said last, or null.</summary>
    public string? NotWritableBecause => _notWritableBecause;

    /// <summary>There is a connection to the cluster; by it a node is called.</summary>
    public void Connect(Func<string, INodeGrain> grains) => _grains = grains;

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
            if (!node.IsAside(now) && !node.IsLeaving)
            {
                return node;
            }
        }

        return nodes[turn % nodes.Length];
    }

    /// <summary>The node of that name, whether the list has it or not (it may have come since), or null before there is a connection.</summary>
    public ClusterNode? Named(string name) =>
        _grains is not { } grains ? null : Array.Find(_nodes, node => node.Name == name) ?? new ClusterNode(name, "", grains(name));

    /// <summary>Passes a node over that did not answer, or that said that it is not there any more.</summary>
    public void SetAside(ClusterNode node, bool isGone = false) =>
        node.SetAsideUntil(time.GetTimestamp() + (long)((isGone ? GoneTime : AsideTime).TotalSeconds * time.TimestampFrequency));

    /// <summary>
    /// A connection to some silo was lost: calls that went by way of it end when it turns out to be dead; at once where one was declared
    /// dead within <see cref="CallTimeout"/>, for a silo that stood still may lose its connection after that.
    /// </summary>
    public void OnConnectionLost()
    {
        ClusterNode[] nodes = _nodes;
        Array.ForEach(nodes, static node => node.OnConnectionLost());
        if (Interlocked.Read(ref _diedAt) is not 0 and var died && time.GetElapsedTime(died) < CallTimeout)
        {
            Array.ForEach(nodes, static node => node.EndEarlier());
        }
    }

    /// <summary>Takes what a node said.</summary>
    public void Take(MemberList list)
    {
        lock (_taking)
        {
            if (_grains is not { } grains || (list.Version < _version && Silence < OldListTime))
            {
                return;
            }

            Volatile.Write(ref _version, list.Version);
            Volatile.Write(ref _heardAt, time.GetTimestamp());
            _notWritableBecause = list.NotWritableBecause;
            if (list.Members.Length > 0)
            {
                Replace(list.Members, grains);
            }
        }
    }

    private void Replace(Member[] members, Func<string, INodeGrain> grains)
    {
        ClusterNode[] before = _nodes;
        var after = new List<ClusterNode>();
        foreach (Member member in members.OrderBy(static member => member.Name, StringComparer.Ordinal))
        {
            ClusterNode node = Array.Find(before, node => node.Name == member.Name && node.Life == member.Life)
                ?? new ClusterNode(member.Name, member.Life, grains(member.Name));
            node.IsLeaving = member.IsLeaving;
            after.Add(node);
        }

        if (after.SequenceEqual(before))
        {
            return;
        }

        _nodes = [.. after];
        LogNodes(string.Join(", ", after.Select(static node => node.Name)));
        ClusterNode[] gone = [.. before.Except(after)];
        Array.ForEach(gone, static node => node.End());

        // One that stopped in an orderly way has answered, and passed on, all that it had.
        if (gone.Any(static node => !node.IsLeaving))
        {
            // Said first: a connection that is lost meanwhile is ended here or there.
            Interlocked.Exchange(ref _diedAt, time.GetTimestamp());
            after.ForEach(static node => node.EndEarlier());
        }
    }
}
