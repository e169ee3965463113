using System.Diagnostics.Metrics;

namespace Diststore.Core;

/// <summary>Makes the meters of a node's subsystems; their names begin with <c>Diststore.</c></summary>
public static class NodeMeters
{
    /// <summary>
    /// A meter of one node. It carries the node's name, or several nodes of a process would share their instruments, and
    /// the first of them to end would end them for all. Each measurement has to carry <see cref="TagOf"/> too: that is
    /// the label that is shown.
    /// </summary>
    public static Meter CreateFor(this IMeterFactory factory, string node, string name)
    {
        ArgumentNullException.ThrowIfNull(factory);
        return factory.Create(new MeterOptions(name) { Tags = [TagOf(node)] });
    }

    /// <summary>What tells one node's measurements from another's.</summary>
    public static KeyValuePair<string, object?> TagOf(string node) => new("node", node);
}
