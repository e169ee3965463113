using System.Text;

namespace Diststore.Silo;

/// <summary>What the process says when it runs, and when it is asked what it can do.</summary>
internal static class Welcome
{
    public static string Text(IReadOnlyList<SiloSettings> nodes)
    {
        SiloSettings first = nodes[0];
        int width = nodes.Max(static node => node.NodeName.Length);
        bool onDisk = first.Durability == DataDurability.Fsync;
        var text = new StringBuilder();
        string count = nodes.Count == 1 ? "1 node" : $"{nodes.Count} nodes";
        text.AppendLine($"Diststore: {count} of cluster '{first.ClusterId}' ({first.Provider}){(onDisk ? "" : ", data in memory")}");
        foreach (SiloSettings node in nodes)
        {
            text.AppendLine($"  {node.NodeName.PadRight(width)}  {Url(node)}  silo {node.Address}:{node.SiloPort}  gateway {node.Address}:{node.GatewayPort}"
                + (onDisk ? $"  data {node.DataPath}" : ""));
        }

        text.AppendLine("Try:");
        text.AppendLine($"  curl -d key=hello -d value=world {Url(first)}/");
        text.AppendLine($"  curl {Url(nodes[nodes.Count > 1 ? 1 : 0])}/get/hello");
        text.AppendLine($"  curl {Url(nodes[^1])}/v1/cluster");
        text.Append("Ctrl-C stops.");
        return text.ToString();
    }

    public static string Help()
    {
        var text = new StringBuilder();
        text.AppendLine("Diststore.Silo runs one node, or with --nodes N (1 to 32) so many in one process, names and ports counted up,");
        text.AppendLine("with a data folder each. With --restore FILE it makes the node's data folder from a backup, says so and ends.");
        text.Append(SettingsReader.Help());
        return text.ToString();
    }

    private static string Url(SiloSettings node) => $"http://{node.Address}:{node.HttpPort}";
}
