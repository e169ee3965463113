using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using Diststore.Http;
using Diststore.PostgreSql;
using StackExchange.Redis;

namespace Diststore.Gateway;

/// <summary>How a gateway finds the cluster.</summary>
internal enum ClusterProvider
{
    /// <summary>A fixed list of the silos' gateway endpoints, for trials.</summary>
    Development = 1,

    /// <summary>The membership table in Redis.</summary>
    Redis = 2,

    /// <summary>The membership table in PostgreSQL.</summary>
    PostgreSql = 3,
}

/// <summary>How a gateway finds the cluster, with what its provider takes for it.</summary>
/// <param name="Provider">Which of the ways.</param>
internal sealed record ClusterWay(ClusterProvider Provider)
{
    /// <summary>With <see cref="ClusterProvider.Development"/>: the silos' gateway endpoints.</summary>
    public IReadOnlyList<GatewayEndpoint> Gateways { get; init; } = [];

    /// <summary>With <see cref="ClusterProvider.Redis"/>: how to reach it.</summary>
    public ConfigurationOptions? Redis { get; init; }

    /// <summary>With <see cref="ClusterProvider.PostgreSql"/>: its connection string.</summary>
    public string? PostgreSql { get; init; }
}

/// <summary>The gateway's settings: the section <c>Diststore</c> of the configuration.</summary>
internal sealed record GatewaySettings
{
    private const int MaxMaxValueBytes = 64 * 1024 * 1024;

    private static readonly string[] Known =
    [
        "Node:Address", "Http:Port", "Cluster:Provider", "Cluster:Id", "Cluster:Gateways", "Cluster:ConnectionString",
        "Http:AllowedHosts", "Limits:MaxValueBytes", "Limits:MaxConnections", "Limits:MaxBytesInFlight", "Limits:MaxStreams", "Security:Tokens",
    ];

    /// <summary>What is logged unless the configuration says otherwise.</summary>
    public static IEnumerable<KeyValuePair<string, string?>> LoggingDefaults =>
    [
        new("Logging:LogLevel:Default", "Information"),
        new("Logging:LogLevel:Microsoft", "Warning"),
        // What keeps the process from starting is said in a sentence; this would add its stack trace.
        new("Logging:LogLevel:Microsoft.Extensions.Hosting.Internal.Host", "None"),
        // Orleans logs each failed try to connect with a stack trace; ClusterConnection says it in a line.
        new("Logging:LogLevel:Orleans", "None"),
    ];

    public required IPAddress Address { get; init; }

    public required int HttpPort { get; init; }

    public required string ClusterId { get; init; }

    public required ClusterWay Cluster { get; init; }

    public required int MaxValueBytes { get; init; }

    public required int MaxConnections { get; init; }

    public required long MaxBytesInFlight { get; init; }

    public required int MaxStreams { get; init; }

    public required IReadOnlyList<string> AllowedHosts { get; init; }

    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary>Reads and checks the settings; <paramref name="problem"/> names the first wrong one and what it takes.</summary>
    public static bool TryRead(
        IConfigurationSection section, [NotNullWhen(true)] out GatewaySettings? settings, [NotNullWhen(false)] out string? problem)
    {
        settings = null;
        problem = UnknownName(section);
        if (problem is not null)
        {
            return false;
        }

        bool hasAddress = IPAddress.TryParse(section["Node:Address"] ?? "127.0.0.1", out IPAddress? address);
        bool hasPort = TryNumber(section, "Http:Port", 8080, 0, 65535, out int port);
        string? limits = ProblemWithLimits(section, out Limits limit);
        string? cluster = ProblemWithCluster(section, section["Cluster:Provider"] ?? "Single", out ClusterWay? way);
        IReadOnlyList<string>? hosts = null;
        problem =
            !hasAddress ? Wrong(section, "Node:Address", "an IP address")
            : !hasPort ? Wrong(section, "Http:Port", "a port, 0 to 65535")
            : section["Http:AllowedHosts"] is { } text && !DiststoreHttpOptions.TryParseHosts(text, out hosts)
                ? Wrong(section, "Http:AllowedHosts", DiststoreHttpOptions.HostsWords)
            : limits ?? cluster;
        if (problem is not null)
        {
            return false;
        }

        settings = new GatewaySettings
        {
            Address = address!,
            HttpPort = port,
            ClusterId = section["Cluster:Id"] is { Length: > 0 } id ? id : "diststore",
            Cluster = way!,
            MaxValueBytes = limit.ValueBytes,
            MaxConnections = limit.Connections,
            MaxBytesInFlight = limit.BytesInFlight,
            MaxStreams = limit.Streams,
            AllowedHosts = hosts ?? DiststoreHttpOptions.HostsOf(address!, Environment.MachineName),
            Tokens = ReadTokens(section.GetSection("Security:Tokens")),
        };
        return true;
    }

