using System.Globalization;
using System.Net;
using Diststore.PostgreSql;
using Diststore.Settings;

namespace Diststore.Silo;

/// <summary>What the process was told.</summary>
/// <param name="Nodes">Its nodes' settings.</param>
/// <param name="Configuration">The configuration that logging reads.</param>
/// <param name="RestoreFile">The backup to restore instead of running, if that was asked for.</param>
internal sealed record StartOrder(IReadOnlyList<SiloSettings> Nodes, IConfiguration Configuration, string? RestoreFile);

/// <summary>Reads a silo's settings, and what it was told besides. What is wrong ends in a <see cref="StartException"/>.</summary>
internal static class SettingsReader
{
    private const string Section = CommandLine.Section;
    private const string NodesArgument = "nodes";
    private const string RestoreArgument = "restore";
    private const int MaxNodes = 32;

    private static readonly SettingsReader<SiloSettings> s_reader = new(SettingsTable.All);

    /// <summary>What the settings and the program take, in words.</summary>
    public static string Help() => s_reader.Help();

    public static StartOrder Read(string[] arguments)
    {
        CommandLine line = CommandLine.Parse(arguments, [$"{NodesArgument} N", $"{RestoreArgument} FILE"], [.. SettingsTable.All.Select(static x => x.Name)]);
        IConfiguration configuration = SettingsSources.Read(line, []);
        string? restore = line.Given.GetValueOrDefault(RestoreArgument);
        IReadOnlyList<SiloSettings> nodes = Read(configuration, line.Given.GetValueOrDefault(NodesArgument));
        return restore is not null && (nodes.Count > 1 || nodes[0].Durability == DataDurability.Memory)
            ? throw new StartException(
                "--restore takes a file to restore into the data folder of one node, on disk: not with --nodes, nor with Data:Durability=Memory.")
            : new StartOrder(nodes, configuration, restore);
    }

    /// <summary>The settings of the process's nodes; <paramref name="nodes"/> is what <c>--nodes</c> was given, if it was.</summary>
    public static IReadOnlyList<SiloSettings> Read(IConfiguration configuration, string? nodes)
    {
        var settings = new SiloSettings();
        s_reader.Apply(configuration, settings);
        int? count = nodes is null ? null : ParseNodes(nodes);
        CheckName(configuration, count);
        CheckTogether(settings, count ?? 1);
        IReadOnlyList<SiloSettings> all = settings.Nodes(count);
        all[0].Check();
        return all;
    }

    private static void CheckName(IConfiguration configuration, int? count)
    {
        if (count is not null && configuration[$"{Section}:Node:Name"] is not null)
        {
            throw new StartException($"{Section}:Node:Name is for one node; with --nodes they are named node-1, node-2 and so on.");
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
}
