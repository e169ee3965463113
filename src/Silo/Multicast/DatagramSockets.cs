using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using Diststore.Grains;

namespace Diststore.Silo;

/// <summary>
/// A node's two UDP sockets. The <em>group</em> socket hears what is sent to everyone; several nodes of a machine share
/// its port. The node's <em>own</em> socket, at the silo's address and port number, sends everything and hears what is
/// sent to this node alone: so every member's endpoint is known from membership, and whoever else sends is not heard.
/// </summary>
internal sealed class DatagramSockets(SiloSettings settings, ClusterMembers members, IMeterFactory meters) : IDatagrams, IDisposable
{
    /// <summary>The longest datagram in bytes; fits an Ethernet frame.</summary>
    public const int MaxDatagramBytes = 1200;

    private const int MulticastHops = 1;
    private const int ReceiveBufferBytes = 1 << 20;

    private static readonly TimeSpan s_pauseAfterFailure = TimeSpan.FromMilliseconds(10);

    private readonly SocketAddress _groupAddress = new IPEndPoint(settings.MulticastGroup, settings.MulticastPort).Serialize();
    private readonly DatagramInstruments _instruments = new(meters, settings.NodeName);
    private Socket? _own; // set once by Open
    private Socket? _group; // likewise; stays null without multicast
    private volatile bool _isDisposed;

    /// <summary>Binds the sockets. What is sent before this is lost.</summary>
    public void Open()
    {
        _own = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = ReceiveBufferBytes };
        _own.Bind(new IPEndPoint(settings.Address, settings.SiloPort));
        if (settings.MulticastEnabled)
        {
            _own.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.MulticastInterface, settings.Address.GetAddressBytes());
            _own.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.MulticastTimeToLive, MulticastHops);
            _own.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.MulticastLoopback, true);
            _group = OpenGroup(settings);
        }
    }

    /// <summary>A socket that hears the group on the interface of the node's address.</summary>
    public static Socket OpenGroup(SiloSettings settings)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            socket.ReceiveBufferSize = ReceiveBufferBytes;

            // Bound to the group it hears nothing that is sent to the port but not to the group. Windows does not let it.
            socket.Bind(new IPEndPoint(OperatingSystem.IsWindows() ? IPAddress.Any : settings.MulticastGroup, settings.MulticastPort));
            socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.AddMembership, new MulticastOption(settings.MulticastGroup, settings.Address));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public void Multicast(ReadOnlySpan<byte> datagram)
    {
        if (settings.MulticastEnabled)
        {
            SendTo(_groupAddress, datagram);
            return;
        }

        MemberSet current = members.Current;
        foreach ((string name, SocketAddress endpoint) in current.Endpoints)
        {
            if (name != current.Self)
            {
                SendTo(endpoint, datagram);
            }
        }
    }

    public void Send(string node, ReadOnlySpan<byte> datagram)
    {
        if (members.Current.Endpoints.TryGetValue(node, out SocketAddress? endpoint))
        {
            SendTo(endpoint, datagram);
        }
    }

    /// <summary>
    /// Hands every datagram of another live node to <paramref name="take"/>, until cancelled. Each socket has a thread of its own, which
    /// waits in the kernel: each question wakes a thread on every node, most of which do not answer, and by way of the pool
    /// it would be two or three. So <paramref name="take"/> must not wait for anything.
    /// </summary>
    public Task ReceiveAsync(DatagramHandler take, CancellationToken cancellation) => Task.WhenAll(
        _own is null ? Task.CompletedTask : StartReceiving(_own, take, cancellation),
        _group is null ? Task.CompletedTask : StartReceiving(_group, take, cancellation));

    public void Dispose()
    {
        _isDisposed = true;
        _own?.Dispose();
        _group?.Dispose();
        _instruments.Dispose();
    }

    // The thread ends with its socket, or with the next datagram: nobody waits for that, and after the cancellation it hands on nothing.
    private Task StartReceiving(Socket socket, DatagramHandler take, CancellationToken cancellation)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cancellation.UnsafeRegister(static ended => ((TaskCompletionSource)ended!).TrySetResult(), ended);
        new Thread(Run) { IsBackground = true, Name = $"datagrams {settings.NodeName}" }.Start();
        return ended.Task;

        void Run()
        {
            try
            {
                Receive(socket, take, cancellation);
                ended.TrySetResult();
            }
            catch (Exception exception)
            {
                ended.TrySetException(exception);
            }
        }
    }

    private void Receive(Socket socket, DatagramHandler take, CancellationToken cancellation)
    {
        // One byte more than may come tells what is too long. No allocation and no exception per packet.
        Span<byte> buffer = stackalloc byte[MaxDatagramBytes + 1];
        var from = new SocketAddress(AddressFamily.InterNetwork);
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                int length = socket.ReceiveFrom(buffer, SocketFlags.None, from);
                if (!cancellation.IsCancellationRequested)
                {
                    Take(buffer[..length], from, take);
                }
            }
            catch (Exception exception) when (_isDisposed && exception is SocketException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // An ICMP message about something that was sent, or a lack of buffers: the next packet may be fine.
                // The pause keeps a broken socket from spinning.
                _instruments.Failed();
                cancellation.WaitHandle.WaitOne(s_pauseAfterFailure);
            }
        }
    }

    private void Take(ReadOnlySpan<byte> datagram, SocketAddress from, DatagramHandler take)
    {
        MemberSet current = members.Current;
        string? sender = current.FindSender(from);
        if (sender is null || datagram.Length > MaxDatagramBytes)
        {
            _instruments.Dropped(sender is null);
        }
        else if (sender != current.Self)
        {
            take(sender, datagram);
        }
    }

    private void SendTo(SocketAddress endpoint, ReadOnlySpan<byte> datagram)
    {
        try
        {
            _own?.SendTo(datagram, SocketFlags.None, endpoint);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            _instruments.Failed();
        }
    }
}

/// <summary>Takes a datagram that came from the endpoint of a live node.</summary>
internal delegate void DatagramHandler(string sender, ReadOnlySpan<byte> datagram);
