using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Diststore.Gateway;

/// <summary>How a gateway finds the cluster.</summary>
internal enum ClusterProvider
{
    /// <summary>A fixed list of the silos' gateway endpoints, for trials.</summary>
    Development = 1,

    /// <summary>The membership table in Redis.</summary>
    Redis = 2,
}

/// <summary>The gateway's settings: the section <c>Diststore</c> of the configuration.</summary>
internal sealed record GatewaySettings
{
    private const int MaxMaxValueBytes = 64 * 1024 * 1024;

    private static readonly string[] Known =
    [
        "Node:Address", "Http:Port", "Cluster:Provider", "Cluster:Id", "Cluster:Gateways", "Cluster:ConnectionString",
        "Limits:MaxValueBytes", "Security:Tokens",
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

    public required ClusterProvider Provider { get; init; }

    public required string ClusterId { get; init; }

    /// <summary>With <see cref="ClusterProvider.Development"/>: the silos' gateway endpoints.</summary>
    public required IReadOnlyList<IPEndPoint> Gateways { get; init; }

    /// <summary>With <see cref="ClusterProvider.Redis"/>: how to reach it.</summary>
    public required ConfigurationOptions? Redis { get; init; }

    public required int MaxValueBytes { get; init; }

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
        bool hasLimit = TryBytes(section["Limits:MaxValueBytes"] ?? "4 MiB", out int maxValueBytes);
        string? cluster = ProblemWithCluster(
            section, section["Cluster:Provider"] ?? "Single", out IReadOnlyList<IPEndPoint> gateways, out ConfigurationOptions? redis);
        problem =
            !hasAddress ? Wrong(section, "Node:Address", "an IP address")
            : !hasPort ? Wrong(section, "Http:Port", "a port, 0 to 65535")
            : !hasLimit ? Wrong(section, "Limits:MaxValueBytes", "a number of bytes, or one with KiB or MiB, from 1 to 64 MiB")
            : cluster;
        if (problem is not null)
        {
            return false;
        }

        settings = new GatewaySettings
        {
            Address = address!,
            HttpPort = port,
            Provider = redis is null ? ClusterProvider.Development : ClusterProvider.Redis,
            ClusterId = section["Cluster:Id"] is { Length: > 0 } id ? id : "diststore",
            Gateways = gateways,
            Redis = redis,
            MaxValueBytes = maxValueBytes,
            Tokens = ReadTokens(section.GetSection("Security:Tokens")),
        };
        return true;
    }

    private static string? ProblemWithCluster(
        IConfigurationSection section, string provider, out IReadOnlyList<IPEndPoint> gateways, out ConfigurationOptions? redis)
    {
        gateways = [];
        redis = null;
        if (provider.Equals("Single", StringComparison.OrdinalIgnoreCase))
        {
            return "Diststore:Cluster:Provider is Single, a cluster within one process, which a gateway of its own cannot join;"
                + " it takes Development (with Cluster:Gateways) or Redis (with Cluster:ConnectionString)";
        }

        if (provider.Equals("Development", StringComparison.OrdinalIgnoreCase))
        {
            var endpoints = new List<IPEndPoint>();
            foreach (string text in Split(section["Cluster:Gateways"] ?? "127.0.0.1:30000"))
            {
                if (!TryEndpoint(text, out IPEndPoint? endpoint))
                {
                    return Wrong(section, "Cluster:Gateways", "the silos' gateway endpoints as host:port,host:port");
                }

                endpoints.Add(endpoint);
            }

            gateways = endpoints;
            return endpoints.Count == 0 ? Wrong(section, "Cluster:Gateways", "the silos' gateway endpoints as host:port,host:port") : null;
        }

        if (!provider.Equals("Redis", StringComparison.OrdinalIgnoreCase))
        {
            return Wrong(section, "Cluster:Provider", "Development or Redis");
        }

        try
        {
            redis = ConfigurationOptions.Parse(section["Cluster:ConnectionString"] ?? "");
        }
        catch (ArgumentException)
        {
            // The sentence below says it; the exception would show the password.
        }

        return redis?.EndPoints.Count > 0 ? null
            : "Diststore:Cluster:ConnectionString is missing or wrong; with Cluster:Provider=Redis it takes host:port[,option=value...]";
    }

    private static bool TryEndpoint(string text, [NotNullWhen(true)] out IPEndPoint? endpoint)
    {
        endpoint = null;
        int colon = text.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) || port == 0)
        {
            return false;
        }

        if (!IPAddress.TryParse(text.AsSpan(0, colon), out IPAddress? address))
        {
            try
            {
                address = Dns.GetHostAddresses(text[..colon]).FirstOrDefault();
            }
            catch (Exception exception) when (exception is System.Net.Sockets.SocketException or ArgumentException)
            {
                return false;
            }
        }

        endpoint = address is null ? null : new IPEndPoint(address, port);
        return endpoint is not null;
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

    private static bool TryBytes(string text, out int bytes)
    {
        int shift = text.EndsWith("KiB", StringComparison.OrdinalIgnoreCase) ? 10 : text.EndsWith("MiB", StringComparison.OrdinalIgnoreCase) ? 20 : 0;
        bool good = int.TryParse((shift == 0 ? text : text[..^3]).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out bytes)
            && bytes >= 1 && bytes <= MaxMaxValueBytes >> shift;
        bytes <<= good ? shift : 0;
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
}
