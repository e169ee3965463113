using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>A key that changed, and to which version.</summary>
[GenerateSerializer, Immutable, Alias("diststore.changedkey")]
public readonly record struct ChangedKey([property: Id(0)] string Key, [property: Id(1)] LogPoint Version);

/// <summary>What has changed since this point? Asked of the primary by every other node, again and again.</summary>
/// <param name="Epoch">The epoch of the view that the asking node is in.</param>
/// <param name="IsMaster">Whether it is the other in-sync master there, which wants to know the commit point and its age only.</param>
/// <param name="History">The history that the point belongs to.</param>
/// <param name="Since">Up to where it follows; <see langword="null"/> before it has ever been told.</param>
/// <param name="Local">Who asks, and whether it holds local-only entries; null by a release that does not say so.</param>
[GenerateSerializer, Immutable, Alias("diststore.followreq")]
public sealed record FollowRequest(
    [property: Id(0)] long Epoch,
    [property: Id(1)] bool IsMaster,
    [property: Id(2)] Guid History,
    [property: Id(3)] LogPoint? Since,
    [property: Id(4)] LocalSaying? Local = null);

/// <summary>Whether a node holds any local-only entry.</summary>
/// <param name="Node">The node that says so.</param>
/// <param name="Process">Which process of it.</param>
/// <param name="Number">Numbers what that process says, ascending: what comes late counts for nothing.</param>
/// <param name="HoldsAny">"Some" or "none".</param>
/// <param name="Told">What the primary's last answer told, so that it knows when this was said at the earliest.</param>
[GenerateSerializer, Immutable, Alias("diststore.localsaying")]
public sealed record LocalSaying(
    [property: Id(0)] string Node,
    [property: Id(1)] Guid Process,
    [property: Id(2)] long Number,
    [property: Id(3)] bool HoldsAny,
    [property: Id(4)] ToldMoment Told);

/// <summary>A moment of a primary, in one view, by its own monotonic clock; nobody else reads it.</summary>
[GenerateSerializer, Immutable, Alias("diststore.toldmoment")]
public readonly record struct ToldMoment([property: Id(0)] long Table, [property: Id(1)] long At);

/// <summary>The answer to a <see cref="FollowRequest"/>.</summary>
/// <param name="IsGiven">False when the asked node is not a primary that is current; then only <paramref name="View"/> counts.</param>
/// <param name="View">The view that the primary is in, or the newest known.</param>
/// <param name="Changes">What changed after the asked point, ascending, up to <paramref name="Upto"/>.</param>
/// <param name="Upto">Up to where this is complete.</param>
/// <param name="IsWhole">Whether that is all that the primary has applied; only then the age makes the asking node current.</param>
/// <param name="Jumps">The point lies too far behind, or not in the history: drop all copies and go on from <paramref name="Upto"/>.</param>
/// <param name="Age">How long ago the primary was surely the primary.</param>
/// <param name="Told">To be repeated with the next <see cref="LocalSaying"/>.</param>
/// <param name="Clock">The primary's wall clock, by which entries expire; null by a release that does not tell it.</param>
[GenerateSerializer, Immutable, Alias("diststore.followrep")]
public sealed record FollowReply(
    [property: Id(0)] bool IsGiven,
    [property: Id(1)] MasterView? View,
    [property: Id(2)] ImmutableArray<ChangedKey> Changes,
    [property: Id(3)] LogPoint Upto,
    [property: Id(4)] bool IsWhole,
    [property: Id(5)] bool Jumps,
    [property: Id(6)] TimeSpan Age,
    [property: Id(7)] ToldMoment Told = default,
    [property: Id(8)] DateTimeOffset? Clock = null);
