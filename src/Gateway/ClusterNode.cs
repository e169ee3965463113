using Diststore.Contracts;

namespace Diststore.Gateway;

/// <summary>A node as the gateway calls it. Thread-safe.</summary>
internal sealed class ClusterNode
{
    // Ticks of the TimeProvider that LiveNodes has; torn reads cannot happen on 64-bit platforms and would do no harm.
    private long _asideUntil;

    public ClusterNode(string name, INodeGrain grain, TimeSpan readTimeout, TimeProvider time)
    {
        Name = name;
        Grain = grain;
        Reads = new ReadBatcher(keys => grain.TryGetManyAsync(keys).WaitAsync(readTimeout, time));
    }

    public string Name { get; }

    public INodeGrain Grain { get; }

    /// <summary>Reads of what the node has at hand, many in one call.</summary>
    public ReadBatcher Reads { get; }

    /// <summary>Passes the node over until that moment, unless there is no other.</summary>
    public void SetAsideUntil(long timestamp) => Volatile.Write(ref _asideUntil, timestamp);

    /// <summary>Whether it is passed over at that moment.</summary>
    public bool IsAside(long timestamp) => timestamp < Volatile.Read(ref _asideUntil);
}
