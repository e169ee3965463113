using Diststore.Core;

namespace Diststore.Silo;

/// <summary>Beside each silo: hears what other nodes ask by datagram and lets the node answer.</summary>
internal sealed class MulticastResponder(Node node, DatagramSockets sockets) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => sockets.ReceiveAsync(node.ReceiveDatagram, stoppingToken);
}
