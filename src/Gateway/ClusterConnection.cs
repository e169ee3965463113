using Diststore.PostgreSql;
using Orleans.Configuration;

namespace Diststore.Gateway;

/// <summary>
/// The Orleans client in a host of its own, so that HTTP is served (with 503) while no silo is up yet. It tries to connect until it is
/// stopped; once connected the client follows silos that come and go by itself. Each second it asks who lives.
/// </summary>
internal sealed partial class ClusterConnection(
    GatewaySettings settings, LiveNodes nodes, TimeProvider time, IHostApplicationLifetime lifetime, ILoggerFactory loggers,
    ILogger<ClusterConnection> logger) : BackgroundService
{
    private static readonly TimeSpan RetryPeriod = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan RefreshPeriod = TimeSpan.FromSeconds(1);

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
            using var timer = new PeriodicTimer(RefreshPeriod, time);
            do
            {
                await nodes.RefreshAsync(grains);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
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
                LogNotConnected(exception.Message);
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
            client.Configure<GatewayOptions>(gateway => gateway.GatewayListRefreshPeriod = TimeSpan.FromSeconds(1));
            client.Configure<ClientMessagingOptions>(messaging => messaging.ResponseTimeout = TimeSpan.FromSeconds(5));
            _ = settings.Cluster.Redis is { } redis ? client.UseRedisClustering(options => options.ConfigurationOptions = redis.Clone())
                : postgres is not null ? client.UseAdoNetClustering(
                    options => (options.Invariant, options.DataSource) = (PostgreSqlServer.Invariant, postgres.DataSource))
                : client.UseStaticClustering([.. settings.Cluster.Gateways]);
        });
        return builder.Build();
    }
}
