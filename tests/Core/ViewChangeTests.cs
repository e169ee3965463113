using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>What is under way when the view changes.</summary>
public sealed class ViewChangeTests : IAsyncLifetime
{
    private readonly NodeScheduler _scheduler = new();
    private readonly OneNode _transport = new();
    private Node _node = null!;

    public async Task InitializeAsync()
    {
        _node = new Node(
            new NodeSettings { Name = OneNode.Name },
            new FailingStore(),
            _transport,
            _scheduler,
            TimeProvider.System,
            new Random(1),
            NullLogger<Node>.Instance);
        _transport.Node = _node;
        _node.Start();
        Assert.Equal(WriteOutcome.Created, (await _node.WriteAsync(new Write("first", [1]))).Outcome);
    }

    public Task DisposeAsync() => _node.StopAsync();

    [Fact]
    public async Task A_view_of_another_history_that_is_announced_before_the_node_has_begun_is_not_adopted()
    {
        var store = new FailingStore();
        var transport = new OneNode();
        Node Make() => transport.Node = new Node(
            new NodeSettings { Name = OneNode.Name }, store, transport, new NodeScheduler(), TimeProvider.System, new Random(1), NullLogger<Node>.Instance);
        Node first = Make();
        first.Start();
        Assert.Equal(WriteOutcome.Created, (await first.WriteAsync(new Write("key", [1]))).Outcome);
        MasterView remembered = store.State.View!;
        await first.StopAsync();

        Node second = Make();
        await second.AnnounceAsync(remembered with { Epoch = remembered.Epoch + 1, History = Guid.NewGuid() });

        Assert.Equal(remembered, store.State.View);
        Assert.NotNull(second.NotReadyBecause);
        await second.StopAsync();
    }

    /// <summary>There may be no later write that would set the waiting one going.</summary>
    [Fact]
    public async Task A_write_that_waits_while_the_primary_enters_its_next_view_is_ordered_there()
    {
        using var queued = new ManualResetEventSlim();
        Task blocked = Task.Factory.StartNew(queued.Wait, CancellationToken.None, TaskCreationOptions.None, _scheduler);

        ValueTask<WriteResult> write = _node.WriteAsync(new Write("second", [2]));
        Task announced = _node.AnnounceAsync(_node.KnownView! with { Epoch = _node.KnownView!.Epoch + 1 });
        queued.Set();
        await blocked;
        await announced;

        Assert.Equal(WriteOutcome.Created, (await write).Outcome);
    }
}
