using System.Diagnostics.Metrics;
using Diststore.Core;

namespace Diststore.Silo;

/// <summary>Counts datagrams that were not taken or not sent; each count carries the node's name.</summary>
internal sealed class DatagramInstruments : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _dropped;
    private readonly Counter<long> _failed;
    private readonly KeyValuePair<string, object?> _node;

    public DatagramInstruments(IMeterFactory meters, string node)
    {
        _node = NodeMeters.TagOf(node);
        _meter = meters.CreateFor(node, "Diststore.Datagrams");
        _dropped = _meter.CreateCounter<long>("diststore.datagrams.dropped", "{datagram}", "Datagrams of unknown senders, or too long.");
        _failed = _meter.CreateCounter<long>("diststore.datagrams.failed", "{error}", "Errors of the sockets.");
    }

    public void Dropped(bool unknownSender) => _dropped.Add(1, _node, new("reason", unknownSender ? "unknown-sender" : "too-long"));

    public void Failed() => _failed.Add(1, _node);

    public void Dispose() => _meter.Dispose();
}
