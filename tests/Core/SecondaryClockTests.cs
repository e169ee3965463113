using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>What the other master shows of an entry that expires: it judges by an upper bound of the primary's wall clock.</summary>
public sealed class SecondaryClockTests : IAsyncLifetime
{
    private const int Seconds = 60;

    private readonly ManualTime _time = new();
    private readonly FakePair _pair = new();
    private readonly NodeSettings _settings = new() { Name = OneNode.Name, MaxStaleness = TimeSpan.FromHours(1) };
    private DateTimeOffset _told; // of the primary's clock; by its own the secondary is an hour late
    private Node _node = null!;

    public async Task InitializeAsync()
    {
        _told = _time.GetUtcNow() + TimeSpan.FromHours(1);
        var history = Guid.NewGuid();
        var store = new MemoryStore(Guid.NewGuid(), _time, isDurable: true);
        await store.StartSyncAsync(1, SyncKind.Full, history);
        var entry = new Entry("key", [1], null, new LogPoint(1, 1), _told.AddSeconds(Seconds));
        await store.WritePageAsync(1, null, new KeyPage([entry], More: false, entry.Version, 0));
        await store.WriteChangesAsync(
            1, new ChangePage([], 1, IsWhole: true, entry.Version, new EpochHistory([new EpochStart(1, 1)]), 0));
        _node = new Node(_settings, store, _pair, new NodeScheduler(), _time, new Random(1), NullLogger<Node>.Instance);
        _pair.View = new MasterView(2, history, _pair.Primary, _node.Id, OtherInSync: true);
        _pair.OnFetch = _ => new FetchReply(FetchStatus.NotFound);
    }

    public Task DisposeAsync() => _node.StopAsync();

    [Fact]
    public async Task It_shows_the_entry_as_long_as_the_bound_says_and_passes_the_read_on_from_then()
    {
        await StartAsync(_told);
        Assert.Equal(ReadOutcome.Found, (await _node.GetAsync("key")).Outcome);
        Assert.Equal(ReadOutcome.Found, (await _node.GetLocalAsync("key")).Outcome);

        Assert.Equal(TimeSpan.FromSeconds(Seconds), (await _node.GetAsync("key")).Life);

        _time.Advance(TimeSpan.FromSeconds(Seconds - 1));
        Assert.Equal(TimeSpan.FromSeconds(1), (await _node.GetAsync("key")).Life);
        FetchReply? fetched = (await ((IPeer)_node).FetchAsync([new FetchRequest("key", TimeSpan.FromHours(1))]))[0];
        Assert.Equal((FetchStatus.Found, TimeSpan.FromSeconds(1)), (fetched?.Status, fetched?.Life));
        Assert.Empty(_pair.Fetches);

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(ReadOutcome.NotFound, (await _node.GetAsync("key")).Outcome);
        Assert.Single(_pair.Fetches);
    }

    [Fact]
    public async Task It_passes_the_read_on_where_it_was_told_nothing()
    {
        await StartAsync(null);

        Assert.Equal(ReadOutcome.NotFound, (await _node.GetAsync("key")).Outcome);

        Assert.Single(_pair.Fetches);
        Assert.Equal(ReadOutcome.Unavailable, (await _node.GetLocalAsync("key")).Outcome);
    }

    private async Task StartAsync(DateTimeOffset? told)
    {
        bool isTold = false;
        _pair.OnFollow = request =>
        {
            isTold |= request.IsMaster;
            return new FollowReply(true, _pair.View, [], new LogPoint(1, 1), IsWhole: true, Jumps: false, TimeSpan.Zero, Clock: told);
        };
        _node.Start();
        await FakePair.WaitAsync(() => isTold);

        // It waits for an answer where it was told none.
        await _node.GetLocalAsync("key");
    }
}
