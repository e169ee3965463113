using System.Net;
using System.Net.Sockets;
using Diststore.Grains;
using Orleans.Configuration;
using Orleans.Storage;
using StackExchange.Redis;

namespace Diststore.Silo;

/// <summary>What the process's nodes share to form a cluster, or to join one: one for all of them.</summary>
internal abstract class Clustering : IAsyncDisposable
{
    /// <summary>Gets ready what the settings name; a <see cref="StartException"/> when that cannot be had.</summary>
    public static async Task<Clustering> OpenAsync(SiloSettings settings) => settings.Provider switch
    {
        ClusterProvider.Single => new SingleProcess(),
        ClusterProvider.Development => new DevelopmentCluster(await ResolveAsync(settings.Primary!)),
        ClusterProvider.Redis => new RedisCluster(await RedisCluster.ConnectAsync(settings.ConnectionString!)),
        _ => throw new StartException($"Cluster:Provider={settings.Provider} is not there yet."),
    };

    /// <summary>Gives a silo its membership and its grain storage.</summary>
    public abstract void Configure(ISiloBuilder silo);

    public abstract ValueTask DisposeAsync();

    private static async Task<IPEndPoint> ResolveAsync(string hostAndPort)
    {
        int colon = hostAndPort.LastIndexOf(':');
        string host = hostAndPort[..colon];
        int port = int.Parse(hostAndPort[(colon + 1)..], System.Globalization.CultureInfo.InvariantCulture);
        try
        {
            IPAddress[] addresses = await Dns.GetHostAddressesAsync(host, AddressFamily.InterNetwork);
            return new IPEndPoint(addresses[0], port);
        }
        catch (Exception exception) when (exception is SocketException or IndexOutOfRangeException or ArgumentException)
        {
            throw new StartException($"Diststore:Cluster:Primary takes host:port of a silo, and '{host}' has no IPv4 address.");
        }
    }
}

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

/// <summary>Membership and view are in Redis, under keys that begin with the cluster's id. One connection for all silos of the process.</summary>
internal sealed class RedisCluster(IConnectionMultiplexer connection) : Clustering
{
    private const int ConnectTimeoutMilliseconds = 5000;

    public static async Task<IConnectionMultiplexer> ConnectAsync(string connectionString)
    {
        ConfigurationOptions options;
        try
        {
            options = ConfigurationOptions.Parse(connectionString);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            throw new StartException($"Diststore:Cluster:ConnectionString takes a Redis server's host:port and options: {FirstLine(exception)}");
        }

        // Whoever cannot be reached at the start is said to be so; later losses are waited out.
        options.AbortOnConnectFail = true;
        options.ConnectTimeout = Math.Min(options.ConnectTimeout, ConnectTimeoutMilliseconds);
        options.ConnectRetry = 1;
        string servers = string.Join(", ", options.EndPoints);
        try
        {
            ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(options);
            await connection.GetDatabase().PingAsync();
            return connection;
        }
        catch (RedisException exception)
        {
            string reason = exception is RedisConnectionException refused ? refused.FailureType.ToString() : FirstLine(exception);
            throw new StartException($"Redis at {servers} (Diststore:Cluster:ConnectionString) cannot be reached: {reason}.");
        }
    }

    public override void Configure(ISiloBuilder silo)
    {
        // The server is named for the options' validators; the connection that is used is the one there is.
        ConfigurationOptions options = ConfigurationOptions.Parse(connection.Configuration);
        silo.UseRedisClustering(redis =>
        {
            redis.ConfigurationOptions = options;
            redis.CreateMultiplexer = _ => Task.FromResult((connection, true));
        });
        silo.AddRedisGrainStorage(DiststoreGrainsExtensions.StorageName, builder => builder.Configure<Orleans.Serialization.Serializer>((redis, serializer) =>
        {
            redis.ConfigurationOptions = options;
            redis.CreateMultiplexer = _ => Task.FromResult((connection, true));
            redis.GrainStorageSerializer = new OrleansGrainStorageSerializer(serializer);
        }));
    }

    public override ValueTask DisposeAsync() => connection.DisposeAsync();

    private static string FirstLine(Exception exception) => exception.Message.Split('\n')[0].Trim();
}
