using Diststore.Grains;
using Orleans.Storage;

namespace Diststore.Silo;

/// <summary>All silos are in this process.</summary>
internal sealed class SingleProcess : Clustering
{
    private readonly SharedMembershipTable _membership = new();
    private readonly SharedGrainStorage _storage = new();

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public override void Configure(ISiloBuilder silo)
    {
        silo.Services.AddSingleton<IMembershipTable>(_membership);
        silo.Services.AddKeyedSingleton<IGrainStorage>(DiststoreGrainsExtensions.StorageName, _storage);
    }
}
