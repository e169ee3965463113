using System.Diagnostics.Metrics;
using Diststore.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Runtime.Hosting;

namespace Diststore.Grains;

/// <summary>Adds a node and its grains to a silo.</summary>
public static class DiststoreGrainsExtensions
{
    /// <summary>The name under which the silo has to have a grain storage.</summary>
    public const string StorageName = GrainViewStorage.StorageName;

    // Beside the value a message carries its key, its view and the headers.
    private const int MessageOverheadBytes = 1 << 20;

    /// <summary>
    /// Adds the node as a singleton, its grains, their placement and their transport. The silo brings an
    /// <see cref="IStore"/>, an <see cref="IDatagrams"/> and a grain storage named <see cref="StorageName"/>; its silo
    /// name has to be the node's name.
    /// </summary>
    public static ISiloBuilder AddDiststoreGrains(this ISiloBuilder builder, NodeSettings settings, int maxValueBytes)
    {
        IServiceCollection services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddQuietBackground();
        services.AddSingleton<ClusterMembers>();
        services.AddSingleton<ITransport, GrainTransport>();
        services.AddSingleton(provider => new Node(
            settings,
            provider.GetRequiredService<IStore>(),
            provider.GetRequiredService<ITransport>(),
            new NodeScheduler(),
            provider.GetRequiredService<TimeProvider>(),
            new Random(),
            provider.GetRequiredService<ILogger<Node>>(),
            provider.GetService<IMeterFactory>()));

        builder.AddPlacementDirector<NodePlacement, NodePlacementDirector>();
        builder.AddPlacementDirector<RegistryPlacement, RegistryPlacementDirector>();
        builder.AddGrainDirectory(NoDirectory.Name, static (_, _) => new NoDirectory());
        builder.Configure<SiloMessagingOptions>(options =>
        {
            // Longer than any reply timeout between masters, shorter than a client's patience.
            options.ResponseTimeout = TimeSpan.FromSeconds(5);
            options.MaxMessageBodySize = Math.Max(options.MaxMessageBodySize, maxValueBytes + MessageOverheadBytes);
        });
        return builder.QuickToSeeDeath();
    }

    /// <summary>
    /// A killed silo is seen in about 0.4 s, a paused one in about 1 s. Two votes (one where only two silos are left)
    /// keep a single bad link from taking a healthy silo out.
    /// </summary>
    private static ISiloBuilder QuickToSeeDeath(this ISiloBuilder builder) =>
        builder.Configure<ClusterMembershipOptions>(static options =>
        {
            options.ProbeTimeout = TimeSpan.FromMilliseconds(500);
            options.MinProbeTimeout = TimeSpan.FromMilliseconds(300);
            options.MaxProbeTimeout = TimeSpan.FromSeconds(1);
            options.NumMissedProbesLimit = 2;
            options.NumVotesForDeathDeclaration = 2;
            options.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(5);
            options.TableRefreshTimeout = TimeSpan.FromSeconds(10);

            options.DefunctSiloExpiration = TimeSpan.FromHours(1);
            options.DefunctSiloCleanupPeriod = TimeSpan.FromMinutes(10);

            // By their clocks a silo whose clock is five minutes behind has been joining for too long, and never gets in.
            options.EvictWhenMaxJoinAttemptTimeExceeded = false;
        });
}
