using Diststore.Contracts;

namespace Diststore.Gateway;

/// <summary>A node as the gateway calls it. Thread-safe.</summary>
internal sealed class ClusterNode(string name, INodeGrain grain)
{
    // Ticks of the TimeProvider that LiveNodes has; torn reads cannot happen on 64-bit platforms and would do no harm.
    private long _asideUntil;

    public string Name { get; } = name;

    public INodeGrain Grain { get; } = grain;

    /// <summary>Passes the node over until that moment, unless there is no other.</summary>
    public void SetAsideUntil(long timestamp) => Volatile.Write(ref _asideUntil, timestamp);

    /// <summary>Whether it is passed over at that moment.</summary>
    public bool IsAside(long timestamp) => timestamp < Volatile.Read(ref _asideUntil);
}
