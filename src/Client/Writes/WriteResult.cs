namespace Diststore.Client;

/// <summary>How a write ended, all of it expected.</summary>
public enum WriteStatus
{
    /// <summary>The key is new.</summary>
    Created = 0,

    /// <summary>The key has a new value.</summary>
    Replaced = 1,

    /// <summary>The key is gone.</summary>
    Deleted = 2,

    /// <summary>The value is the same and ends at another time.</summary>
    Touched = 3,

    /// <summary>There is no such key; nothing was done.</summary>
    NotFound = 4,

    /// <summary>The condition does not hold; nothing was done.</summary>
    ConditionFailed = 5,
}

/// <summary>How a write ended.</summary>
public sealed record WriteResult
{
    /// <summary>How it ended.</summary>
    public required WriteStatus Status { get; init; }

    /// <summary>Whether something was written.</summary>
    public bool IsApplied => Status is not (WriteStatus.NotFound or WriteStatus.ConditionFailed);

    /// <summary>The version that was written; null where none was, and after a delete.</summary>
    public EntryVersion? Version { get; init; }

    /// <summary>The write's place in the order of all writes, for <see cref="ReadOptions.MinSequence"/>; null where nothing was written.</summary>
    public long? Sequence { get; init; }

    /// <summary>Whether the cluster had done it before and gave the same answer again.</summary>
    public bool IsReplayed { get; init; }

    /// <summary>Which node answered.</summary>
    public string? Node { get; init; }
}

/// <summary>How an addition ended, all of it expected.</summary>
public enum AddStatus
{
    /// <summary>It was added.</summary>
    Added = 0,

    /// <summary>The condition does not hold; nothing was done.</summary>
    ConditionFailed = 1,

    /// <summary>The value is no whole number, or the sum does not fit into 64 bits; nothing was done.</summary>
    NotANumber = 2,
}

/// <summary>How an addition ended.</summary>
public sealed record AddResult
{
    private readonly long _number;

    /// <summary>How it ended.</summary>
    public required AddStatus Status { get; init; }

    /// <summary>The number after it.</summary>
    /// <exception cref="InvalidOperationException">Nothing was added.</exception>
    public long Number
    {
        get => Status == AddStatus.Added ? _number : throw new InvalidOperationException($"nothing was added: {Status}");
        init => _number = value;
    }

    /// <summary>The version that was written; null where none was.</summary>
    public EntryVersion? Version { get; init; }

    /// <summary>The write's place in the order of all writes; null where nothing was written.</summary>
    public long? Sequence { get; init; }

    /// <summary>Whether the cluster had done it before and gave the same answer again.</summary>
    public bool IsReplayed { get; init; }

    /// <summary>Which node answered.</summary>
    public string? Node { get; init; }

    /// <summary>How it ended, and the number where there is one.</summary>
    public override string ToString() => Status == AddStatus.Added ? $"{Status}: {_number}" : $"{Status}";
}
