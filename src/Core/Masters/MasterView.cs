namespace Diststore.Core;

/// <summary>
/// One master in one life: the name stays, the store id is random and made with the store, the process id random and
/// made at each start. A master that restarted is therefore another one.
/// </summary>
/// <param name="Name">The node's name.</param>
/// <param name="StoreId">Which store it writes to.</param>
/// <param name="ProcessId">Which start of the node it is.</param>
/// <param name="Durable">Whether its store outlives the process.</param>
[GenerateSerializer, Immutable, Alias("diststore.master")]
public sealed record MasterId(
    [property: Id(0)] string Name,
    [property: Id(1)] Guid StoreId,
    [property: Id(2)] Guid ProcessId,
    [property: Id(3)] bool Durable)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Name}/{StoreId.ToString()[..4]}/{ProcessId.ToString()[..4]}";
}

/// <summary>
/// Who the masters are. Made by the registry alone; each change is the next epoch. The in-sync set, the masters that
/// hold every acknowledged write, is the primary and, if <paramref name="OtherInSync"/>, the other master.
/// </summary>
/// <param name="Epoch">Grows by at least one with each view.</param>
/// <param name="History">Random; stores and remembered views of another history cannot be followed from here.</param>
/// <param name="Primary">Orders all writes.</param>
/// <param name="Other">The other master, in sync or a learner; <see langword="null"/> while there is no candidate.</param>
/// <param name="OtherInSync">Whether <paramref name="Other"/> is in the in-sync set.</param>
/// <param name="IsForced">Whether an operator began this history: what others hold is given up.</param>
/// <param name="IsContested">
/// Whether a store turned up that may hold acknowledged writes of another history: until an operator decides, nobody joins
/// and nothing is acknowledged.
/// </param>
/// <param name="Kept">The place of the master that stopped in an orderly way and is waited for, if one is.</param>
/// <param name="Maintenance">For which masters an operator has said that a stop is short.</param>
[GenerateSerializer, Immutable, Alias("diststore.view")]
public sealed record MasterView(
    [property: Id(0)] long Epoch,
    [property: Id(1)] Guid History,
    [property: Id(2)] MasterId Primary,
    [property: Id(3)] MasterId? Other,
    [property: Id(4)] bool OtherInSync,
    [property: Id(5)] bool IsForced = false,
    [property: Id(6)] bool IsContested = false,
    [property: Id(7)] KeptPlace? Kept = null,
    [property: Id(8)] Maintenance? Maintenance = null)
{
    /// <summary>The masters that hold every acknowledged write, the primary first.</summary>
    public IEnumerable<MasterId> InSyncSet
    {
        get
        {
            yield return Primary;
            if (OtherInSync && Other is not null)
            {
                yield return Other;
            }
        }
    }

    /// <summary>The role of that master in this view.</summary>
    public NodeRole RoleOf(MasterId id) =>
        id == Primary ? NodeRole.Primary
        : id != Other ? NodeRole.Copies
        : OtherInSync ? NodeRole.Secondary
        : NodeRole.Learner;

    /// <summary>
    /// Whether <paramref name="master"/>, which remembers this view, may hold acknowledged writes that
    /// <paramref name="other"/> knows nothing of. Stores in memory are given up when they are lost.
    /// </summary>
    public bool IsAtOddsWith(MasterView other, MasterId master)
    {
        ArgumentNullException.ThrowIfNull(other);
        ArgumentNullException.ThrowIfNull(master);
        return master.Durable && History != other.History && !other.IsForced && InSyncSet.Any(member => member.StoreId == master.StoreId);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"view {Epoch}: {Primary}{(Other is null ? "" : OtherInSync ? $" + {Other}" : $", learner {Other}")}"
        + $"{(IsContested ? ", contested" : "")}{(Kept is null ? "" : $", the place of {Kept.Name} is kept")}";
}

/// <summary>
/// The place of a master that stopped in an orderly way: until its store is back, or the time is over, nobody else is chosen. The
/// time is counted by the registry's own clock, and anew by one that takes over.
/// </summary>
/// <param name="Name">Its name, for people.</param>
/// <param name="StoreId">Who is waited for.</param>
/// <param name="Left">Up to where it had applied the log.</param>
/// <param name="For">How long it is waited for.</param>
[GenerateSerializer, Immutable, Alias("diststore.kept")]
public sealed record KeptPlace(
    [property: Id(0)] string Name, [property: Id(1)] Guid StoreId, [property: Id(2)] LogPoint Left, [property: Id(3)] TimeSpan For);

/// <summary>An operator has said of a master that, should it stop, it will soon be back. At most one for each of the two masters.</summary>
/// <param name="StoreId">Of whom.</param>
/// <param name="For">For how long from then on, by the registry's own clock.</param>
/// <param name="Next">The same of another master.</param>
[GenerateSerializer, Immutable, Alias("diststore.maintenance")]
public sealed record Maintenance([property: Id(0)] Guid StoreId, [property: Id(1)] TimeSpan For, [property: Id(2)] Maintenance? Next = null)
{
    /// <summary>All of a list, which may be <see langword="null"/>.</summary>
    public static IEnumerable<Maintenance> All(Maintenance? list)
    {
        for (; list is not null; list = list.Next)
        {
            yield return list;
        }
    }

    /// <summary>The list with only those that <paramref name="stays"/> says.</summary>
    public static Maintenance? Where(Maintenance? list, Func<Maintenance, bool> stays)
    {
        ArgumentNullException.ThrowIfNull(stays);
        return All(list).Where(stays).Reverse().Aggregate((Maintenance?)null, static (rest, one) => one with { Next = rest });
    }
}
