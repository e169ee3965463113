using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>A node whose medium fails says so; it never takes that for "not found" or for a lost call.</summary>
public sealed class FailingStoreTests : IAsyncLifetime
{
    private readonly FailingStore _store = new();
    private readonly OneNode _transport = new();
    private readonly TaskCompletionSource<Exception> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Node _node = null!;

    public async Task InitializeAsync()
    {
        _node = new Node(
            new NodeSettings { Name = OneNode.Name }, _store, _transport, new NodeScheduler(), TimeProvider.System, new Random(1), NullLogger<Node>.Instance);
        _node.Failed += reason => _failed.TrySetResult(reason);
        _transport.Node = _node;
        _node.Start();
        Assert.Equal(WriteOutcome.Created, (await WriteAsync("a")).Outcome);
    }

    public Task DisposeAsync() => _node.StopAsync();

    [Fact]
    public async Task A_read_that_fails_is_no_answer_and_ends_the_nodes_life()
    {
        _store.FailsReads = true;

        ReadResult result = await _node.GetAsync("a");

        Assert.Equal(ReadOutcome.Unavailable, result.Outcome);
        Assert.IsType<StoreFailedException>(await _failed.Task.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.Equal("the node has failed", _node.NotReadyBecause);

        // Nothing is shown any more, also not what can be read.
        _store.FailsReads = false;
        Assert.Null((await _node.FindManyHereAsync(["a"], long.MaxValue))[0]);
        Assert.NotEqual(FetchStatus.NotFound, (await _node.FetchAsync([new FetchRequest("b", TimeSpan.FromSeconds(1))]))[0]?.Status);
    }

    [Theory]
    [InlineData("who-has by another node")]
    [InlineData("list")]
    [InlineData("changes")]
    [InlineData("local")]
    [InlineData("write")]
    public async Task Whoever_meets_the_failure_the_node_hears_of_it(string who)
    {
        _store.FailsReads = true;
        Task asked = who switch
        {
            "list" => _node.ListFromPrimaryAsync(new ListQuery("", null, 10)),
            "changes" => _node.WatchAsync(new ChangesQuery(LogPoint.Zero, TimeSpan.Zero)),
            "local" => _node.GetLocalAsync("l"),
            "write" => WriteAsync("b"),
            _ => _node.FetchAsync([new FetchRequest("a", TimeSpan.FromSeconds(1))]),
        };

        Assert.IsType<StoreFailedException>(await _failed.Task.WaitAsync(TimeSpan.FromSeconds(10)));
        if (who == "write")
        {
            Assert.Contains((await (Task<WriteResult>)asked).Outcome, new[] { WriteOutcome.Unavailable, WriteOutcome.Unknown });
        }
        else
        {
            await Assert.ThrowsAsync<StoreFailedException>(() => asked);
        }
    }

    [Fact]
    public async Task The_last_master_in_sync_refuses_writes_and_serves_reads_when_writing_fails()
    {
        _store.FailsWrites = true;

        Assert.Equal(WriteOutcome.Unknown, (await WriteAsync("b")).Outcome);
        Assert.Equal(WriteOutcome.Unavailable, (await WriteAsync("b")).Outcome);
        Assert.Equal(ReadOutcome.Found, (await _node.GetAsync("a")).Outcome);
        await Assert.ThrowsAsync<StoreFailedException>(() => _node.PingAsync(write: true));
        await Assert.ThrowsAsync<StoreFailedException>(() => _node.PutLocalAsync("l", [1], null));
        Assert.Equal(ReadOutcome.Found, (await _node.GetAsync("a")).Outcome);
        Assert.False(_failed.Task.IsCompleted);

        // What it cannot read it does not serve.
        _store.FailsReads = true;
        Assert.Equal(ReadOutcome.Unavailable, (await _node.GetAsync("a")).Outcome);
        await _failed.Task.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task The_last_master_in_sync_takes_no_learner_when_writing_fails_and_goes_on_serving_reads()
    {
        MasterView alone = _node.KnownView!;
        var learner = new MasterId("l", Guid.NewGuid(), Guid.NewGuid(), Durable: true);
        MasterView view = alone with { Epoch = alone.Epoch + 1, Other = learner };
        await _node.AnnounceAsync(view);
        while (_store.State.View?.Epoch != view.Epoch)
        {
            await Task.Yield();
        }

        SyncStartRequest request = new(view, learner, Guid.Empty, LogPoint.Zero, Attempt: 1);
        Assert.Equal(SyncKind.Full, (await _node.StartSyncAsync(request)).Kind);

        _store.FailsWrites = true;
        await WriteAsync("b");

        Assert.Equal(SyncKind.Refused, (await _node.StartSyncAsync(request with { Attempt = 2 })).Kind);
        Assert.False((await _node.StartStreamAsync(new StreamRequest(view, learner, _store.State.Applied, Attempt: 1))).Granted);
        Assert.Equal(ReadOutcome.Found, (await _node.GetAsync("a", new ReadOptions(IsStrong: true))).Outcome);
        Assert.Equal(view, _node.KnownView);
        Assert.False(_failed.Task.IsCompleted);
    }

    [Fact]
    public async Task A_backup_that_nobody_reads_ends_with_the_node()
    {
        BackupStart start = await ((IPeer)_node).StartBackupAsync();
        Assert.Equal(BackupOutcome.Started, start.Outcome);
        Assert.NotEmpty((await _node.ReadBackupAsync(start.Id)).Bytes!);
        Assert.False(_store.BackupEnded.Task.IsCompleted);

        await _node.StopAsync();

        await _store.BackupEnded.Task.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Null((await _node.ReadBackupAsync(start.Id)).Bytes);
    }

    private Task<WriteResult> WriteAsync(string key) => _node.WriteAsync(new Write(key, [1])).AsTask();
}
