using Diststore.Grains;
using Diststore.PostgreSql;
using Diststore.Settings;
using Orleans.Serialization;
using Orleans.Storage;

namespace Diststore.Silo;

/// <summary>Membership and view are in PostgreSQL, in rows that name the cluster's id. One pool of connections for all silos of the process.</summary>
internal sealed class PostgreSqlCluster : Clustering
{
    private readonly PostgreSqlServer _server;

    private PostgreSqlCluster(PostgreSqlServer server) => _server = server;

    public static async Task<PostgreSqlCluster> OpenAsync(string connectionString)
    {
        if (!PostgreSqlServer.IsConnectionString(connectionString))
        {
            throw new StartException($"Diststore:Cluster:ConnectionString takes {PostgreSqlServer.Takes}.");
        }

        var server = new PostgreSqlServer(connectionString);
        if (await server.PrepareAsync() is { } problem)
        {
            await server.DisposeAsync();
            throw new StartException($"{problem}.");
        }

        return new PostgreSqlCluster(server);
    }

    public override bool KeepsRows => true;

    public override void Configure(ISiloBuilder silo)
    {
        silo.UseAdoNetClustering(options => (options.Invariant, options.DataSource) = (PostgreSqlServer.Invariant, _server.DataSource));
        silo.AddAdoNetGrainStorage(DiststoreGrainsExtensions.StorageName, builder => builder.Configure<Serializer>((storage, serializer) =>
        {
            (storage.Invariant, storage.DataSource) = (PostgreSqlServer.Invariant, _server.DataSource);
            storage.GrainStorageSerializer = new OrleansGrainStorageSerializer(serializer);
        }));
    }

    public override ValueTask DisposeAsync() => _server.DisposeAsync();
}
