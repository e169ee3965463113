using Diststore.PostgreSql;
using Diststore.Settings;
using StackExchange.Redis;

namespace Diststore.Gateway;

/// <summary>How a gateway finds the cluster.</summary>
internal enum ClusterProvider
{
    /// <summary>A cluster within one process, which no gateway can join: what a silo does unless told.</summary>
    Single = 0,

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

/// <summary>The gateway's settings, as <see cref="GatewaySettingsTable"/> names them.</summary>
internal sealed record GatewaySettings : CommonSettings
{
    private const string Section = CommandLine.Section;

    private static readonly SettingsReader<GatewaySettings> s_reader = new(GatewaySettingsTable.All);

    public GatewaySettings() => HttpPort = 8080;

    public ClusterProvider Provider { get; set; }

    /// <summary>With <see cref="ClusterProvider.Development"/>: the silos' gateway endpoints.</summary>
    public IReadOnlyList<GatewayEndpoint> Gateways { get; set; } = [GatewayEndpoint.TryParse("127.0.0.1:30000")!];

    /// <summary>How the cluster is found.</summary>
    public ClusterWay Cluster { get; private set; } = new(ClusterProvider.Development);

    /// <summary>What is logged unless the configuration says otherwise.</summary>
    private static IEnumerable<KeyValuePair<string, string?>> LoggingDefaults =>
    [
        new("Logging:LogLevel:Default", "Information"),
        new("Logging:LogLevel:Microsoft", "Warning"),
        // What keeps the process from starting is said in a sentence; this would add its stack trace.
        new("Logging:LogLevel:Microsoft.Extensions.Hosting.Internal.Host", "None"),
        // Orleans logs each failed try to connect with a stack trace; ClusterConnection says it in a line.
        new("Logging:LogLevel:Orleans", "None"),
    ];

    /// <summary>What the gateway can do and takes, in words.</summary>
    public static string Help() =>
        "Diststore.Gateway answers HTTP in front of a cluster of silos, which it finds as they find each other." + Environment.NewLine + s_reader.Help();

    /// <summary>Reads the settings and what logging reads. What is wrong ends in a <see cref="StartException"/>.</summary>
    public static (GatewaySettings Settings, IConfiguration Configuration) Read(string[] arguments)
    {
        CommandLine line = CommandLine.Parse(arguments, [], [.. GatewaySettingsTable.All.Select(static setting => setting.Name)]);
        IConfiguration configuration = SettingsSources.Read(line, LoggingDefaults);
        return (Read(configuration), configuration);
    }

    /// <summary>Reads the settings of a configuration. What is wrong ends in a <see cref="StartException"/>.</summary>
    public static GatewaySettings Read(IConfiguration configuration)
    {
        var settings = new GatewaySettings();
        s_reader.Apply(configuration, settings);
        settings.Check();
        settings.Cluster = settings.FindCluster();
        return settings;
    }

    private ClusterWay FindCluster() => Provider switch
    {
        ClusterProvider.Development => new ClusterWay(Provider) { Gateways = Gateways },
        ClusterProvider.Redis => new ClusterWay(Provider) { Redis = Redis(ConnectionString) ?? throw WrongConnection("host:port[,option=value...]") },
        ClusterProvider.PostgreSql => PostgreSqlServer.IsConnectionString(ConnectionString)
            ? new ClusterWay(Provider) { PostgreSql = ConnectionString }
            : throw WrongConnection(PostgreSqlServer.Takes),
        _ => throw new StartException(
            $"{Section}:Cluster:Provider is Single, a cluster within one process, which a gateway of its own cannot join;"
            + " it takes Development (with Cluster:Gateways), Redis or PostgreSql (with Cluster:ConnectionString)."),
    };

    // It is not repeated: it may hold a password.
    private StartException WrongConnection(string takes) =>
        new($"{Section}:Cluster:ConnectionString is missing or wrong; with Cluster:Provider={Provider} it takes {takes}.");

    private static ConfigurationOptions? Redis(string? text)
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
}
