namespace Diststore.Client;

/// <summary>What a change is.</summary>
public enum ChangeKind
{
    /// <summary>The key has a new value.</summary>
    Put = 0,

    /// <summary>The key is gone.</summary>
    Delete = 1,

    /// <summary>Nothing changed up to here.</summary>
    Position = 2,

    /// <summary>Everything anew: what is there now follows as puts, up to <see cref="Ready"/>. What is not among them is gone.</summary>
    Reset = 3,

    /// <summary>What was there has been shown; changes follow.</summary>
    Ready = 4,
}

/// <summary>One change of a key, or what <see cref="ChangeKind"/> says besides.</summary>
public sealed record Change
{
    /// <summary>What it is.</summary>
    public required ChangeKind Kind { get; init; }

    /// <summary>To go on after, in this process or another; null between <see cref="ChangeKind.Reset"/> and <see cref="ChangeKind.Ready"/>.</summary>
    public string? Id { get; init; }

    /// <summary>The key; empty where it is not about one.</summary>
    public string Key { get; init; } = "";

    /// <summary>The version that a put made, or that a delete has in the order of versions.</summary>
    public EntryVersion? Version { get; init; }

    /// <summary>What is known of a put besides the value.</summary>
    public EntryInfo? Info { get; init; }

    /// <summary>The key with its value, of a put, where values were asked for.</summary>
    public DiststoreEntry? Entry { get; init; }
}
