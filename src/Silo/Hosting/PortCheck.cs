using System.Net;
using System.Net.Sockets;
using Diststore.Settings;

namespace Diststore.Silo;

/// <summary>
/// Tries every port before anything starts: which one is taken, and which setting names it, is easily said here and
/// hard to find out from a silo that failed to start.
/// </summary>
internal static class PortCheck
{
    public static void Run(SiloSettings settings)
    {
        Try(settings, "Http:Port", settings.HttpPort, SocketType.Stream);
        Try(settings, "Silo:Port", settings.SiloPort, SocketType.Stream);
        Try(settings, "Silo:Port", settings.SiloPort, SocketType.Dgram);
        Try(settings, "Silo:GatewayPort", settings.GatewayPort, SocketType.Stream);
        if (!settings.MulticastEnabled)
        {
            return;
        }

        try
        {
            DatagramSockets.OpenGroup(settings).Dispose();
        }
        catch (SocketException exception)
        {
            throw new StartException(
                $"{settings.NodeName} cannot listen to Diststore:Multicast:Group={settings.MulticastGroup}, Multicast:Port={settings.MulticastPort} "
                + $"at {settings.Address} ({exception.Message}); Diststore:Multicast:Enabled=false does without.");
        }
    }

    private static void Try(SiloSettings settings, string name, int port, SocketType type)
    {
        string kind = type == SocketType.Stream ? "TCP" : "UDP";
        try
        {
            using var socket = new Socket(AddressFamily.InterNetwork, type, type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp);
            socket.Bind(new IPEndPoint(settings.Address, port));
        }
        catch (SocketException exception)
        {
            throw exception.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => new StartException(
                    $"{settings.NodeName} cannot use {kind} port {port} on {settings.Address} (Diststore:{name}): it is in use."),
                SocketError.AddressNotAvailable => new StartException(
                    $"Diststore:Node:Address takes an IPv4 address of this machine, and {settings.Address} is none."),
                _ => new StartException($"{settings.NodeName} cannot use port {port} on {settings.Address} (Diststore:{name}): {exception.Message}."),
            };
        }
    }
}
