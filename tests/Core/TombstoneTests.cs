using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>How long a primary remembers deletes while a learner syncs.</summary>
public sealed class TombstoneTests : IAsyncLifetime
{
    private static readonly NodeSettings Settings = new()
    {
        Name = OneNode.Name,
        TombstoneRetention = TimeSpan.FromHours(1),
        SyncRetention = TimeSpan.FromHours(6),
    };

    private readonly ManualTime _time = new();
    private readonly OneNode _transport = new();
    private readonly MasterId _learner = new("b", Guid.NewGuid(), Guid.NewGuid(), Durable: false);
    private Node _node = null!;

    public async Task InitializeAsync()
    {
        var store = new MemoryStore(Guid.NewGuid(), _time, isDurable: true);
        _node = new Node(Settings, store, _transport, new NodeScheduler(), _time, new Random(1), NullLogger<Node>.Instance);
        _transport.Node = _node;
        _node.Start();
        Assert.Equal(WriteOutcome.Created, (await _node.WriteAsync(new Write("key", [1]))).Outcome);
        await _node.AnnounceAsync(_node.KnownView! with { Epoch = _node.KnownView.Epoch + 1, Other = _learner });
    }

    public Task DisposeAsync() => _node.StopAsync();

    [Fact]
    public async Task A_delete_is_remembered_for_a_learner_that_syncs_from_before_it_but_not_for_ever()
    {
        MasterView view = _node.KnownView!;
        var start = new SyncStartRequest(view, _learner, Guid.Empty, LogPoint.Zero, Attempt: 1);
        Assert.Equal(SyncKind.Full, (await _node.StartSyncAsync(start)).Kind);
        KeyPage page = (await _node.ReadPageAsync(new SyncPageRequest(view, _learner, null, 0))).Page!;
        Assert.Equal(WriteOutcome.Deleted, (await _node.WriteAsync(new Write("key", null))).Outcome);

        Assert.True(await ChangesAfterAsync(TimeSpan.FromHours(2), page));
        Assert.True(await ChangesAfterAsync(TimeSpan.FromHours(4.9), page));
        Assert.Null(await ChangesAfterAsync(TimeSpan.FromHours(0.2), page));

        async Task<bool?> ChangesAfterAsync(TimeSpan more, KeyPage first)
        {
            _time.Advance(more);
            await _node.ForgetOldDeletesAsync();
            SyncChangesReply reply = await _node.ReadChangesAsync(new SyncChangesRequest(view, _learner, first.Applied.Sequence));
            Assert.Equal(reply.Page is null, reply.BelowFloor);
            return reply.Page?.Entries.Single().IsTombstone;
        }
    }
}
