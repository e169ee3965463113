using Diststore.Core;
using Diststore.Grains;
using Diststore.Http;
using Diststore.Logging;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Configuration;

namespace Diststore.Silo;

/// <summary>Builds the host of one node: its silo, its sockets, its HTTP API.</summary>
internal static class NodeHostFactory
{
    // For everything that an orderly stop waits for: the answers under way at HTTP, the hand-over of the roles, the silo's leaving.
    public static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(30);

    // A stand-alone gateway calls other nodes by way of this silo too. Told to stop that, it needs the answers to what it has
    // sent; beyond this one it could not tell what became of a write. A stall of Masters:ReplyTimeout fits in.
    private static readonly TimeSpan s_lastAnswers = TimeSpan.FromSeconds(2);

    public static async Task<WebApplication> BuildAsync(
        SiloSettings settings, IStore store, Clustering clustering, IConfiguration configuration, LineOutput output, SiloFault fault)
    {
        // Hosted services start in this order and stop in the opposite one; Kestrel is the last to start and the first to stop.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "Diststore.Silo" });
        builder.Configuration.AddConfiguration(configuration);
        AddLogging(builder, output);
        AddLifetime(builder.Services);
        builder.UseOrleans(silo => AddSilo(silo, settings, store, clustering, fault));
        AddNode(builder.Services, settings);
        AddHttp(builder, settings);

        WebApplication app = builder.Build();
        try
        {
            if (clustering.KeepsRows)
            {
                // Before anything asks who this silo is.
                await app.Services.GetRequiredService<LocalSilo>().SeeFormerLivesAsync(app.Services.GetRequiredService<IMembershipTable>());
            }
        }
        catch (Exception)
        {
            await app.DisposeAsync();
            throw;
        }

        var node = app.Services.GetRequiredService<Node>();
        app.MapDiststore(node, new StoppingNodeAccess(node, app.Lifetime));
        return app;
    }

    private static void AddLogging(WebApplicationBuilder builder, LineOutput output)
    {
        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging"));

        // Why a host did not start or stop is said once, by the supervisor, and not with a stack trace.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);

        // Each request for a node that nobody knows would be a stack trace; whoever asked is told.
        builder.Logging.AddFilter("Orleans.Messaging", LogLevel.Critical);

        // Until a silo that died is declared dead, each probe of it and each try to connect would be a line or two, some with a stack trace;
        // the membership says it once.
        builder.Logging.AddFilter("Orleans.Runtime.MembershipService.SiloHealthMonitor", LogLevel.Error);
        builder.Logging.AddFilter("Orleans.Runtime.Messaging.ConnectionManager", LogLevel.Error);
        builder.Logging.AddFilter("Orleans.Runtime.GrainDirectory.ClientDirectory", LogLevel.Critical);
        builder.Logging.AddProvider(new LineLoggerProvider(output, TimeProvider.System));
    }

    private static void AddLifetime(IServiceCollection services)
    {
        // The process listens for Ctrl-C, not each host for itself.
        services.AddSingleton<IHostLifetime, NoLifetime>();
        services.Configure<HostOptions>(static options => options.ShutdownTimeout = ShutdownTimeout);
    }

    private static void AddSilo(ISiloBuilder silo, SiloSettings settings, IStore store, Clustering clustering, SiloFault fault)
    {
        silo.Configure<SiloOptions>(options => options.SiloName = settings.NodeName);
        silo.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (settings.ClusterId, settings.ClusterId));
        silo.ConfigureEndpoints(settings.Address, settings.SiloPort, settings.GatewayPort);
        clustering.Configure(silo);
        if (settings.Provider != ClusterProvider.Single)
        {
            silo.Configure<SiloMessagingOptions>(static options => options.ClientGatewayShutdownNotificationTimeout = s_lastAnswers);
        }

        silo.AddDiststoreGrains(settings.ToNodeSettings(), settings.MaxValueBytes);
        silo.Services.AddSingleton(store);
        silo.Services.AddSingleton(fault);
        silo.Services.Replace(ServiceDescriptor.Singleton<IFatalErrorHandler>(fault));
        silo.Services.AddSingleton<LocalSilo>();
        silo.Services.Replace(ServiceDescriptor.Singleton<ILocalSiloDetails>(static provider => provider.GetRequiredService<LocalSilo>()));
        if (clustering.KeepsRows)
        {
            silo.Services.AddHostedService<MembershipKeeper>();
        }
    }

    private static void AddNode(IServiceCollection services, SiloSettings settings)
    {
        services.AddSingleton(settings);
        services.AddSingleton<DatagramSockets>();
        services.AddSingleton<JoinCheck>();
        services.AddSingleton<IDatagrams>(static provider => provider.GetRequiredService<DatagramSockets>());
        services.AddHostedService<NodeService>();
        services.AddHostedService<MulticastResponder>();
    }

    private static void AddHttp(WebApplicationBuilder builder, SiloSettings settings)
    {
        builder.WebHost.UseKestrelCore();
        builder.ListenOn(settings.Address, settings.HttpPort);
        builder.Services.AddDiststoreHttp(settings.ApplyTo);
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
