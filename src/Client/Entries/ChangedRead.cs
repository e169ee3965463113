namespace Diststore.Client;

/// <summary>What became of a version that is known.</summary>
public enum ChangedStatus
{
    /// <summary>The key still has it.</summary>
    Unchanged = 0,

    /// <summary>The key has another, which came along.</summary>
    Changed = 1,

    /// <summary>There is no such key any more.</summary>
    NotFound = 2,
}

/// <summary>What became of a version that is known.</summary>
/// <param name="Status">What became of it.</param>
/// <param name="Entry">The entry where it has changed; else null.</param>
public sealed record ChangedRead(ChangedStatus Status, DiststoreEntry? Entry);
