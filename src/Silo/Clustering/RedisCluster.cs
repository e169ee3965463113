using Diststore.Grains;
using Diststore.Settings;
using Orleans.Storage;
using StackExchange.Redis;

namespace Diststore.Silo;

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
            // What was not understood may be part of a password: it is not repeated.
            throw new StartException("Diststore:Cluster:ConnectionString takes a Redis server's host:port[,option=value...].");
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