    private static string? ProblemWithLimits(IConfigurationSection section, out Limits limits)
    {
        bool hasValue = TryBytes(section["Limits:MaxValueBytes"] ?? "4 MiB", 1, MaxMaxValueBytes, out long valueBytes);
        bool hasConnections = TryNumber(section, "Limits:MaxConnections", 10_000, 1, DiststoreHttpOptions.MostConnections, out int connections);
        bool hasStreams = TryNumber(section, "Limits:MaxStreams", 1000, 1, DiststoreHttpOptions.MostStreams, out int streams);
        long least = Math.Max(DiststoreHttpOptions.LeastBytesInFlight, valueBytes * DiststoreHttpOptions.ValuesInFlight);
        bool hasInFlight = TryBytes(
            section["Limits:MaxBytesInFlight"] ?? "256 MiB", least, DiststoreHttpOptions.MostBytesInFlight, out long bytesInFlight);
        limits = new Limits((int)valueBytes, connections, bytesInFlight, streams);
        return !hasValue ? Wrong(section, "Limits:MaxValueBytes", "a number of bytes, or one with KiB or MiB, from 1 to 64 MiB")
            : !hasConnections ? Wrong(section, "Limits:MaxConnections", $"1 to {DiststoreHttpOptions.MostConnections}")
            : !hasStreams ? Wrong(section, "Limits:MaxStreams", $"1 to {DiststoreHttpOptions.MostStreams}")
            : !hasInFlight ? Wrong(
                section,
                "Limits:MaxBytesInFlight",
                "a number of bytes, or one with KiB, MiB or GiB, from 1 MiB to 1024 GiB,"
                    + $" at least {DiststoreHttpOptions.ValuesInFlight} times Limits:MaxValueBytes")
            : null;
    }

    private static string? ProblemWithCluster(IConfigurationSection section, string provider, out ClusterWay? way)
    {
        way = null;
        if (provider.Equals("Single", StringComparison.OrdinalIgnoreCase))
        {
            return "Diststore:Cluster:Provider is Single, a cluster within one process, which a gateway of its own cannot join;"
                + " it takes Development (with Cluster:Gateways), Redis or PostgreSql (with Cluster:ConnectionString)";
        }

        if (provider.Equals("Development", StringComparison.OrdinalIgnoreCase))
        {
            way = TryEndpoints(section["Cluster:Gateways"] ?? "127.0.0.1:30000") is { } gateways
                ? new ClusterWay(ClusterProvider.Development) { Gateways = gateways } : null;
            return way is null ? Wrong(section, "Cluster:Gateways", "the silos' gateway endpoints as host:port,host:port") : null;
        }

        string? connection = section["Cluster:ConnectionString"];
        if (provider.Equals("Redis", StringComparison.OrdinalIgnoreCase))
        {
            way = TryRedis(connection) is { } redis ? new ClusterWay(ClusterProvider.Redis) { Redis = redis } : null;
            return way is null ? WrongConnection(ClusterProvider.Redis, "host:port[,option=value...]") : null;
        }

        if (provider.Equals("PostgreSql", StringComparison.OrdinalIgnoreCase))
        {
            way = PostgreSqlServer.IsConnectionString(connection) ? new ClusterWay(ClusterProvider.PostgreSql) { PostgreSql = connection } : null;
            return way is null ? WrongConnection(ClusterProvider.PostgreSql, PostgreSqlServer.Takes) : null;
        }

        return Wrong(section, "Cluster:Provider", "Development, Redis or PostgreSql");
    }

    // It is not repeated: it may hold a password.
    private static string WrongConnection(ClusterProvider provider, string takes) =>
        $"Diststore:Cluster:ConnectionString is missing or wrong; with Cluster:Provider={provider} it takes {takes}";

    private static ConfigurationOptions? TryRedis(string? text)
    {
        try
        {
            return ConfigurationOptions.Parse(text ?? "") is { EndPoints.Count: > 0 } redis ? redis : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static List<GatewayEndpoint>? TryEndpoints(string text)
    {
        var endpoints = new List<GatewayEndpoint>();
        foreach (string one in Split(text))
        {
            if (GatewayEndpoint.TryParse(one) is not { } endpoint)
            {
                return null;
            }

            endpoints.Add(endpoint);
        }

        return endpoints.Count is > 0 and <= GatewayEndpoints.MaxNames ? endpoints : null;
    }

    private static string[] ReadTokens(IConfigurationSection section) =>
        [.. Split(section.Value ?? ""), .. section.GetChildren().Select(child => child.Value).OfType<string>().Where(token => token.Length > 0)];

    private static string[] Split(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static bool TryNumber(IConfigurationSection section, string name, int otherwise, int least, int most, out int number)
    {
        number = otherwise;
        return section[name] is not { } text
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number >= least && number <= most);
    }

    private static bool TryBytes(string text, long least, long most, out long bytes)
    {
        (string digits, int shift) = text switch
        {
            _ when text.EndsWith("KiB", StringComparison.OrdinalIgnoreCase) => (text[..^3], 10),
            _ when text.EndsWith("MiB", StringComparison.OrdinalIgnoreCase) => (text[..^3], 20),
            _ when text.EndsWith("GiB", StringComparison.OrdinalIgnoreCase) => (text[..^3], 30),
            _ => (text, 0),
        };
        bool good = long.TryParse(digits.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out bytes)
            && bytes <= most >> shift && bytes << shift >= least;
        bytes = good ? bytes << shift : 0;
        return good;
    }

    private static string Wrong(IConfigurationSection section, string name, string takes) =>
        $"Diststore:{name} is \"{section[name]}\"; it takes {takes}";

    private static string? UnknownName(IConfigurationSection section)
    {
        foreach ((string name, string? value) in section.AsEnumerable(makePathsRelative: true))
        {
            bool known = value is null || Known.Contains(name, StringComparer.OrdinalIgnoreCase)
                || name.StartsWith("Security:Tokens:", StringComparison.OrdinalIgnoreCase);
            if (!known && name.Length > 0)
            {
                return $"there is no setting Diststore:{name}; a gateway takes {string.Join(", ", Known)}";
            }
        }

        return null;
    }

    private readonly record struct Limits(int ValueBytes, int Connections, long BytesInFlight, int Streams);
}
