namespace Diststore.Client;

/// <summary>How a transaction ended, all of it expected.</summary>
public enum TransactionStatus
{
    /// <summary>All of it was done.</summary>
    Committed = 0,

    /// <summary>A condition does not hold; nothing was done.</summary>
    ConditionFailed = 1,

    /// <summary>A key that is touched does not exist, or one that is added to is no number; nothing was done.</summary>
    Conflict = 2,
}

/// <summary>What one operation of a transaction did.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Version">The version that it wrote; null where it wrote none, as the delete of a key that is not there.</param>
/// <param name="Number">The number after an addition.</param>
public sealed record OperationResult(string Key, EntryVersion? Version, long? Number);

/// <summary>How a transaction ended.</summary>
public sealed record TransactionResult
{
    /// <summary>How it ended.</summary>
    public required TransactionStatus Status { get; init; }

    /// <summary>What each operation did, in their order; empty where nothing was done.</summary>
    public IReadOnlyList<OperationResult> Results { get; init; } = [];

    /// <summary>Which conditions do not hold, counted from 0 in the order in which they were given.</summary>
    public IReadOnlyList<int> FailedConditions { get; init; } = [];

    /// <summary>What the server said of a conflict.</summary>
    public string? Detail { get; init; }

    /// <summary>The last place that it has in the order of all writes; null where nothing was written.</summary>
    public long? Sequence { get; init; }

    /// <summary>Whether the cluster had done it before and gave the same answer again.</summary>
    public bool IsReplayed { get; init; }

    /// <summary>Which node answered.</summary>
    public string? Node { get; init; }
}
