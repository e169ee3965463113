using System.Text;
using Diststore.Core;

namespace Diststore.Cluster.Tests;

public sealed class ClusterTests
{
    [Fact]
    public async Task What_is_posted_on_one_node_is_read_on_the_others()
    {
        await using TestNodes nodes = await TestNodes.StartAsync();
        await PutAsync(nodes.Nodes[0], "key", "value");
        foreach (Node node in nodes.Nodes)
        {
            Assert.Equal("value", await GetAsync(node, "key"));
            Assert.Equal(ReadOutcome.NotFound, (await node.GetAsync("nope", new ReadOptions(ReadScope.IncludingLocalOnly))).Outcome);
        }
    }

    [Fact]
    public async Task A_local_only_key_is_found_from_everywhere()
    {
        await using TestNodes nodes = await TestNodes.StartAsync();
        Node holder = nodes.Nodes[2];
        await holder.PutLocalAsync(null, "mine", Encoding.UTF8.GetBytes("here"), null);
        await PutAsync(nodes.Nodes[0], "other", "value"); // so that there are masters, which lack the key
        foreach (Node node in nodes.Nodes)
        {
            Assert.Equal(ReadOutcome.Found, (await node.GetAsync("mine", new ReadOptions(ReadScope.IncludingLocalOnly))).Outcome);
        }

        Assert.Equal(WriteOutcome.Deleted, (await nodes.Nodes[0].DeleteLocalAsync(holder.Name, "mine")).Outcome);
        Assert.Equal(WriteOutcome.NotFound, (await nodes.Nodes[0].DeleteLocalAsync(holder.Name, "mine")).Outcome);
        Assert.Equal(WriteOutcome.UnknownNode, (await nodes.Nodes[0].DeleteLocalAsync("nobody", "mine")).Outcome);
        foreach (Node node in nodes.Nodes)
        {
            Assert.Equal(ReadOutcome.NotFound, (await node.GetAsync("mine", new ReadOptions(ReadScope.IncludingLocalOnly))).Outcome);
        }
    }

    [Fact]
    public async Task Both_masters_hold_what_all_nodes_posted()
    {
        await using TestNodes nodes = await TestNodes.StartAsync();
        for (int i = 0; i < 10; i++)
        {
            await PutAsync(nodes.Nodes[i % 3], $"key-{i}", $"value-{i}");
        }

        MasterView view = await nodes.TwoMastersAsync();
        foreach (MasterId master in view.InSyncSet)
        {
            for (int i = 0; i < 10; i++)
            {
                await HoldsAsync(nodes.Named(master.Name), $"key-{i}", $"value-{i}");
            }
        }
    }

    [Fact]
    public async Task Concurrent_posts_to_one_key_end_the_same_on_both_masters()
    {
        await using TestNodes nodes = await TestNodes.StartAsync();
        await PutAsync(nodes.Nodes[0], "key", "first");
        MasterView view = await nodes.TwoMastersAsync();
        WriteResult[] results = await Task.WhenAll(Enumerable.Range(0, 60).Select(i =>
            nodes.Nodes[i % 3].WriteAsync(new Write("key", Encoding.UTF8.GetBytes($"value-{i}"))).AsTask()));
        Assert.All(results, result => Assert.Equal(WriteOutcome.Replaced, result.Outcome));
        LogPoint last = results.Max(result => result.Version);
        string expected = $"value-{Array.FindIndex(results, result => result.Version == last)}";
        foreach (MasterId master in view.InSyncSet)
        {
            await HoldsAsync(nodes.Named(master.Name), "key", expected, last);
        }
    }

    [Fact]
    public async Task There_are_two_masters_again_after_one_is_lost_and_nothing_is()
    {
        await using TestNodes nodes = await TestNodes.StartAsync();
        for (int i = 0; i < 10; i++)
        {
            await PutAsync(nodes.Nodes[0], $"key-{i}", $"value-{i}");
        }

        MasterView before = await nodes.TwoMastersAsync();
        await nodes.KillAsync(before.Primary.Name);
        MasterView after = await nodes.TwoMastersAsync();
        Assert.True(after.Epoch > before.Epoch);
        Assert.Equal(before.Other, after.Primary);
        await PutAsync(nodes.Nodes[1], "later", "value");
        foreach (Node node in nodes.Nodes)
        {
            Assert.Equal("value-7", await GetAsync(node, "key-7"));
            Assert.Equal("value", await GetAsync(node, "later"));
        }
    }

    private static async Task PutAsync(Node node, string key, string value)
    {
        WriteResult result = await node.WriteAsync(new Write(key, Encoding.UTF8.GetBytes(value), "text/plain"));
        Assert.True(result.Outcome is WriteOutcome.Created or WriteOutcome.Replaced, $"{result.Outcome}: {result.Detail}");
    }

    private static async Task<string?> GetAsync(Node node, string key)
    {
        ReadResult result = await node.GetAsync(key);
        Assert.True(result.Outcome == ReadOutcome.Found, $"{node.Name}, {key}: {result.Outcome}: {result.Detail}");
        return Encoding.UTF8.GetString(result.Entry!.Value!);
    }

    // The other master applies when it hears of the commit, a moment after the write was acknowledged.
    private static Task HoldsAsync(Node node, string key, string value, LogPoint? version = null) =>
        Eventually.IsTrueAsync($"{node.Name} holds {key} = {value}", async () =>
            await node.GetLocalAsync(null, key) is { Entry: { } entry }
            && Encoding.UTF8.GetString(entry.Value!) == value && (version is null || entry.Version == version));
}
