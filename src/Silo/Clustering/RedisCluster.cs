using Diststore.Grains;
using Diststore.Settings;
using Orleans.Storage;
using StackExchange.Redis;

namespace Diststore.Silo;

/// <summary>Membership and view are in Redis, under keys that begin with the cluster's id. One connection for all silos of the process.</summary>
internal sealed class RedisCluster(IConnectionMultiplexer connection, string? warning = null) : Clustering
{
    private const int ConnectTimeoutMilliseconds = 5000;

    public override string? Warning => warning;

    public override bool KeepsRows => true;

    /// <summary>Connects, and makes sure of the rights that a cluster needs; warns where an acknowledged view may be lost.</summary>
    public static async Task<RedisCluster> OpenAsync(string connectionString, string clusterId)
    {
        IConnectionMultiplexer connection = await ConnectAsync(connectionString);
        try
        {
            await CheckRightsAsync(connection, clusterId);
            return new RedisCluster(connection, await FindWarningAsync(connection));
        }
        catch (Exception)
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private static async Task<IConnectionMultiplexer> ConnectAsync(string connectionString)
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
        options.AllowAdmin = true; // how it persists is read from its configuration
        options.ConnectTimeout = Math.Min(options.ConnectTimeout, ConnectTimeoutMilliseconds);
        options.ConnectRetry = 1;
        string servers = Servers(options);
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

    // What membership and view are made of, with a key of the cluster's own that is gone afterwards. Without a right that is missing the silo
    // would try again and again, in silence.
    private static async Task CheckRightsAsync(IConnectionMultiplexer connection, string clusterId)
    {
        IDatabase database = connection.GetDatabase();
        RedisKey key = $"{clusterId}/start/{Guid.NewGuid():N}";
        try
        {
            await database.HashSetAsync(key, "a", "1");
            await database.KeyExpireAsync(key, TimeSpan.FromMinutes(1));
            ITransaction transaction = database.CreateTransaction();
            transaction.AddCondition(Condition.HashEqual(key, "a", "1"));
            _ = transaction.HashSetAsync(key, "b", "1");
            await transaction.ExecuteAsync();
            await database.ScriptEvaluateAsync("return redis.call('HGET', KEYS[1], 'a')", [key]);
            await database.HashGetAllAsync(key);
            await database.HashDeleteAsync(key, "a");
            await database.KeyDeleteAsync(key);
        }
        catch (RedisException exception)
        {
            throw new StartException(
                $"Redis at {Servers(ConfigurationOptions.Parse(connection.Configuration))} (Diststore:Cluster:ConnectionString) "
                + $"refuses what a cluster needs: {FirstLine(exception).TrimEnd('.')}.");
        }
    }

    // What it acknowledged has to be there after a crash. Where it does not say how it persists, nothing is said here either.
    private static async Task<string?> FindWarningAsync(IConnectionMultiplexer connection)
    {
        try
        {
            Dictionary<string, string> found = (await connection.GetServers()[0].ConfigGetAsync("append*")).ToDictionary(StringComparer.Ordinal);
            return found.GetValueOrDefault("appendonly") == "yes" && found.GetValueOrDefault("appendfsync") == "always"
                ? null
                : $"Redis runs with appendonly={found.GetValueOrDefault("appendonly")} and appendfsync={found.GetValueOrDefault("appendfsync")}: "
                    + "a crash of it may lose who the masters are. appendonly=yes and appendfsync=always keep that.";
        }
        catch (RedisException)
        {
            return null;
        }
    }

    private static string Servers(ConfigurationOptions options) => string.Join(", ", options.EndPoints);

    private static string FirstLine(Exception exception) => exception.Message.Split('\n')[0].Trim();
}
