using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Diststore.SystemTests;

/// <summary>
/// Hears every datagram of a network and sends it again: at once, long after newer ones, or changed, always in the name of
/// who sent it; and sends the like in the name of nobody that the cluster knows. One task makes the noise; others may look
/// at the counts.
/// </summary>
internal sealed class DatagramNoise : IDisposable
{
    private const int AddressBytes = 4;
    private const int SourceAt = 12; // in the header of IPv4 (RFC 791), as the offsets below
    private const int TargetAt = 16;
    private const int LifeAt = 8;
    private const int HeaderWords = 0x0F; // of the first byte: the header's length, four bytes each
    private const int UdpBytes = 8;
    private const int ChecksumAt = 6; // in the header of UDP (RFC 768); 0 for none
    private const int TypeAt = 5; // in a datagram of the cluster
    private const int BodyAt = 22; // likewise
    private const int Types = 5;
    private const byte OwnLife = 77; // hops: so it knows its own again
    private const int Remembered = 256; // datagrams

    private static readonly IPAddress Stranger = IPAddress.Parse("127.66.66.66");

    private readonly Socket _ear;
    private readonly Socket _mouth;
    private readonly Random _random = new(1);
    private readonly List<byte[]> _heard = [];
    private long _doubled;
    private long _late;
    private long _forged;

    private DatagramNoise(Socket ear, Socket mouth) => (_ear, _mouth) = (ear, mouth);

    /// <summary>How many were sent a second time at once, long after newer ones, and changed.</summary>
    public (long Doubled, long Late, long Forged) Made => (Volatile.Read(ref _doubled), Volatile.Read(ref _late), Volatile.Read(ref _forged));

    /// <summary>Opens its sockets inside a network.</summary>
    public static async Task<DatagramNoise> OpenAsync(NetworkNamespace network)
    {
        Socket ear = await network.MakeSocketAsync(static () => new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Udp));
        Socket mouth = await network.MakeSocketAsync(static () => new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Raw));
        mouth.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.HeaderIncluded, true);
        mouth.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.MulticastInterface, IPAddress.Parse("127.1.2.1").GetAddressBytes());
        return new DatagramNoise(ear, mouth);
    }

    /// <summary>Makes noise until told to stop.</summary>
    public async Task RunAsync(CancellationToken over)
    {
        byte[] buffer = new byte[ushort.MaxValue];
        while (!over.IsCancellationRequested)
        {
            int length;
            try
            {
                length = await _ear.ReceiveAsync(buffer, SocketFlags.None, over);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            if (buffer[LifeAt] != OwnLife)
            {
                Repeat(buffer[..length]);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ear.Dispose();
        _mouth.Dispose();
    }

    private void Repeat(byte[] packet)
    {
        packet[LifeAt] = OwnLife;
        int udp = (packet[0] & HeaderWords) * 4;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(udp + ChecksumAt), 0);
        Send(packet, ref _doubled);

        int datagram = udp + UdpBytes;
        if (packet.Length > datagram + BodyAt)
        {
            Send(Changed(packet, at => at[datagram + TypeAt] = (byte)(1 + _random.Next(Types))), ref _forged);
            Send(Changed(packet, at => at[_random.Next(datagram + BodyAt, at.Length)] ^= (byte)(1 << _random.Next(8))), ref _forged);
            Send(Changed(packet, at => at[_random.Next(datagram, at.Length)] = (byte)_random.Next(256)), ref _forged);
            Send(Changed(packet, at => Stranger.GetAddressBytes().CopyTo(at, SourceAt)), ref _forged);
        }

        _heard.Add(packet);
        if (_heard.Count > Remembered)
        {
            int old = _random.Next(_heard.Count);
            Send(_heard[old], ref _late);
            _heard.RemoveAt(old);
        }
    }

    private static byte[] Changed(byte[] packet, Action<byte[]> change)
    {
        byte[] copy = [.. packet];
        change(copy);
        return copy;
    }

    private void Send(byte[] packet, ref long counter)
    {
        _mouth.SendTo(packet, new IPEndPoint(new IPAddress(packet.AsSpan(TargetAt, AddressBytes)), 0));
        Interlocked.Increment(ref counter);
    }
}
