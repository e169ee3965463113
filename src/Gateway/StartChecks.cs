using Diststore.Logging;
using Diststore.PostgreSql;
using StackExchange.Redis;

namespace Diststore.Gateway;

/// <summary>What keeps the process from starting is said in one sentence, never with a stack trace.</summary>
internal static class StartChecks
{
    private const int RedisTimeoutMilliseconds = 5000;

    /// <summary>Says why the process ends; returns its exit code.</summary>
    public static int Refuse(string problem)
    {
        LineOutput.SayLast($"Diststore gateway: {problem.TrimEnd('.').ReplaceLineEndings(" ")}.");
        return 1;
    }

    /// <summary>Why the server that keeps the membership cannot be used, or null.</summary>
    public static async Task<string?> ProblemWithServerAsync(ClusterWay cluster)
    {
        if (cluster.Redis is { } redis)
        {
            return await ProblemWithRedisAsync(redis);
        }

        if (cluster.PostgreSql is not { } connectionString)
        {
            return null;
        }

        await using var server = new PostgreSqlServer(connectionString);
        return await server.FindProblemAsync();
    }

    private static async Task<string?> ProblemWithRedisAsync(ConfigurationOptions redis)
    {
        ConfigurationOptions once = redis.Clone();
        once.AbortOnConnectFail = true;
        once.ConnectRetry = 1;
        once.ConnectTimeout = RedisTimeoutMilliseconds;
        try
        {
            await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(once);
            await connection.GetDatabase().PingAsync();
            return null;
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            string endpoints = string.Join(',', redis.EndPoints.Select(endpoint => endpoint.ToString()!.Replace("Unspecified/", "", StringComparison.Ordinal)));
            return $"Redis at {endpoints} (Diststore:Cluster:ConnectionString) cannot be reached";
        }
    }
}
