using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>A learner, and a primary that answers as it is told to.</summary>
public sealed class LearnerTests
{
    private static readonly Guid History = Guid.NewGuid();

    [Fact]
    public async Task A_learner_that_starts_again_asks_from_where_its_pull_broke_off()
    {
        var time = new ManualTime();
        var store = new MemoryStore(Guid.NewGuid(), time, isDurable: true);
        var primary = new MasterId("p", Guid.NewGuid(), Guid.NewGuid(), Durable: true);
        await store.StartSyncAsync(1, SyncKind.Full, History);
        await store.WritePageAsync(1, null, new KeyPage([At("a", 1)], More: false, new LogPoint(1, 1), 0));
        await store.WriteChangesAsync(1, Changes(1, 1));
        var transport = new Pair { Primary = { Store = primary } };
        var node = new Node(
            new NodeSettings { Name = OneNode.Name }, store, transport, new NodeScheduler(), TimeProvider.System, new Random(1), NullLogger<Node>.Instance);
        transport.View = new MasterView(2, History, primary, node.Id, OtherInSync: false);
        transport.Primary.OnStart = _ => new SyncStartReply(SyncKind.Changes, null);
        transport.Primary.OnChanges = request => request.Since == 1
            ? new SyncChangesReply(Changes(5, 9, At("b", 5)), false, null)

            // The page breaks the pull off: the learner goes on under the next view.
            : new SyncChangesReply(null, false, transport.View = transport.View with { Epoch = 3 });
        node.Start();

        await WaitAsync(() => transport.Primary.Starts.Count >= 2);
        await node.StopAsync();

        Assert.Equal([new LogPoint(1, 1), new LogPoint(1, 5)], transport.Primary.Starts.Take(2).Select(start => start.Applied));
        Assert.Equal(new LogPoint(1, 1), store.State.Applied);
    }

    private static Entry At(string key, long sequence) => new(key, [1], null, new LogPoint(1, sequence));

    private static ChangePage Changes(long upto, long applied, params Entry[] entries) =>
        new([.. entries], upto, upto == applied, new LogPoint(1, applied), new EpochHistory([new EpochStart(1, 1)]), 0);

    private static async Task WaitAsync(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!condition())
        {
            deadline.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private sealed class FakePrimary
    {
        public MasterId? Store { get; set; }

        public List<SyncStartRequest> Starts { get; } = [];

        public Func<SyncStartRequest, SyncStartReply>? OnStart { get; set; }

        public Func<SyncChangesRequest, SyncChangesReply>? OnChanges { get; set; }

        public SyncStartReply Start(SyncStartRequest request)
        {
            Starts.Add(request);
            return OnStart!(request);
        }
    }

    private sealed class Pair : ITransport
    {
        public Pair()
        {
            Registry = DispatchProxy.Create<IRegistry, RegistryProxy>();
            ((RegistryProxy)(object)Registry).Pair = this;
        }

        public FakePrimary Primary { get; } = new();

        public MasterView? View { get; set; }

        public IReadOnlyList<string> Members { get; } = [OneNode.Name, "p"];

        public IRegistry Registry { get; }

        public IPeer Peer(string node)
        {
            IPeer peer = DispatchProxy.Create<IPeer, PrimaryProxy>();
            ((PrimaryProxy)(object)peer).Primary = Primary;
            return peer;
        }

        public void Multicast(ReadOnlySpan<byte> datagram)
        {
        }

        public void Send(string node, ReadOnlySpan<byte> datagram)
        {
        }
    }

    // The runtime derives from these.
    [SuppressMessage("Performance", "CA1852", Justification = "DispatchProxy makes a subtype")]
    private class RegistryProxy : DispatchProxy
    {
        public Pair? Pair { get; set; }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Task.FromResult(Pair!.View);
    }

    [SuppressMessage("Performance", "CA1852", Justification = "DispatchProxy makes a subtype")]
    private class PrimaryProxy : DispatchProxy
    {
        public FakePrimary? Primary { get; set; }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name switch
        {
            nameof(IPeer.StartSyncAsync) => Task.FromResult(Primary!.Start((SyncStartRequest)args![0]!)),
            nameof(IPeer.ReadChangesAsync) => Task.FromResult(Primary!.OnChanges!((SyncChangesRequest)args![0]!)),
            nameof(IPeer.FollowAsync) => Task.FromException<FollowReply>(new TimeoutException()),
            _ => throw new NotSupportedException(targetMethod.Name),
        };
    }
}
