namespace Diststore.Core;

/// <summary>Which entries a read may find.</summary>
public enum ReadScope
{
    /// <summary>Only what was stored through the masters.</summary>
    Replicated = 0,

    /// <summary>That, and what some node holds local-only when the masters have no such key.</summary>
    IncludingLocalOnly = 1,
}

/// <summary>
/// What a read may show: by default nothing older than <c>Copies:MaxStaleness</c>. Ages count back from the moment that the
/// read arrived.
/// </summary>
/// <param name="Scope">Which entries it may find.</param>
/// <param name="IsStrong">Linearizable: the primary shows its state after it was confirmed that it still is the primary.</param>
/// <param name="MaxAge">At most so old, where that is less than what the node would show by itself.</param>
/// <param name="MaxStale">So much older than that will do too; <see cref="TimeSpan.MaxValue"/> for any age.</param>
/// <param name="OnlyHere">Ask nobody: what this node cannot show is <see cref="ReadOutcome.NotHere"/>.</param>
/// <param name="KeepsNoCopy">What had to be fetched is not kept.</param>
/// <param name="MinSequence">The state shown has to include the write of this sequence, so that a client finds its own writes.</param>
[GenerateSerializer, Immutable, Alias("diststore.readoptions")]
public readonly record struct ReadOptions(
    [property: Id(0)] ReadScope Scope = ReadScope.Replicated,
    [property: Id(1)] bool IsStrong = false,
    [property: Id(2)] TimeSpan? MaxAge = null,
    [property: Id(3)] TimeSpan MaxStale = default,
    [property: Id(4)] bool OnlyHere = false,
    [property: Id(5)] bool KeepsNoCopy = false,
    [property: Id(6)] long MinSequence = 0)
{
    /// <summary>Whether whatever a node shows by itself will do.</summary>
    public bool TakesAnyHit => !IsStrong && MaxAge is null && MinSequence == 0;

    /// <summary>How old an answer may be on a node whose bound is <paramref name="standard"/>.</summary>
    public TimeSpan BoundOf(TimeSpan standard)
    {
        TimeSpan bound = MaxAge < standard ? MaxAge.Value : standard;
        return MaxStale >= TimeSpan.MaxValue - bound ? TimeSpan.MaxValue : bound + MaxStale;
    }
}

/// <summary>How a read ended.</summary>
public enum ReadOutcome
{
    /// <summary>The entry is given.</summary>
    Found = 0,

    /// <summary>A current primary (or, for node-local reads, the node itself) says that there is none.</summary>
    NotFound = 1,

    /// <summary>Nobody who would know has answered.</summary>
    Unavailable = 2,

    /// <summary>No live node has the name that was given.</summary>
    UnknownNode = 3,

    /// <summary>This node alone was asked, and has nothing that it may show.</summary>
    NotHere = 4,

    /// <summary>Nobody was asked, for too many reads wait already.</summary>
    Busy = 5,
}

/// <summary>Why a read was not answered by the asked node alone (the reasons of RFC 9211, section 2.2).</summary>
public enum Forwarding
{
    /// <summary>It was: a hit.</summary>
    None = 0,

    /// <summary>The node does not hold the key.</summary>
    Miss = 1,

    /// <summary>What it holds is older than the node's bound.</summary>
    Stale = 2,

    /// <summary>The read asked for more than what it holds.</summary>
    Request = 3,
}

/// <summary>A read's result.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Entry">The entry, when found; never a tombstone.</param>
/// <param name="Node">The name of the node that answered the caller.</param>
/// <param name="Detail">A sentence for the caller where it was not found or not available.</param>
/// <param name="Age">How long ago this was surely the cluster's state; never negative.</param>
/// <param name="Forwarding">Whether the node had to ask, and why.</param>
/// <param name="IsKept">Whether what was fetched is kept as a copy now.</param>
/// <param name="Origin">What a gateway has to know to keep it; <see langword="null"/> where it must not.</param>
/// <param name="Life">What remains of an entry that expires, at least; <see langword="null"/> where it does not.</param>
[GenerateSerializer, Immutable, Alias("diststore.read")]
public readonly record struct ReadResult(
    [property: Id(0)] ReadOutcome Outcome,
    [property: Id(1)] Entry? Entry,
    [property: Id(2)] string Node,
    [property: Id(3)] string? Detail = null,
    [property: Id(4)] TimeSpan Age = default,
    [property: Id(5)] Forwarding Forwarding = Forwarding.None,
    [property: Id(6)] bool IsKept = false,
    [property: Id(7)] Origin? Origin = null,
    [property: Id(8)] TimeSpan? Life = null);

/// <summary>Of which state a value is.</summary>
/// <param name="History">The history that it is of.</param>
/// <param name="CurrentAt">The point at which it was current.</param>
[GenerateSerializer, Immutable, Alias("diststore.origin")]
public sealed record Origin([property: Id(0)] Guid History, [property: Id(1)] LogPoint CurrentAt);
