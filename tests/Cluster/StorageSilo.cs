using System.Net;
using Diststore.Grains;
using Diststore.Silo;
using Diststore.SystemTests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Storage;

namespace Diststore.Cluster.Tests;

/// <summary>A silo whose settings name the storage, on a server of its own.</summary>
public abstract class StorageSilo(Keeper keeper) : IAsyncLifetime
{
    private StorageServer? _server;
    private Clustering? _clustering;
    private IHost? _silo;
    private int _views;

    /// <summary>Why there is none here, or <see langword="null"/>.</summary>
    public string? Missing { get; } = StorageServer.WhyMissing(keeper);

    public async Task InitializeAsync()
    {
        if (Missing is not null)
        {
            return;
        }

        _server = await StorageServer.StartAsync(keeper, network: null);
        ClusterProvider provider = keeper == Keeper.Node ? ClusterProvider.Single : Enum.Parse<ClusterProvider>($"{keeper}");
        Clustering clustering = _clustering = await Clustering.OpenAsync(
            new SiloSettings { Provider = provider, ConnectionString = _server?.ConnectionString });
        int[] ports = Ports.Free(2, [IPAddress.Loopback]);
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleans(silo =>
        {
            silo.ConfigureEndpoints(IPAddress.Loopback, ports[0], ports[1]);
            clustering.Configure(silo);
        });
        _silo = builder.Build();
        await _silo.StartAsync();
    }

    public async Task DisposeAsync()
    {
        if (_silo is not null)
        {
            await _silo.StopAsync();
            _silo.Dispose();
        }

        if (_clustering is not null)
        {
            await _clustering.DisposeAsync();
        }

        _server?.Dispose();
    }

    /// <summary>The view of a partition of its own.</summary>
    internal GrainViewStorage NewView() => new(
        _silo!.Services.GetRequiredKeyedService<IGrainStorage>(DiststoreGrainsExtensions.StorageName),
        GrainId.Create(GrainType.Create("masterregistry"), GrainIdKeyExtensions.CreateIntegerKey(++_views)));
}

public sealed class SharedStorageSilo() : StorageSilo(Keeper.Node);

public sealed class RedisSilo() : StorageSilo(Keeper.Redis);

public sealed class PostgreSqlSilo() : StorageSilo(Keeper.PostgreSql);
