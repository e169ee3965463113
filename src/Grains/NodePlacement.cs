using Diststore.Core;
using Orleans.GrainDirectory;
using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace Diststore.Grains;

/// <summary>A grain with this attribute lives in the silo that its key names, and nowhere else.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class NodePlacementAttribute() : PlacementAttribute(new NodePlacement());

/// <summary>
/// Placement by name. Where such a grain is follows from its key and the membership, so no directory is asked or told:
/// its entries would tie one silo's grain to the life of another silo, the entry's keeper.
/// </summary>
[GenerateSerializer, Immutable, Alias("diststore.nodeplacement")]
internal sealed class NodePlacement : PlacementStrategy
{
    public override bool IsUsingGrainDirectory => false;
}

/// <summary>
/// Finds the silo by name. An unknown name ends in <see cref="NodeNotFoundException"/>: Orleans retries exceptions of
/// its own kind for a while, any other reaches the caller at once.
/// </summary>
internal sealed class NodePlacementDirector(ClusterMembers members) : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        string name = target.GrainIdentity.Key.ToString()!;
        return members.Current.FindSilo(name) is { } silo
            ? Task.FromResult(silo)
            : Task.FromException<SiloAddress>(new NodeNotFoundException($"No live node is called '{name}'."));
    }
}

/// <summary>
/// A directory that knows nothing. Even for grains that use none, Orleans asks the directory of their type before it
/// places them; the default one may have to ask a silo that has just died.
/// </summary>
internal sealed class NoDirectory : IGrainDirectory
{
    public const string Name = "diststore.none";

    public Task<GrainAddress?> Register(GrainAddress address) => Task.FromResult<GrainAddress?>(address);

    public Task<GrainAddress?> Register(GrainAddress address, GrainAddress? previousAddress) => Register(address);

    public Task Unregister(GrainAddress address) => Task.CompletedTask;

    public Task<GrainAddress?> Lookup(GrainId grainId) => Task.FromResult<GrainAddress?>(null);

    public Task UnregisterSilos(List<SiloAddress> siloAddresses) => Task.CompletedTask;
}
