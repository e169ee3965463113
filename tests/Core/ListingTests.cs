using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>A primary's pages of keys: with values, and as a count.</summary>
public sealed class ListingTests : IAsyncLifetime
{
    private readonly OneNode _transport = new();
    private readonly MemoryStore _store = new(Guid.NewGuid(), TimeProvider.System);
    private Node _node = null!;

    public async Task InitializeAsync()
    {
        var settings = new NodeSettings { Name = OneNode.Name };
        _node = new Node(settings, _store, _transport, new NodeScheduler(), TimeProvider.System, new Random(1), NullLogger<Node>.Instance);
        _transport.Node = _node;
        _node.Start();
        await PutAsync("first", 1);
    }

    public Task DisposeAsync() => _node.StopAsync();

    [Fact]
    public async Task Values_fill_a_page_up_to_its_bytes_and_the_pages_together_are_complete()
    {
        string[] keys = [.. Enumerable.Range(0, 10).Select(static i => $"v/{i}")];
        foreach (string key in keys)
        {
            await PutAsync(key, 300_000);
        }

        List<ListedKey> seen = [];
        List<int> pages = [];
        for (string? after = null; ;)
        {
            ListResult page = await ListAsync(new ListQuery("v/", after, 1000, Shows: ListShows.Values));
            seen.AddRange(page.Keys);
            pages.Add(page.Keys.Length);
            if (page.Next is null)
            {
                break;
            }

            after = page.Next;
        }

        Assert.Equal(keys, seen.Select(static key => key.Key));
        Assert.All(seen, static key => Assert.Equal(300_000, key.Value!.Length));
        Assert.Equal([3, 3, 3, 1], pages);
    }

    [Fact]
    public async Task A_page_shows_at_least_one_value_however_large_it_is()
    {
        await PutAsync("w/1", 3 << 20);
        await PutAsync("w/2", 1);
        ListResult page = await ListAsync(new ListQuery("w/", null, 1000, Shows: ListShows.Values));
        Assert.Equal(("w/1", "w/1"), (Assert.Single(page.Keys).Key, page.Next));
    }

    [Fact]
    public async Task Neither_values_nor_counts_show_what_has_expired_or_was_deleted()
    {
        await PutAsync("x/1", 10);
        await PutAsync("x/2", 20);
        await PutAsync("x/3", 30, TimeSpan.FromTicks(1));
        await PutAsync("x/4", 40, TimeSpan.FromHours(1));
        await _node.WriteAsync(new Write("x/2", null));
        ListResult values = await ListAsync(new ListQuery("x/", null, 10, Shows: ListShows.Values));
        Assert.Equal(["x/1", "x/4"], values.Keys.Select(static key => key.Key));
        Assert.Null(values.Keys[0].ExpiresAt);
        Assert.True(values.Keys[1].ExpiresAt > DateTimeOffset.UtcNow);
        ListResult count = await ListAsync(new ListQuery("x/", null, 10, Shows: ListShows.Count));
        Assert.Equal((2, 50, null), (count.Count, count.ValueBytes, count.Next));
        Assert.Empty(count.Keys);
        ListResult rest = await ListAsync(new ListQuery("x/", "x/1", 10, Shows: ListShows.Count));
        Assert.Equal((1, 40), (rest.Count, rest.ValueBytes));
    }

    /// <summary>It looks at a bounded number of rows and says where it goes on; what it says together is everything.</summary>
    [Fact]
    public async Task A_count_of_many_keys_takes_several_questions()
    {
        const int Keys = 70_000;
        await Task.WhenAll(Enumerable.Range(0, Keys).Chunk(500).Select(async chunk =>
        {
            foreach (int i in chunk)
            {
                await PutAsync($"y/{i:000000}", 2);
            }
        }));
        ListResult first = await ListAsync(new ListQuery("y/", null, 1, Shows: ListShows.Count));
        Assert.InRange(first.Count, 1, 16 * HeadScan.MaxRows);
        Assert.NotNull(first.Next);
        ListResult second = await ListAsync(new ListQuery("y/", first.Next, 1, Shows: ListShows.Count));
        Assert.Equal((Keys, 2L * Keys, null), (first.Count + second.Count, first.ValueBytes + second.ValueBytes, second.Next));
    }

    private async Task<ListResult> ListAsync(ListQuery query)
    {
        ListResult page = await _node.ListAsync(query);
        Assert.True(page.Found, page.Detail);
        return page;
    }

    private async Task PutAsync(string key, int bytes, TimeSpan? life = null) =>
        Assert.Equal(WriteOutcome.Created, (await _node.WriteAsync(new Write(key, new byte[bytes], TimeToLive: life))).Outcome);
}
