using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>What a node tells gateways that keep copies.</summary>
public sealed class UpstreamTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60), Long = TimeSpan.FromMinutes(10);

    private readonly NodeScheduler _scheduler = new();
    private readonly OneNode _transport = new();
    private readonly MemoryStore _store = new(Guid.NewGuid(), TimeProvider.System);
    private Node _node = null!;

    public async Task InitializeAsync()
    {
        // A primary that has nobody to ask but the registry; whatever it tells is as of now.
        var settings = new NodeSettings { Name = OneNode.Name, ReplyTimeout = TimeSpan.FromSeconds(4) };
        _node = new Node(settings, _store, _transport, _scheduler, TimeProvider.System, new Random(1), NullLogger<Node>.Instance);
        _transport.Node = _node;
        _node.Start();
        await PutAsync("a");
    }

    public Task DisposeAsync() => _node.StopAsync();

    [Fact]
    public async Task Who_has_never_asked_jumps_and_then_hears_of_each_change()
    {
        CopyNews first = await AskAsync(null, TimeSpan.Zero);
        Assert.Equal((true, true, true, 1), (first.IsGiven, first.Jumps, first.IsWhole, first.Upto.Sequence));
        Assert.Equal(_node.KnownView!.History, first.History);

        await PutAsync("b");
        await PutAsync("c");
        CopyNews next = await AskAsync(first, Long);
        Assert.Equal((false, true, 3), (next.Jumps, next.IsWhole, next.Upto.Sequence));
        Assert.Equal(["b", "c"], next.Changes.Select(static change => change.Key));
    }

    [Fact]
    public async Task A_question_waits_for_the_next_change_and_no_longer_than_it_says()
    {
        CopyNews first = await AskAsync(null, TimeSpan.Zero);
        CopyNews nothing = await AskAsync(first, TimeSpan.FromMilliseconds(30));
        Assert.Equal((0, first.Upto, true), (nothing.Changes.Length, nothing.Upto, nothing.IsWhole));

        Task<CopyNews> waiting = AskAsync(first, Long);
        await PutAsync("b");
        CopyNews told = await waiting;
        Assert.Equal("b", told.Changes.Single().Key);
    }

    [Fact]
    public async Task A_question_is_cut_to_the_longest_wait()
    {
        CopyNews first = await AskAsync(null, TimeSpan.Zero);
        Assert.Empty((await AskAsync(first, Long).WaitAsync(Deadline)).Changes);
    }

    [Fact]
    public async Task A_point_of_another_history_jumps_and_one_that_lies_ahead_stays()
    {
        CopyNews first = await AskAsync(null, TimeSpan.Zero);
        Assert.True((await AskAsync(first with { History = Guid.NewGuid() }, Long)).Jumps);

        var ahead = new LogPoint(first.Upto.Epoch, first.Upto.Sequence + 5);
        CopyNews news = await AskAsync(first with { Upto = ahead }, TimeSpan.Zero);
        Assert.Equal((false, ahead, 0, true), (news.Jumps, news.Upto, news.Changes.Length, news.IsWhole));
    }

    [Fact]
    public async Task Of_questions_beyond_those_that_may_wait_none_waits()
    {
        CopyNews first = await AskAsync(null, TimeSpan.Zero);
        Task<CopyNews>[] waiting = [.. Enumerable.Range(0, Upstream.MaxWaiting).Select(_ => AskAsync(first, Long))];
        Assert.Empty((await AskAsync(first, Long).WaitAsync(Deadline)).Changes);
        await PutAsync("b");
        Assert.All(await Task.WhenAll(waiting).WaitAsync(Deadline), static news => Assert.Equal("b", news.Changes.Single().Key));
    }

    private Task<CopyNews> AskAsync(CopyNews? had, TimeSpan wait) => _node.FollowCopiesAsync(
        new CopyQuestion(had?.History ?? Guid.Empty, had?.Upto, wait, TimeSpan.FromSeconds(1), had?.Hints ?? default));

    private async Task PutAsync(string key) => Assert.Equal(WriteOutcome.Created, (await _node.WriteAsync(new Write(key, [1]))).Outcome);
}
