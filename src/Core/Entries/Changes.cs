namespace Diststore.Core;

/// <summary>Which changes to read.</summary>
/// <param name="Since">Those after this point; <see cref="LogPoint.Zero"/> for all that there are.</param>
/// <param name="Wait">How long to wait for the first one, at most <see cref="MaxWait"/>.</param>
[GenerateSerializer, Immutable, Alias("diststore.changes")]
public sealed record ChangesQuery([property: Id(0)] LogPoint Since, [property: Id(1)] TimeSpan Wait)
{
    /// <summary>The longest wait of one read; who wants to wait longer asks again.</summary>
    public static TimeSpan MaxWait { get; } = TimeSpan.FromSeconds(2);

    /// <summary>About how many bytes of entries one read gives.</summary>
    public const int MaxBytes = 1 << 20;
}

/// <summary>How a read of changes ended.</summary>
public enum ChangesOutcome
{
    /// <summary>The changes are given; none if there were none while it waited.</summary>
    Page = 0,

    /// <summary>The point lies below the floor, or not in the history: start over with a listing.</summary>
    Gone = 1,

    /// <summary>No primary answers.</summary>
    Unavailable = 2,
}

/// <summary>Changes in ascending order.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Entries">The changed entries, tombstones among them; an entry's version is the change's id.</param>
/// <param name="Node">The name of the node that answered the caller.</param>
/// <param name="Detail">A sentence for the caller where there is no page.</param>
[GenerateSerializer, Immutable, Alias("diststore.changespage")]
public sealed record ChangesResult(
    [property: Id(0)] ChangesOutcome Outcome,
    [property: Id(1)] Entry[] Entries,
    [property: Id(2)] string Node,
    [property: Id(3)] string? Detail = null);
