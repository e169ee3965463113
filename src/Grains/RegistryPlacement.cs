using Diststore.Core;
using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace Diststore.Grains;

/// <summary>The registry lives in any silo, but off the primary's where there is a choice: one death is not to take both.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class RegistryPlacementAttribute() : PlacementAttribute(new RegistryPlacement());

/// <summary>Any silo but the primary's.</summary>
[GenerateSerializer, Immutable, Alias("diststore.registryplacement")]
internal sealed class RegistryPlacement : PlacementStrategy;

/// <summary>Picks at random among the silos that are not the primary's, as far as the asking node knows.</summary>
internal sealed class RegistryPlacementDirector(Node node, ClusterMembers members) : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        SiloAddress[] silos = context.GetCompatibleSilos(target);
        SiloAddress? primary = node.KnownView is { } view ? members.Current.FindSilo(view.Primary.Name) : null;
        SiloAddress[] others = [.. silos.Where(silo => !silo.Equals(primary))];
        SiloAddress[] choice = others.Length > 0 ? others : silos;
        return Task.FromResult(choice[Random.Shared.Next(choice.Length)]);
    }
}
