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
[GenerateSerializer, Immutable, Alias("diststore.view")]
public sealed record MasterView(
    [property: Id(0)] long Epoch,
    [property: Id(1)] Guid History,
    [property: Id(2)] MasterId Primary,
    [property: Id(3)] MasterId? Other,
    [property: Id(4)] bool OtherInSync,
    [property: Id(5)] bool IsForced = false,
    [property: Id(6)] bool IsContested = false)
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
        IsSame(id, Primary) ? NodeRole.Primary
        : Other is null || !IsSame(id, Other) ? NodeRole.Copies
        : OtherInSync ? NodeRole.Secondary
        : NodeRole.Learner;

    /// <summary>Whether they are the same process on the same store.</summary>
    internal static bool IsSame(MasterId one, MasterId other) =>
        one == other || (PlantedBugs.Has(PlantedBug.IgnoreProcessOnReplicate) && one.StoreId == other.StoreId);

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
        $"view {Epoch}: {Primary}{(Other is null ? "" : OtherInSync ? $" + {Other}" : $", learner {Other}")}{(IsContested ? ", contested" : "")}";
}
