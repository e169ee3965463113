namespace Diststore.Contracts;

/// <summary>The nodes by one version of the cluster's membership.</summary>
/// <param name="Version">Grows with each change of the membership; begins anew only with a new membership table.</param>
/// <param name="Members">All that were not declared dead, a name at most once.</param>
/// <param name="NotWritableBecause">Why nothing can be written, as far as the node knows that was asked; else <see langword="null"/>.</param>
[GenerateSerializer, Immutable, Alias("diststore.memberlist")]
public sealed record MemberList(
    [property: Id(0)] long Version, [property: Id(1)] Member[] Members, [property: Id(2)] string? NotWritableBecause = null);

/// <summary>A node in one life of its.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Life">Another one after each restart.</param>
/// <param name="IsLeaving">Whether it is stopping in an orderly way: it still answers what it was asked.</param>
[GenerateSerializer, Immutable, Alias("diststore.member")]
public readonly record struct Member([property: Id(0)] string Name, [property: Id(1)] string Life, [property: Id(2)] bool IsLeaving);
