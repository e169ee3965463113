using System.Net;
using Diststore.Contracts;
using Diststore.PostgreSql;
using Orleans.Configuration;
using Orleans.Messaging;

namespace Diststore.Gateway;

/// <summary>
/// The Orleans client in a host of its own, so that HTTP is served (with 503) while no silo is up yet. It tries to connect until it is
/// stopped; once connected the client follows silos that come and go by itself; meanwhile it asks who lives.
/// </summary>
internal sealed partial class ClusterConnection(
    GatewaySettings settings, LiveNodes nodes, GatewayCopies copies, TimeProvider time, IHostApplicationLifetime lifetime, ILoggerFactory loggers,
    ILogger<ClusterConnection> logger) : BackgroundService
{
    private static readonly TimeSpan RetryPeriod = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan GatewayListPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SayAgainAfter = TimeSpan.FromSeconds(30); // why there is no connection, when it is what was said last

    private readonly GatewayEndpoints? _endpoints = settings.Cluster.Provider == ClusterProvider.Development
        ? new GatewayEndpoints(settings.Cluster.Gateways, Dns.GetHostAddressesAsync, GatewayListPeriod, time)
        : null;

    private string? _said;
    private long _saidAt;

    private string Tried => _endpoints?.Tried ?? $"the silos that {settings.Cluster.Provider} names";

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            // Only once HTTP listens: a process whose port is taken says that and nothing else.
            var listening = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using CancellationTokenRegistration started = lifetime.ApplicationStarted.Register(listening.SetResult);
            await listening.Task.WaitAsync(stoppingToken);
            LogConnecting(settings.Cluster.Provider);
            await using PostgreSqlServer? postgres = settings.Cluster.PostgreSql is { } connection ? new PostgreSqlServer(connection) : null;
            using IHost client = await ConnectAsync(postgres, stoppingToken);
            LogConnected();
            var grains = client.Services.GetRequiredService<IClusterClient>();
            nodes.Connect(name => grains.GetGrain<INodeGrain>(name));
            var members = new MembersWatch(nodes, () => Tried, time, loggers.CreateLogger<MembersWatch>());
            var upstream = new CopyUpstream(nodes, time, loggers.CreateLogger<CopyUpstream>());
            await Task.WhenAll(
                members.RunAsync(grains.GetGrain<IMasterRegistryGrain>(0), stoppingToken), copies.FollowAsync(upstream, time, stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Stopping; disposing the client's host above closed its connections.
        }
    }

    private async Task<IHost> ConnectAsync(PostgreSqlServer? postgres, CancellationToken stopping)
    {
        while (true)
        {
            IHost client = Build(postgres);
            try
            {
                await client.StartAsync(stopping);
                return client;
            }
            catch (Exception exception) when (!stopping.IsCancellationRequested)
            {
                Say(exception);
                client.Dispose();
            }

            await Task.Delay(RetryPeriod, time, stopping);
        }
    }

    private IHost Build(PostgreSqlServer? postgres)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddSingleton(loggers);
        builder.UseOrleansClient(client =>
        {
            client.Configure<ClusterOptions>(cluster => cluster.ServiceId = cluster.ClusterId = settings.ClusterId);
            client.Configure<GatewayOptions>(gateway => gateway.GatewayListRefreshPeriod = GatewayListPeriod);
            client.Configure<ClientMessagingOptions>(messaging => messaging.ResponseTimeout = LiveNodes.CallTimeout);
            client.AddGatewayCountChangedHandler(OnSilosChanged);
            // A failed try is said, and the next one made, here; Orleans' own ten tries take half a minute without a word.
            client.UseConnectionRetryFilter(static (_, _) => Task.FromResult(false));
            if (settings.Cluster.Redis is { } redis)
            {
                client.UseRedisClustering(options => options.ConfigurationOptions = redis.Clone());
            }
            else if (postgres is not null)
            {
                client.UseAdoNetClustering(options => (options.Invariant, options.DataSource) = (PostgreSqlServer.Invariant, postgres.DataSource));
            }
            else
            {
                client.Services.AddSingleton<IGatewayListProvider>(_endpoints!);
            }
        });
        return builder.Build();
    }

    // Once for each reason and then now and again, not twice a second.
    private void Say(Exception exception)
    {
        string reason = $"{Tried}: {exception.GetBaseException().Message.ReplaceLineEndings(" ").TrimEnd('.')}";
        if (reason != _said || time.GetElapsedTime(_saidAt) > SayAgainAfter)
        {
            (_said, _saidAt) = (reason, time.GetTimestamp());
            LogNotConnected(reason);
        }
    }

    private void OnSilosChanged(object? sender, GatewayCountChangedEventArgs connections)
    {
        if (connections.NumberOfConnectedGateways < connections.PreviousNumberOfConnectedGateways)
        {
            nodes.OnConnectionLost();
        }
    }
}
