using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>What has changed since this point? Asked of any node by a gateway, which keeps copies, again and again.</summary>
/// <param name="History">The history that the point belongs to.</param>
/// <param name="Since">Up to where it follows; <see langword="null"/> before it has ever been told.</param>
/// <param name="Wait">How long the question may wait at the node for the next change; the node cuts it to <see cref="MaxWait"/>.</param>
/// <param name="MaxAge">A node whose own state is older than that asks its upstream before it answers.</param>
/// <param name="Hints">Which hints it has had, as the last answer told.</param>
[GenerateSerializer, Immutable, Alias("diststore.copyquestion")]
public sealed record CopyQuestion(
    [property: Id(0)] Guid History,
    [property: Id(1)] LogPoint? Since,
    [property: Id(2)] TimeSpan Wait,
    [property: Id(3)] TimeSpan MaxAge,
    [property: Id(4)] HintNumber Hints)
{
    /// <summary>How long a question waits at a node at most.</summary>
    public static TimeSpan MaxWait { get; } = TimeSpan.FromSeconds(1);
}

/// <summary>Numbers the hints that one process of a node has passed on.</summary>
[GenerateSerializer, Immutable, Alias("diststore.hintnumber")]
public readonly record struct HintNumber([property: Id(0)] Guid Process, [property: Id(1)] long Number);

/// <summary>The answer to a <see cref="CopyQuestion"/>.</summary>
/// <param name="IsGiven">False where the node shows nothing now: another one is to be asked.</param>
/// <param name="History">The history of what the node shows.</param>
/// <param name="Changes">What changed after the asked point, ascending, up to <paramref name="Upto"/>.</param>
/// <param name="Upto">Up to where this is complete; the asked point where that lies ahead of the node's.</param>
/// <param name="IsWhole">Whether that is all that the node shows; only then the age makes the gateway current.</param>
/// <param name="Jumps">The point lies too far behind, or in another history: drop all copies and go on from <paramref name="Upto"/>.</param>
/// <param name="Age">How long ago what the node shows was surely the cluster's state.</param>
/// <param name="Hinted">Keys that are said to have changed, each told once: they move neither the point nor the moment.</param>
/// <param name="Hints">To be repeated with the next question.</param>
[GenerateSerializer, Immutable, Alias("diststore.copynews")]
public sealed record CopyNews(
    [property: Id(0)] bool IsGiven,
    [property: Id(1)] Guid History,
    [property: Id(2)] ImmutableArray<ChangedKey> Changes,
    [property: Id(3)] LogPoint Upto,
    [property: Id(4)] bool IsWhole,
    [property: Id(5)] bool Jumps,
    [property: Id(6)] TimeSpan Age,
    [property: Id(7)] ImmutableArray<ChangedKey> Hinted,
    [property: Id(8)] HintNumber Hints);
