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
        await store.StartSyncAsync(1, SyncKind.Full, History);
        await store.WritePageAsync(1, null, new KeyPage([At("a", 1)], More: false, new LogPoint(1, 1), 0));
        await store.WriteChangesAsync(1, Changes(1, 1));
        var transport = new FakePair();
        var node = new Node(
            new NodeSettings { Name = OneNode.Name }, store, transport, new NodeScheduler(), TimeProvider.System, new Random(1), NullLogger<Node>.Instance);
        transport.View = new MasterView(2, History, transport.Primary, node.Id, OtherInSync: false);
        transport.OnStart = _ => new SyncStartReply(SyncKind.Changes, null);
        transport.OnChanges = request => request.Since == 1
            ? new SyncChangesReply(Changes(5, 9, At("b", 5)), false, null)

            // The page breaks the pull off: the learner goes on under the next view.
            : new SyncChangesReply(null, false, transport.View = transport.View with { Epoch = 3 });
        node.Start();

        await FakePair.WaitAsync(() => transport.Starts.Count >= 2);
        await node.StopAsync();

        Assert.Equal([new LogPoint(1, 1), new LogPoint(1, 5)], transport.Starts.Take(2).Select(start => start.Applied));
        Assert.Equal(new LogPoint(1, 1), store.State.Applied);
    }

    private static Entry At(string key, long sequence) => new(key, [1], null, new LogPoint(1, sequence));

    private static ChangePage Changes(long upto, long applied, params Entry[] entries) =>
        new([.. entries], upto, upto == applied, new LogPoint(1, applied), new EpochHistory([new EpochStart(1, 1)]), 0);
}
