using System.Globalization;
using System.Net;
using Diststore.Http;
using Diststore.PostgreSql;

namespace Diststore.Silo;

/// <summary>What the process was told.</summary>
/// <param name="Nodes">Its nodes' settings.</param>
/// <param name="Configuration">The configuration that logging reads.</param>
/// <param name="RestoreFile">The backup to restore instead of running, if that was asked for.</param>
internal sealed record StartOrder(IReadOnlyList<SiloSettings> Nodes, IConfiguration Configuration, string? RestoreFile);

/// <summary>
/// Reads the settings: appsettings.json, then the environment, then the command line. What is wrong ends in a
/// <see cref="StartException"/>.
/// </summary>
internal static class SettingsReader
{
    private const string Section = "Diststore";
    private const string NodesArgument = "nodes";
    private const string RestoreArgument = "restore";
    private const int MaxNodes = 32;

    public static StartOrder Read(string[] arguments)
    {
        Dictionary<string, string?> commandLine = ParseCommandLine(arguments);
        IConfiguration configuration;
        try
        {
            configuration = new ConfigurationBuilder()
                .AddJsonFile(Path.Combine(AppContext.BaseDirectory, "appsettings.json"), optional: true)
                .AddJsonFile(Path.Combine(Environment.CurrentDirectory, "appsettings.json"), optional: true)
                .AddEnvironmentVariables()
                .AddInMemoryCollection(commandLine)
                .Build();
        }
        catch (Exception exception) when (exception is InvalidDataException or FormatException)
        {
            throw new StartException($"{exception.Message} {exception.InnerException?.Message}".TrimEnd());
        }

        string? restore = commandLine.GetValueOrDefault(RestoreArgument);
        IReadOnlyList<SiloSettings> nodes = Read(configuration, commandLine.GetValueOrDefault(NodesArgument));
        return restore is not null && (nodes.Count > 1 || nodes[0].Durability == DataDurability.Memory)
            ? throw new StartException(
                "--restore takes a file to restore into the data folder of one node, on disk: not with --nodes, nor with Data:Durability=Memory.")
            : new StartOrder(nodes, configuration, restore);
    }

    /// <summary>The settings of the process's nodes; <paramref name="nodes"/> is what <c>--nodes</c> was given, if it was.</summary>
    public static IReadOnlyList<SiloSettings> Read(IConfiguration configuration, string? nodes)
    {
        var settings = new SiloSettings();
        foreach ((string name, string? value) in Given(configuration.GetSection(Section)))
        {
            Setting setting = SettingsTable.All.FirstOrDefault(known => known.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                ?? throw new StartException($"There is no setting {Section}:{name}. {Suggest(name)}");
            if (value is null || !setting.TryTake(settings, value))
            {
                // A secret is not repeated.
                string given = name.StartsWith("Security", StringComparison.OrdinalIgnoreCase) || value is null ? "" : $", not '{value}'";
                throw new StartException($"{Section}:{setting.Name} takes {setting.Takes}{given}.");
            }
        }

        int? count = nodes is null ? null : ParseNodes(nodes);
        CheckTogether(settings, count ?? 1);
        return settings.Nodes(count);
    }

    private static IEnumerable<(string Name, string? Value)> Given(IConfigurationSection section)
    {
        foreach (IConfigurationSection child in section.GetChildren())
        {
            string name = child.Path[(Section.Length + 1)..];
            if (name.Equals("Security:Tokens", StringComparison.OrdinalIgnoreCase) && child.GetChildren().Any())
            {
                yield return (name, string.Join(',', child.GetChildren().Select(static token => token.Value)));
                continue;
            }

            if (child.Value is not null)
            {
                yield return (name, child.Value);
            }

            foreach ((string, string?) inner in Given(child))
            {
                yield return inner;
            }
        }
    }

    private static void CheckTogether(SiloSettings settings, int count)
    {
        int[] firsts = [settings.HttpPort, settings.SiloPort, settings.GatewayPort];
        if (firsts.Max() + count - 1 > IPEndPoint.MaxPort)
        {
            throw new StartException(
                $"{Section}:Http:Port, Silo:Port and Silo:GatewayPort are counted up for --nodes {count} and must stay within {IPEndPoint.MaxPort}.");
        }

        Array.Sort(firsts);
        if (firsts[1] - firsts[0] < count || firsts[2] - firsts[1] < count)
        {
            string least = count > 1 ? $" by at least {count}, the number of nodes" : "";
            throw new StartException($"{Section}:Http:Port, Silo:Port and Silo:GatewayPort take ports that differ{least}.");
        }

        if (settings.Provider == ClusterProvider.Development && settings.Primary is null)
        {
            throw new StartException(
                $"{Section}:Cluster:Primary takes host:port of the silo that keeps the membership; Cluster:Provider=Development needs it.");
        }

        if (settings.Provider is ClusterProvider.Redis or ClusterProvider.PostgreSql && string.IsNullOrWhiteSpace(settings.ConnectionString))
        {
            string takes = settings.Provider == ClusterProvider.Redis ? "the server's host:port" : PostgreSqlServer.Takes;
            throw new StartException($"{Section}:Cluster:ConnectionString takes {takes}; Cluster:Provider={settings.Provider} needs it.");
        }

        if (settings.MaxBytesInFlight < (long)DiststoreHttpOptions.ValuesInFlight * settings.MaxValueBytes)
        {
            throw new StartException(
                $"{Section}:Limits:MaxBytesInFlight takes at least {DiststoreHttpOptions.ValuesInFlight} times Limits:MaxValueBytes, "
                + $"not {settings.MaxBytesInFlight} bytes where a value may have {settings.MaxValueBytes}.");
        }

        if (!IPAddress.IsLoopback(settings.Address) && settings.ClusterKey is null && !settings.AllowInsecure)
        {
            throw new StartException(
                $"{Section}:Security:ClusterKey takes a secret that all nodes share, and is needed because {Section}:Node:Address={settings.Address} "
                + $"can be reached from other machines; {Section}:Security:AllowInsecure=true does without.");
        }
    }

    private static int ParseNodes(string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count is >= 1 and <= MaxNodes
            ? count
            : throw new StartException($"--nodes takes 1 to {MaxNodes}, not '{value}'.");

    private static Dictionary<string, string?> ParseCommandLine(string[] arguments)
    {
        var given = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        for (int i = 0; i < arguments.Length; i++)
        {
            string argument = arguments[i];
            string name = argument.Split('=', 2)[0];
            bool known = name.StartsWith("--", StringComparison.Ordinal)
                && (name[2..].ToLowerInvariant() is NodesArgument or RestoreArgument || name.Contains(':', StringComparison.Ordinal));
            if (!known)
            {
                throw new StartException($"The argument '{name}' is not understood; there are --nodes N, --restore FILE, --{Section}:NAME=VALUE and --help.");
            }

            if (name.Length == argument.Length && i + 1 == arguments.Length)
            {
                throw new StartException($"The argument '{name}' needs a value.");
            }

            given[name[2..]] = name.Length < argument.Length ? argument[(name.Length + 1)..] : arguments[++i];
        }

        return given;
    }

    private static string Suggest(string name)
    {
        string last = name.Split(':')[^1];
        Setting? near = SettingsTable.All.FirstOrDefault(setting => setting.Name.EndsWith(last, StringComparison.OrdinalIgnoreCase));
        return near is null ? "--help lists them all." : $"There is {Section}:{near.Name}; --help lists them all.";
    }
}
