namespace Diststore.Client;

/// <summary>The masters and all live nodes, as the asked node knows them.</summary>
/// <param name="Partitions">Who the masters are; empty before the first request elects them.</param>
/// <param name="Nodes">The live nodes.</param>
public sealed record ClusterState(IReadOnlyList<PartitionState> Partitions, IReadOnlyList<NodeState> Nodes);

/// <summary>The masters of a partition.</summary>
public sealed record PartitionState
{
    /// <summary>The partition's number.</summary>
    public required long Number { get; init; }

    /// <summary>Which view of the masters this is; it grows with each change.</summary>
    public required long Epoch { get; init; }

    /// <summary>The name of the node that orders writes.</summary>
    public required string Primary { get; init; }

    /// <summary>The other master in sync, if there is one.</summary>
    public string? Secondary { get; init; }

    /// <summary>The other master while it is not in sync yet.</summary>
    public string? Learner { get; init; }

    /// <summary>The masters that have every acknowledged write.</summary>
    public IReadOnlyList<string> InSync { get; init; } = [];

    /// <summary>Whether writes are taken now.</summary>
    public bool IsWritable { get; init; }

    /// <summary>Masters in sync that are not there.</summary>
    public IReadOnlyList<MissingNode> Missing { get; init; } = [];
}

/// <summary>A master that is not there.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Since">Since when.</param>
public sealed record MissingNode(string Name, DateTimeOffset? Since);

/// <summary>A live node.</summary>
public sealed record NodeState
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary><c>primary</c>, <c>secondary</c>, <c>learner</c> or <c>copies</c>.</summary>
    public required string Role { get; init; }

    /// <summary>Whether it answered just now.</summary>
    public bool IsReachable { get; init; }

    /// <summary>How many keys it holds.</summary>
    public long Keys { get; init; }

    /// <summary>Up to where it has applied the log.</summary>
    public string? Applied { get; init; }

    /// <summary>The end of its log.</summary>
    public string? Last { get; init; }

    /// <summary>The view that it acts in.</summary>
    public long Epoch { get; init; }

    /// <summary>Where its HTTP API is.</summary>
    public string? Url { get; init; }

    /// <summary>The release that it runs.</summary>
    public string? Version { get; init; }
}
