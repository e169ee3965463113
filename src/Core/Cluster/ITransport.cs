namespace Diststore.Core;

/// <summary>
/// How a node reaches the others: calls that may be lost, late or out of order but are never doubled, and datagrams
/// that may be doubled too. Members are the live nodes by the cluster's membership; they include this one.
/// </summary>
public interface ITransport
{
    /// <summary>The live nodes' names in ordinal order, this node's own among them.</summary>
    IReadOnlyList<string> Members { get; }

    /// <summary>The registry of the masters.</summary>
    IRegistry Registry { get; }

    /// <summary>
    /// The node of that name. Its methods throw <see cref="NodeNotFoundException"/> when nothing was sent because no
    /// live node has the name; any other exception means that the outcome is unknown.
    /// </summary>
    IPeer Peer(string node);

    /// <summary>Sends a datagram to every other node, by multicast or one by one. Never fails; it may be lost.</summary>
    void Multicast(ReadOnlySpan<byte> datagram);

    /// <summary>Sends a datagram to one node. Never fails; it may be lost.</summary>
    void Send(string node, ReadOnlySpan<byte> datagram);
}

/// <summary>No live node has that name, so the call was not sent and nothing was done.</summary>
[GenerateSerializer, Alias("diststore.nodenotfound")]
public sealed class NodeNotFoundException : Exception
{
    /// <summary>Made without a name only by serializers.</summary>
    public NodeNotFoundException()
    {
    }

    /// <summary>Says which name was not found.</summary>
    public NodeNotFoundException(string message)
        : base(message)
    {
    }

    /// <summary>Says which name was not found, and what caused it.</summary>
    public NodeNotFoundException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
