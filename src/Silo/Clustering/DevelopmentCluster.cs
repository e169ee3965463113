using System.Net;
using Diststore.Grains;
using Orleans.Storage;

namespace Diststore.Silo;

/// <summary>One silo keeps the membership; the view is in the silos' memory.</summary>
internal sealed class DevelopmentCluster(IPEndPoint primary) : Clustering
{
    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public override void Configure(ISiloBuilder silo)
    {
        silo.UseDevelopmentClustering(primary);
        silo.AddMemoryGrainStorage(DiststoreGrainsExtensions.StorageName, options => options.Configure<Orleans.Serialization.Serializer>(
            static (memory, serializer) => memory.GrainStorageSerializer = new OrleansGrainStorageSerializer(serializer)));
    }
}
