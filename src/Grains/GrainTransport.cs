using System.Collections.Concurrent;
using Diststore.Contracts;
using Diststore.Core;

namespace Diststore.Grains;

/// <summary>Carries datagrams between nodes. Nothing here fails; anything may be lost.</summary>
public interface IDatagrams
{
    /// <summary>Sends to every other node.</summary>
    void Multicast(ReadOnlySpan<byte> datagram);

    /// <summary>Sends to one node.</summary>
    void Send(string node, ReadOnlySpan<byte> datagram);
}

/// <summary>How a silo's node reaches the others: calls are grain calls, datagrams go by whatever the silo has.</summary>
public sealed class GrainTransport : ITransport
{
    private readonly IGrainFactory _grains;
    private readonly ClusterMembers _members;
    private readonly IDatagrams _datagrams;
    private readonly ConcurrentDictionary<string, IPeer> _peers = new(StringComparer.Ordinal); // as many as nodes were ever seen

    /// <summary>Puts the transport together.</summary>
    public GrainTransport(IGrainFactory grains, ClusterMembers members, IDatagrams datagrams)
    {
        _grains = grains;
        _members = members;
        _datagrams = datagrams;
        Registry = grains.GetGrain<IMasterRegistryGrain>(0);
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Members => _members.Current.Names;

    /// <inheritdoc/>
    public IRegistry Registry { get; }

    /// <inheritdoc/>
    public IPeer Peer(string node)
    {
        if (_peers.TryGetValue(node, out IPeer? peer))
        {
            return peer;
        }

        peer = _grains.GetGrain<INodeGrain>(node);
        if (_members.Current.FindSilo(node) is not null)
        {
            // Names that users make up are not kept.
            _peers.TryAdd(node, peer);
        }

        return peer;
    }

    /// <inheritdoc/>
    public void Multicast(ReadOnlySpan<byte> datagram) => _datagrams.Multicast(datagram);

    /// <inheritdoc/>
    public void Send(string node, ReadOnlySpan<byte> datagram) => _datagrams.Send(node, datagram);
}
