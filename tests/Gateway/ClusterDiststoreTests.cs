using Diststore.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Gateway.Tests;

/// <summary>What becomes of a gateway's calls when nodes die, stop, stand still, or are not there.</summary>
public sealed class ClusterDiststoreTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);
    private static readonly Write SomeWrite = new("key", [1]);

    [Fact]
    public async Task A_write_under_way_at_a_node_that_is_declared_dead_is_unknown_at_once()
    {
        var nodes = new FakeNodes("a");
        Task<WriteResult> write = nodes.Store.WriteAsync(SomeWrite).AsTask();
        Task<WriteResult> local = nodes.Store.PutLocalAsync("a", "key", [1], null).AsTask();
        Assert.Equal(["a.WriteAsync", "a.PutLocalAsync"], nodes.Calls);
        Assert.False(write.IsCompleted || local.IsCompleted);

        nodes.Say(2, "b");
        Assert.Equal(WriteOutcome.Unknown, (await write.WaitAsync(Deadline)).Outcome);
        Assert.Equal(WriteOutcome.Unknown, (await local.WaitAsync(Deadline)).Outcome);
        Assert.DoesNotContain("b.WriteAsync", nodes.Calls);
    }

    [Fact]
    public async Task Reads_under_way_at_a_node_that_is_declared_dead_go_to_another_one()
    {
        var nodes = new FakeNodes("a");
        nodes["b"].Answer = static (method, args) => method switch
        {
            "TryGetManyAsync" => new ReadResult?[] { Found("key") },
            "GetAsync" => Found((string)args[0]!),
            "ListAsync" => new ListResult(true, [], null, default, "b"),
            _ => null,
        };
        Task<ReadResult> read = nodes.Store.GetAsync("key").AsTask();
        Task<ReadResult> strong = nodes.Store.GetAsync("key", new ReadOptions { IsStrong = true }).AsTask();
        Task<ListResult> list = nodes.Store.ListAsync(new ListQuery("", null, 1)).AsTask();
        Assert.False(read.IsCompleted || strong.IsCompleted || list.IsCompleted);

        nodes.Say(2, "b");
        Assert.Equal("b", (await read.WaitAsync(Deadline)).Node);
        Assert.Equal("b", (await strong.WaitAsync(Deadline)).Node);
        Assert.Equal("b", (await list.WaitAsync(Deadline)).Node);
    }

    [Fact]
    public async Task Reads_of_many_keys_go_to_another_node_where_one_dies_or_cannot_tell()
    {
        var nodes = new FakeNodes("a");
        var strong = new ReadOptions(IsStrong: true);
        nodes["b"].Answer = static (method, args) => method switch
        {
            "GetManyAsync" => ((ManyQuery)args[0]!).Keys.Select(Found).ToArray(),
            "BeginSnapshotAsync" => new SnapshotReply(SnapshotStatus.Given, [Found("x").Entry], 1, "b"),
            _ => null,
        };
        Task<ManyResult> bounded = nodes.Store.ReadManyAsync(new ManyQuery(["x", "y"])).AsTask();
        Task<ManyResult> snapshot = nodes.Store.ReadManyAsync(new ManyQuery(["x"], strong)).AsTask();
        Assert.False(bounded.IsCompleted || snapshot.IsCompleted);
        nodes.Say(2, "b");
        Assert.Equal(["x", "y"], (await bounded.WaitAsync(Deadline)).Entries.Select(static entry => entry!.Key));
        Assert.Equal((1, "b"), await snapshot.WaitAsync(Deadline) is var shown ? (shown.Entries.Count, shown.Read.Node) : default);

        nodes.Say(3, "c");
        nodes["c"].Answer = static (method, _) => method == "GetManyAsync"
            ? new ReadResult[] { new(ReadOutcome.Unavailable, null, "c", "why") }
            : new SnapshotReply(SnapshotStatus.CannotTell, [], 0, "c");
        ManyResult unknown = await nodes.Store.ReadManyAsync(new ManyQuery(["x"]));
        Assert.Equal((ReadOutcome.Unavailable, "keys[0]: why"), (unknown.Read.Outcome, unknown.Read.Detail));
        Assert.Equal(ReadOutcome.Unavailable, (await nodes.Store.ReadManyAsync(new ManyQuery(["x"], strong))).Read.Outcome);
        Assert.Empty((await nodes.Store.ReadManyAsync(new ManyQuery([], strong))).Entries);
    }

    [Fact]
    public async Task The_rest_of_one_state_is_asked_of_the_node_that_holds_it()
    {
        var nodes = new FakeNodes("a", "p");
        var id = Guid.NewGuid();
        Entry?[] all = [Found("x").Entry, null, Found("y").Entry];
        var reply = new SnapshotReply(SnapshotStatus.Given, all[..1], 3, "p", id, TimeSpan.FromSeconds(1));
        nodes["a"].Answer = (method, _) => method == "BeginSnapshotAsync" ? reply : new TimeoutException();
        nodes["p"].Answer = (method, args) => method switch
        {
            "BeginSnapshotAsync" => reply,
            "ReadRestAsync" when (Guid)args[0]! == id => new SnapshotPart([all[(int)args[1]!]]),
            _ => new TimeoutException(),
        };
        ManyResult result = await nodes.Store.ReadManyAsync(new ManyQuery(["x", "none", "y"], new ReadOptions(IsStrong: true)));
        Assert.Equal(all, result.Entries);
        Assert.Equal((ReadOutcome.Found, TimeSpan.FromSeconds(1), Forwarding.Request), (result.Read.Outcome, result.Read.Age, result.Read.Forwarding));
        Assert.Equal(2, nodes.Calls.Count(static call => call == "p.ReadRestAsync"));

        // One who has died takes it along.
        nodes.Say(2, "a");
        nodes["p"].Answer = static (_, _) => new NodeNotFoundException("gone");
        Assert.Equal(
            ReadOutcome.Unavailable,
            (await nodes.Store.ReadManyAsync(new ManyQuery(["x", "none", "y"], new ReadOptions(IsStrong: true)))).Read.Outcome);
    }

    [Fact]
    public async Task A_node_that_came_back_under_its_name_is_another_life()
    {
        var nodes = new FakeNodes("a");
        Task<WriteResult> write = nodes.Store.WriteAsync(SomeWrite).AsTask();
        nodes.Live.Take(new Contracts.MemberList(2, [new Contracts.Member("a", "the next one", false)]));
        Assert.Equal(WriteOutcome.Unknown, (await write.WaitAsync(Deadline)).Outcome);
    }

    [Fact]
    public async Task A_call_that_may_have_gone_by_way_of_a_dead_silo_ends_and_one_from_after_that_does_not()
    {
        var nodes = new FakeNodes("a", "b");
        Task<WriteResult> before = nodes.Store.PutLocalAsync("b", "key", [1], null).AsTask();
        nodes.Live.OnConnectionLost();
        Task<WriteResult> after = nodes.Store.PutLocalAsync("b", "key", [1], null).AsTask();

        nodes.Say(2, "b");
        Assert.Equal(WriteOutcome.Unknown, (await before.WaitAsync(Deadline)).Outcome);
        Assert.False(after.IsCompleted);
    }

    [Fact]
    public async Task A_node_that_stops_in_order_may_answer_to_the_end_and_takes_nobody_elses_calls_along()
    {
        var nodes = new FakeNodes("a", "b");
        Task<WriteResult> there = nodes.Store.PutLocalAsync("a", "key", [1], null).AsTask();
        Task<WriteResult> elsewhere = nodes.Store.PutLocalAsync("b", "key", [1], null).AsTask();
        nodes.Say(2, "a!", "b");
        nodes.Live.OnConnectionLost();
        Assert.False(there.IsCompleted);
        _ = nodes.Store.WriteAsync(SomeWrite).AsTask();
        _ = nodes.Store.WriteAsync(SomeWrite).AsTask();
        Assert.DoesNotContain("a.WriteAsync", nodes.Calls);

        nodes.Say(3, "b");
        Assert.Equal(WriteOutcome.Unknown, (await there.WaitAsync(Deadline)).Outcome);
        Assert.False(elsewhere.IsCompleted);
    }

    [Fact]
    public async Task An_older_list_is_passed_over_until_nobody_says_a_newer_one()
    {
        var nodes = new FakeNodes("a", "b");
        nodes.Say(5, "b");
        Task<WriteResult> write = nodes.Store.WriteAsync(SomeWrite).AsTask();
        nodes.Say(4, "a", "b");
        Assert.Equal(["b"], nodes.Live.All.Select(static node => node.Name));
        Assert.False(write.IsCompleted);

        nodes.Time.Advance(LiveNodes.OldListTime);
        nodes.Say(1, "c");
        Assert.Equal(["c"], nodes.Live.All.Select(static node => node.Name));
        Assert.Equal(WriteOutcome.Unknown, (await write.WaitAsync(Deadline)).Outcome);
    }

    [Fact]
    public async Task Where_no_node_was_named_another_one_is_asked_for_one_that_has_left_or_does_not_answer()
    {
        foreach (Exception failure in new Exception[] { new NodeNotFoundException("gone"), new TimeoutException("slow") })
        {
            var nodes = new FakeNodes("a", "b");
            nodes["a"].Answer = (_, _) => failure;
            nodes["b"].Answer = static (method, _) => method == "GetKeysAsync" ? new KeysResult(KeysOutcome.Page, ["key"], null, "b") : Found("key");
            for (int i = 0; i < 4; i++)
            {
                Assert.Equal("b", (await nodes.Store.GetLocalAsync(null, "key")).Node);
                Assert.Equal("b", (await nodes.Store.GetKeysAsync(null, null)).Node);
                nodes.Time.Advance(LiveNodes.GoneTime);
            }

            Assert.Contains("a.GetLocalAsync", nodes.Calls);
        }
    }

    [Fact]
    public async Task A_local_write_goes_on_only_where_nothing_was_sent()
    {
        var nodes = new FakeNodes("a", "b");
        nodes["a"].Answer = static (_, _) => new NodeNotFoundException("gone");
        nodes["b"].Answer = static (_, _) => new WriteResult(WriteOutcome.Created, default, "b");
        Assert.Equal("b", (await nodes.Store.PutLocalAsync(null, "key", [1], null)).Node);
        nodes["b"].Answer = static (_, _) => new TimeoutException("slow");
        Assert.Equal(WriteOutcome.Unknown, (await nodes.Store.PutLocalAsync(null, "key", [1], null)).Outcome);
    }

    [Fact]
    public async Task Only_a_name_that_no_live_node_has_is_unknown()
    {
        var nodes = new FakeNodes("a");
        nodes["nobody"].Answer = static (_, _) => new NodeNotFoundException("nobody");
        Assert.Equal(ReadOutcome.UnknownNode, (await nodes.Store.GetLocalAsync("nobody", "key")).Outcome);
        Assert.Equal(WriteOutcome.UnknownNode, (await nodes.Store.PutLocalAsync("nobody", "key", [1], null)).Outcome);
        Assert.Equal(KeysOutcome.UnknownNode, (await nodes.Store.GetKeysAsync("nobody", null)).Outcome);
        Assert.Equal(WriteOutcome.UnknownNode, (await nodes.Store.DeleteLocalAsync("nobody", "key")).Outcome);
        Assert.Equal(RoleOutcome.UnknownNode, (await nodes.Store.StepDownAsync("nobody")).Outcome);

        nodes["a"].Answer = static (_, _) => new TimeoutException("slow");
        Assert.Equal(ReadOutcome.Unavailable, (await nodes.Store.GetLocalAsync("a", "key")).Outcome);
        Assert.Equal(WriteOutcome.Unknown, (await nodes.Store.PutLocalAsync("a", "key", [1], null)).Outcome);
        Assert.Equal(KeysOutcome.Unavailable, (await nodes.Store.GetKeysAsync("a", null)).Outcome);
        Assert.Equal(RoleOutcome.Unavailable, (await nodes.Store.StepDownAsync("a")).Outcome);

        // Before there is a connection nobody knows any name.
        var live = new LiveNodes(nodes.Time, NullLogger<LiveNodes>.Instance);
        var early = new ClusterDiststore(live, GatewayCopies.None, nodes.Time, NullLogger<ClusterDiststore>.Instance);
        Assert.Equal(ReadOutcome.Unavailable, (await early.GetLocalAsync("a", "key")).Outcome);
        Assert.Equal(WriteOutcome.Unavailable, (await early.PutLocalAsync("a", "key", [1], null)).Outcome);
        Assert.Equal(KeysOutcome.Unavailable, (await early.GetKeysAsync("a", null)).Outcome);
    }

    [Fact]
    public async Task A_read_beyond_what_may_wait_is_refused_at_once_and_calls_nobody()
    {
        var nodes = new FakeNodes("a");
        var reads = new List<Task<ReadResult>>();
        for (int i = 0; i < Batches.MaxUnderWay + (Batches.MaxQuestions * Batches.MaxFull); i++)
        {
            reads.Add(nodes.Store.GetAsync($"{i}").AsTask());
        }

        int calls = nodes.Calls.Count();
        Task<ReadResult> refused = nodes.Store.GetAsync("one more").AsTask();
        Assert.True(refused.IsCompleted);
        Assert.Equal((ReadOutcome.Busy, "too many reads wait already"), ((await refused).Outcome, (await refused).Detail));
        Assert.Equal(calls, nodes.Calls.Count());
        Assert.DoesNotContain("a.GetAsync", nodes.Calls);
        Assert.All(reads, static read => Assert.False(read.IsCompleted));
    }

    [Fact]
    public async Task Single_reads_are_bounded_and_those_beyond_what_may_wait_are_refused_at_once_and_not_retried()
    {
        foreach ((string method, bool isLocal) in new[] { ("a.GetAsync", false), ("a.GetLocalAsync", true) })
        {
            var nodes = new FakeNodes("a");
            var answers = new TaskCompletionSource<ReadResult>(TaskCreationOptions.RunContinuationsAsynchronously);
            nodes["a"].Answer = (_, _) => answers.Task;
            Task<ReadResult> ReadAsync() => isLocal
                ? nodes.Store.GetLocalAsync("a", "key").AsTask()
                : nodes.Store.GetAsync("key", new ReadOptions { IsStrong = true }).AsTask();
            Task<ReadResult>[] reads =
                [.. Enumerable.Range(0, ClusterDiststore.MaxSingleReads + ClusterDiststore.MaxWaitingReads).Select(_ => ReadAsync())];
            Assert.Equal(ClusterDiststore.MaxSingleReads, nodes.Calls.Count());

            Task<ReadResult> refused = ReadAsync();
            Assert.True(refused.IsCompleted);
            Assert.Equal((ReadOutcome.Busy, "too many reads wait already"), ((await refused).Outcome, (await refused).Detail));
            Assert.Equal(ClusterDiststore.MaxSingleReads, nodes.Calls.Count(call => call == method));

            answers.SetResult(Found("key"));
            Assert.All(await Task.WhenAll(reads).WaitAsync(Deadline), static read => Assert.Equal(ReadOutcome.Found, read.Outcome));
            Assert.Equal(reads.Length, nodes.Calls.Count());
        }
    }

    [Fact]
    public async Task A_connection_that_is_lost_after_its_silo_was_declared_dead_ends_calls_too_and_one_long_after_does_not()
    {
        var nodes = new FakeNodes("a", "b");
        Task<WriteResult> write = nodes.Store.PutLocalAsync("b", "key", [1], null).AsTask();
        nodes.Say(2, "b");
        Assert.False(write.IsCompleted);
        nodes.Live.OnConnectionLost();
        Assert.Equal(WriteOutcome.Unknown, (await write.WaitAsync(Deadline)).Outcome);

        nodes.Time.Advance(LiveNodes.CallTimeout);
        Task<WriteResult> later = nodes.Store.PutLocalAsync("b", "key", [1], null).AsTask();
        nodes.Live.OnConnectionLost();
        Assert.False(later.IsCompleted);
    }

    [Fact]
    public async Task A_node_whose_life_has_just_ended_is_not_unknown()
    {
        var nodes = new FakeNodes("a");
        nodes.Live.All[0].End();
        Assert.Equal(ReadOutcome.Unavailable, (await nodes.Store.GetLocalAsync("a", "key")).Outcome);
        Assert.Equal(WriteOutcome.Unavailable, (await nodes.Store.PutLocalAsync("a", "key", [1], null)).Outcome);
        Assert.Equal(KeysOutcome.Unavailable, (await nodes.Store.GetKeysAsync("a", null)).Outcome);
        Assert.Equal(RoleOutcome.Unavailable, (await nodes.Store.StepDownAsync("a")).Outcome);
        Assert.Empty(nodes.Calls);
    }

    [Fact]
    public void A_node_that_is_passed_over_for_long_stays_so_though_it_fails_once_more()
    {
        var nodes = new FakeNodes("a", "b");
        nodes.Live.SetAside(nodes.Live.All[0], isGone: true);
        nodes.Live.SetAside(nodes.Live.All[0]);
        nodes.Time.Advance(2 * LiveNodes.AsideTime);
        Assert.True(nodes.Live.All[0].IsAside(nodes.Time.GetTimestamp()));
        nodes.Time.Advance(LiveNodes.GoneTime);
        Assert.False(nodes.Live.All[0].IsAside(nodes.Time.GetTimestamp()));
    }

    private static ReadResult Found(string key) => new(ReadOutcome.Found, new Entry(key, [], null, default), "b");
}
