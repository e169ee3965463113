using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>Many who ask the primary at once, for its keys or its changes: what they cost is bounded, and writes go on.</summary>
public sealed class CrowdTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly ChangesQuery FromTheStart = new(LogPoint.Zero, TimeSpan.Zero);

    private readonly NodeScheduler _scheduler = new();
    private readonly OneNode _transport = new();
    private readonly FailingStore _store = new();
    private readonly MovedClock _time = new();
    private Node _node = null!;

    public async Task InitializeAsync()
    {
        // So long that no confirmation and no call ends on a busy machine.
        var settings = new NodeSettings { Name = OneNode.Name, ReplyTimeout = TimeSpan.FromSeconds(4) };
        _node = new Node(settings, _store, _transport, _scheduler, _time, new Random(1), NullLogger<Node>.Instance);
        _transport.Node = _node;
        _node.Start();
        Assert.Equal(WriteOutcome.Created, (await _node.WriteAsync(new Write("k", [1]))).Outcome);
    }

    public async Task DisposeAsync()
    {
        _store.Gate?.TrySetResult();
        await _node.StopAsync();
    }

    [Fact]
    public async Task Those_who_ask_for_the_same_changes_share_one_read()
    {
        _store.CloseGate();
        Task<WatchReply>[] asked = [.. Enumerable.Range(0, 200).Select(_ => _node.WatchAsync(FromTheStart))];
        await _store.UntilAtGateAsync(1, Deadline);
        await SettleAsync();
        Assert.Equal(1, _store.AtGate);
        _store.Gate!.SetResult();
        Assert.All(await Task.WhenAll(asked).WaitAsync(Deadline), static reply => Assert.Equal("k", reply.Page!.Entries.Single().Key));
    }

    [Fact]
    public async Task Those_who_ask_for_different_changes_take_turns_and_writes_go_on()
    {
        const int Askers = 40;
        for (int i = 0; i < Askers; i++)
        {
            await _node.WriteAsync(new Write($"k{i}", [1]));
        }

        long epoch = _node.KnownView!.Epoch;
        _store.CloseGate();
        Task<WatchReply>[] asked = [.. Enumerable.Range(1, Askers).Select(
            i => _node.WatchAsync(new ChangesQuery(new LogPoint(epoch, i), TimeSpan.Zero)))];
        await _store.UntilAtGateAsync(ChangeReads.MaxReads, Deadline);
        await SettleAsync();
        Assert.Equal(ChangeReads.MaxReads, _store.AtGate);
        Assert.Equal(WriteOutcome.Created, (await _node.WriteAsync(new Write("meanwhile", [1])).AsTask().WaitAsync(Deadline)).Outcome);

        // Whose turn does not come in time is told that the primary is busy, and not that it is none.
        WatchReply[] busy = await Task.WhenAll(asked.Skip(ChangeReads.MaxReads)).WaitAsync(Deadline);
        Assert.All(busy, static reply => Assert.Equal((true, false, null), (reply.IsBusy, reply.IsGone, reply.Page)));
        Assert.Equal(ChangesOutcome.Busy, (await _node.ReadChangesAsync(new ChangesQuery(new LogPoint(epoch, 30), TimeSpan.Zero))).Outcome);

        _store.Gate!.SetResult();
        WatchReply[] answered = await Task.WhenAll(asked.Take(ChangeReads.MaxReads)).WaitAsync(Deadline);
        Assert.All(answered, static reply => Assert.NotEmpty(reply.Page!.Entries));
        Assert.NotEmpty((await _node.WatchAsync(new ChangesQuery(new LogPoint(epoch, 30), TimeSpan.Zero))).Page!.Entries);
    }

    [Fact]
    public async Task Listings_beyond_the_bound_are_refused_at_once_and_asked_for_once()
    {
        var query = new ListQuery("", null, 10);
        _store.CloseGate();
        Task<ListResult?>[] asked = [.. Enumerable.Range(0, PrimaryListings.MaxListings).Select(_ => _node.ListFromPrimaryAsync(query))];
        await _store.UntilAtGateAsync(PrimaryListings.MaxListings, Deadline);
        ListResult refused = await _node.ListAsync(query).AsTask().WaitAsync(Deadline);
        Assert.Equal((false, true), (refused.Found, refused.IsBusy));
        Assert.Equal(PrimaryListings.MaxListings, _store.AtGate);

        _store.Gate!.SetResult();
        Assert.All(await Task.WhenAll(asked).WaitAsync(Deadline), static page => Assert.Equal("k", page!.Keys.Single().Key));
        Assert.True((await _node.ListAsync(query)).Found);
    }

    [Fact]
    public async Task A_page_in_which_all_has_expired_does_not_end_the_listing()
    {
        _store.SweepsNothing = true;
        await _node.WriteAsync(new Write("p/a", [1], null, TimeSpan.FromSeconds(1)));
        await _node.WriteAsync(new Write("p/b", [1]));
        _time.Advance(TimeSpan.FromSeconds(2));

        var keys = new List<string>();
        string? after = null;
        do
        {
            ListResult page = await _node.ListAsync(new ListQuery("p/", after, 1));
            Assert.True(page.Found);
            keys.AddRange(page.Keys.Select(static key => key.Key));
            after = page.Next;
        }
        while (after is not null);
        Assert.Equal(["p/b"], keys);
    }

    // All that was queued on the node's scheduler before, and what that queued in turn, has run.
    private async Task SettleAsync()
    {
        for (int i = 0; i < 100; i++)
        {
            await Task.Factory.StartNew(static () => { }, CancellationToken.None, TaskCreationOptions.None, _scheduler);
        }
    }

    /// <summary>The system's clock, and what it was put forward by.</summary>
    private sealed class MovedClock : TimeProvider
    {
        private long _ticks;

        public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddTicks(Volatile.Read(ref _ticks));
    }
}
