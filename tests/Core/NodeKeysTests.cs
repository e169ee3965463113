using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>A node's keys come page by page: in order, each once, none left out, and no page longer than it may be.</summary>
public sealed class NodeKeysTests : IAsyncLifetime
{
    private readonly NodeScheduler _scheduler = new();
    private readonly OneNode _transport = new();
    private readonly FailingStore _store = new();
    private Node _node = null!;

    public Task InitializeAsync()
    {
        _node = new Node(
            new NodeSettings { Name = OneNode.Name }, _store, _transport, _scheduler, TimeProvider.System, new Random(1), NullLogger<Node>.Instance);
        _transport.Node = _node;
        _node.Start();
        return Task.CompletedTask;
    }

    public Task DisposeAsync() => _node.StopAsync();

    [Fact]
    public async Task A_master_lists_what_it_stores_and_what_is_its_own_once_each()
    {
        // Long keys, so that both kinds take several pages, which end at different places.
        string[] replicated = [.. Enumerable.Range(0, 1500).Select(static i => $"{i * 7 % 1500:D5}" + new string('r', 900))];
        string[] local = [.. Enumerable.Range(0, 1300).Select(static i => $"{i:D5}" + new string(i % 3 == 0 ? 'r' : 'l', 900))];
        foreach (string[] keys in replicated.Chunk(100))
        {
            await Task.WhenAll(keys.Select(key => _node.WriteAsync(new Write(key, [1])).AsTask()));
        }

        foreach (string key in local)
        {
            await _node.PutLocalAsync(null, key, [1], null);
        }

        (List<string> listed, int pages) = await ListAsync();
        Assert.Equal(replicated.Union(local).Order(KeyOrder.Instance), listed);
        Assert.InRange(pages, 3, 20);
    }

    [Fact]
    public async Task A_page_of_nothing_but_deleted_keys_goes_on()
    {
        string[] deleted = [.. Enumerable.Range(0, HeadScan.MaxRows + 10).Select(static i => $"a{i:D5}")];
        foreach (string[] keys in deleted.Chunk(500))
        {
            await Task.WhenAll(keys.Select(key => _node.WriteAsync(new Write(key, [1])).AsTask()));
            await Task.WhenAll(keys.Select(key => _node.WriteAsync(new Write(key, null)).AsTask()));
        }

        await _node.WriteAsync(new Write("b", [1]));
        (List<string> listed, int pages) = await ListAsync();
        Assert.Equal(["b"], listed);
        Assert.Equal(2, pages);
    }

    [Fact]
    public async Task Who_asks_beyond_the_bound_is_told_so_at_once()
    {
        await _node.WriteAsync(new Write("a", [1]));
        _store.Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<KeysResult>[] asked = [.. Enumerable.Range(0, NodeKeys.MaxUnderWay).Select(_ => _node.GetKeysAsync(null))];
        Assert.Equal(KeysOutcome.Busy, (await _node.GetKeysAsync(null)).Outcome);
        _store.Gate.SetResult();
        Assert.All(await Task.WhenAll(asked), static page => Assert.Equal(["a"], page.Keys));
        Assert.Equal(KeysOutcome.Page, (await _node.GetKeysAsync(null)).Outcome);
    }

    [Fact]
    public void Two_slices_end_where_the_first_of_them_ends()
    {
        Assert.Equal("a b c|c", Merged(new(["a", "c"], "c"), new(["b", "c", "d"], null)));
        Assert.Equal("a|b", Merged(new(["a"], "b"), new(["c"], "d")));
        Assert.Equal("|a", Merged(new([], "a"), new(["b"], null)));
        Assert.Equal("a b|", Merged(new(["a"], null), new(["b"], null)));
        Assert.Equal("|", Merged(new([], null), new([], null)));

        // As the bytes of UTF-8 are ordered, and not the halves of surrogates.
        Assert.Equal("\uffee \U0001f600|", Merged(new(["\U0001f600"], null), new(["\uffee"], null)));

        // A page that is full ends with what it gives, and gives something.
        Assert.Equal("a b|b", Merged(new(["a", "c"], null), new(["b"], null), maxBytes: 20));
        Assert.Equal("a|a", Merged(new(["a", "c"], null), new(["b"], null), maxBytes: 1));

        static string Merged(KeySlice left, KeySlice right, int maxBytes = NodeKeys.MaxPageBytes)
        {
            (string[] keys, string? next) = NodeKeys.Merge(left, right, maxBytes);
            string merged = $"{string.Join(' ', keys)}|{next}";
            (keys, next) = NodeKeys.Merge(right, left, maxBytes);
            Assert.Equal(merged, $"{string.Join(' ', keys)}|{next}");
            return merged;
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100_000)]
    public async Task Copies_are_walked_through_a_page_at_a_time(int count)
    {
        var copies = new CopyTable(long.MaxValue, TimeSpan.FromDays(1), TimeProvider.System);
        string[] keys = [.. Enumerable.Range(0, count).Select(static i => $"{(uint)i * 2654435761u:x8}{new string('k', i % 40)}")];
        foreach (string key in keys)
        {
            copies.Keep(new Entry(key, [], null, new LogPoint(1, 1)));
        }

        var listed = new List<string>();
        string? after = null;
        do
        {
            KeySlice page = await NodeKeys.SmallestAsync(copies.Keys, after);
            Assert.InRange(page.Keys.Count, 0, NodeKeys.MaxPageKeys);
            Assert.InRange(page.Keys.Sum(static key => key.Length), 0, NodeKeys.MaxPageBytes);
            listed.AddRange(page.Keys);
            after = page.End;
        }
        while (after is not null);
        Assert.Equal(keys.Order(KeyOrder.Instance), listed);
    }

    private async Task<(List<string> Keys, int Pages)> ListAsync()
    {
        var listed = new List<string>();
        int pages = 0;
        string? after = null;
        do
        {
            KeysResult page = await ((INodeAccess)_node).GetKeysAsync(OneNode.Name, after);
            Assert.Equal((KeysOutcome.Page, OneNode.Name), (page.Outcome, page.Node));
            Assert.InRange(page.Keys.Sum(static key => key.Length), 0, NodeKeys.MaxPageBytes);
            listed.AddRange(page.Keys);
            after = page.Next;
            pages++;
        }
        while (after is not null);
        return (listed, pages);
    }
}
