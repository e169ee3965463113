using System.Collections.Concurrent;
using Diststore.Core;
using Diststore.Grains;

namespace Diststore.Cluster.Tests;

/// <summary>Carries datagrams between the nodes of a test, at once.</summary>
internal sealed class DatagramBus
{
    private readonly ConcurrentDictionary<string, Node> _nodes = new();

    public void Join(Node node) => _nodes[node.Name] = node;

    public void Cut(string name) => _nodes.TryRemove(name, out _);

    public IDatagrams For(string name) => new Port(this, name);

    private sealed class Port(DatagramBus bus, string name) : IDatagrams
    {
        public void Multicast(ReadOnlySpan<byte> datagram)
        {
            foreach ((string other, Node node) in bus._nodes)
            {
                if (other != name)
                {
                    node.ReceiveDatagram(name, datagram);
                }
            }
        }

        public void Send(string node, ReadOnlySpan<byte> datagram)
        {
            if (bus._nodes.TryGetValue(node, out Node? target))
            {
                target.ReceiveDatagram(name, datagram);
            }
        }
    }
}
