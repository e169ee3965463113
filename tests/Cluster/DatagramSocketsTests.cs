using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using Diststore.Grains;
using Diststore.Silo;
using Microsoft.Extensions.DependencyInjection;

namespace Diststore.Cluster.Tests;

public sealed class DatagramSocketsTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    private readonly Socket _peer = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly BlockingCollection<(string Sender, byte[] Datagram)> _taken = [];
    private readonly IPEndPoint _own;
    private readonly DatagramSockets _sockets;

    public DatagramSocketsTests()
    {
        _peer.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using (var free = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp))
        {
            free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            _own = (IPEndPoint)free.LocalEndPoint!;
        }

        var settings = new SiloSettings { NodeName = "a", Address = _own.Address, SiloPort = _own.Port, MulticastEnabled = false };
        var membership = new Membership(("a", _own), ("b", (IPEndPoint)_peer.LocalEndPoint!));
        _sockets = new DatagramSockets(settings, new ClusterMembers(membership, membership), _services.GetRequiredService<IMeterFactory>());
        _sockets.Open();
    }

    public void Dispose()
    {
        _sockets.Dispose();
        _peer.Dispose();
        _services.Dispose();
        _taken.Dispose();
    }

    [Fact]
    public async Task It_takes_what_members_send_until_it_is_told_to_stop()
    {
        using var stop = new CancellationTokenSource();
        Task receiving = _sockets.ReceiveAsync((sender, datagram) => _taken.Add((sender, datagram.ToArray())), stop.Token);
        using (var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp))
        {
            stranger.SendTo("unknown"u8, SocketFlags.None, _own);
        }

        _peer.SendTo(new byte[DatagramSockets.MaxDatagramBytes + 1], SocketFlags.None, _own);
        _peer.SendTo("known"u8, SocketFlags.None, _own);
        Assert.True(_taken.TryTake(out (string Sender, byte[] Datagram) first, Deadline));
        Assert.Equal("b", first.Sender);
        Assert.Equal("known"u8.ToArray(), first.Datagram);
        Assert.False(receiving.IsCompleted);

        await stop.CancelAsync();
        await receiving.WaitAsync(Deadline);
        _peer.SendTo("late"u8, SocketFlags.None, _own);
        Assert.False(_taken.TryTake(out _));
        _sockets.Send("b", "still sent"u8);
        Assert.Equal(10, await _peer.ReceiveAsync(new byte[100]).WaitAsync(Deadline));
    }

    [Fact]
    public async Task What_the_handler_throws_is_heard_of()
    {
        Task receiving = _sockets.ReceiveAsync(static (_, _) => throw new InvalidDataException("broken"), CancellationToken.None);
        _peer.SendTo("known"u8, SocketFlags.None, _own);
        await Assert.ThrowsAsync<InvalidDataException>(() => receiving.WaitAsync(Deadline));
    }

    [Fact]
    public async Task It_ends_with_its_sockets()
    {
        Task receiving = _sockets.ReceiveAsync(static (_, _) => { }, CancellationToken.None);
        _sockets.Dispose();
        await receiving.WaitAsync(Deadline);
    }

    /// <summary>A membership that does not change, and its first silo.</summary>
    private sealed class Membership : IClusterMembershipService, ILocalSiloDetails
    {
        public Membership(params (string Name, IPEndPoint Endpoint)[] members)
        {
            SiloAddress[] silos = [.. members.Select(static member => SiloAddress.New(member.Endpoint, 1))];
            (Name, SiloAddress) = (members[0].Name, silos[0]);
            CurrentSnapshot = new ClusterMembershipSnapshot(
                silos.Zip(members, static (silo, member) => new ClusterMember(silo, SiloStatus.Active, member.Name))
                    .ToImmutableDictionary(static member => member.SiloAddress),
                new MembershipVersion(1));
        }

        public ClusterMembershipSnapshot CurrentSnapshot { get; }

        public string Name { get; }

        public SiloAddress SiloAddress { get; }

        public string ClusterId => "test";

        public string DnsHostName => "localhost";

        public SiloAddress GatewayAddress => SiloAddress;

        public IAsyncEnumerable<ClusterMembershipSnapshot> MembershipUpdates => throw new NotSupportedException();

        public ValueTask Refresh(MembershipVersion minimumVersion = default, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public Task<bool> TryKill(SiloAddress siloAddress) => Task.FromResult(false);
    }
}
