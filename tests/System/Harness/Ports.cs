using System.Net;
using System.Net.Sockets;

namespace Diststore.SystemTests;

/// <summary>Finds ports that nobody uses.</summary>
internal static class Ports
{
    // Below the range that the kernel takes outgoing connections' ports from (32768 on), or one of those might be in the way.
    private const int Lowest = 20000;
    private const int Highest = 32000;

    /// <summary>Ports that are free on every one of the addresses, for TCP and UDP.</summary>
    public static int[] Free(int count, IReadOnlyList<IPAddress> addresses)
    {
        int start = Random.Shared.Next(Lowest, Highest);
        int[] found = Enumerable.Range(0, Highest - Lowest)
            .Select(step => Lowest + ((start - Lowest + step) % (Highest - Lowest)))
            .Where(port => addresses.All(address => IsFree(address, port)))
            .Take(count)
            .ToArray();
        return found.Length == count ? found : throw new InvalidOperationException("no free ports");
    }

    private static bool IsFree(IPAddress address, int port)
    {
        try
        {
            using var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            tcp.Bind(new IPEndPoint(address, port));
            using var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            udp.Bind(new IPEndPoint(address, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
