using System.Collections.Concurrent;
using System.Diagnostics;

namespace Diststore.SystemTests;

/// <summary>Nodes that die, stand still and return.</summary>
public sealed class FailoverTests
{
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(5);

    [SkippableFact, Trait("Category", "long")]
    public async Task There_are_two_masters_after_the_first_post_and_again_after_each_kill()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 4 });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        ClusterView first = await cluster.WaitForTwoMastersAsync(cluster[1], Recovery);

        ClusterView second = await KillAndRecoverAsync(cluster, first.Primary!, "after the primary", first);
        cluster[first.Primary!].Start();
        await cluster[first.Primary!].WaitUntilReadyAsync();
        await cluster.WaitUntilCompleteAsync();

        await KillAndRecoverAsync(cluster, second.Secondary!, "after the secondary", second);
        foreach (SiloProcess node in cluster.Running)
        {
            foreach ((string key, string value) in new[] { ("first", "1"), ("after the primary", "x"), ("after the secondary", "x") })
            {
                Answer answer = await node.Http.GetAsync(key);
                Assert.True(answer.Status == 200 && answer.Text == value, $"{key} at {node.Name}: {answer}\n{cluster.Tails()}");
            }
        }
    }

    [SkippableFact, Trait("Category", "long")]
    public async Task A_paused_primary_is_replaced_and_comes_back_as_one_of_the_others()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        await cluster[1].Http.PostUntilDoneAsync("key", "old", cluster.Tails);
        ClusterView before = await cluster.WaitForTwoMastersAsync(cluster[1], Recovery);
        SiloProcess paused = cluster[before.Primary!];
        SiloProcess other = cluster.Nodes.First(node => node.Name != before.Primary && node.Name != before.Secondary);

        paused.Process.Pause();
        await other.Http.PostUntilDoneAsync("key", "new", cluster.Tails);
        ClusterView after = await other.Http.ClusterAsync();
        Assert.NotEqual(before.Primary, after.Primary);
        paused.Process.Resume();

        // Whether it finds by itself that it was declared dead and starts afresh, or just follows, is its own affair.
        await Eventually.TrueAsync(
            async () =>
            {
                Answer answer = await paused.Http.GetAsync("key");
                return answer.Status == 200 && answer.Text == "new" ? null : $"{paused.Name}: {answer}";
            },
            Eventually.Patience,
            cluster.Tails);
        await cluster.WaitUntilCompleteAsync();
        Assert.Equal(200, (await paused.Http.PostAsync("key", "newest")).Status);
        Assert.Equal("newest", (await cluster[after.Primary!].Http.GetAsync("key")).Text);
        await cluster.WaitForTwoMastersAsync(paused, Eventually.Patience);
    }

    /// <summary>Each silo is killed in turn, so the registry's and the one that the gateway is connected to are among them.</summary>
    [SkippableFact, Trait("Category", "long")]
    public async Task The_gateway_goes_on_whichever_silo_is_killed()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        using GatewayProcess gateway = await cluster.StartGatewayAsync();
        var acknowledged = new ConcurrentDictionary<string, string>();
        int number = 0;
        async Task PostSomeAsync()
        {
            for (int i = 0; i < 20; i++)
            {
                string key = $"key {++number}";
                await gateway.Http.PostUntilDoneAsync(key, $"value {number}", () => $"{gateway.Process.Tail()}\n{cluster.Tails()}");
                acknowledged[key] = $"value {number}";
            }
        }

        await PostSomeAsync();
        await cluster.WaitForTwoMastersAsync(cluster[1], Recovery);
        foreach (SiloProcess node in cluster.Nodes)
        {
            node.Kill();
            await PostSomeAsync();
            await AllReadableAsync(gateway.Http, acknowledged, cluster);
            node.Start();
            await node.WaitUntilReadyAsync();
            await cluster.WaitUntilCompleteAsync();
            // Memory stores: the next one may only go once two hold everything.
            await cluster.WaitForTwoMastersAsync(node, Eventually.Patience);
        }

        await AllReadableAsync(gateway.Http, acknowledged, cluster);
    }

    [SkippableFact, Trait("Category", "long")]
    public async Task A_rolling_restart_under_writes_loses_nothing_acknowledged()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        var acknowledged = new ConcurrentDictionary<string, string>();
        foreach (SiloProcess node in cluster.Nodes)
        {
            SiloProcess writer = cluster.Nodes.First(other => other != node);
            await writer.Http.PostUntilDoneAsync($"before {node.Name} stops", "x", cluster.Tails);
            acknowledged[$"before {node.Name} stops"] = "x";
            await cluster.WaitForTwoMastersAsync(node, Eventually.Patience);
            using var stopped = new CancellationTokenSource();
            Task writing = WriteUntilAsync(writer, $"while {node.Name} stops", acknowledged, stopped.Token);
            node.Process.Interrupt();
            int exit = await node.Process.WaitForExitAsync(Eventually.Patience);
            Assert.True(exit == 0, $"{node.Name} ended with {exit}; it said:\n{node.Tail}");
            node.Start();
            await node.WaitUntilReadyAsync();
            await cluster.WaitUntilCompleteAsync();
            await stopped.CancelAsync();
            await writing;
        }

        foreach (SiloProcess node in cluster.Nodes)
        {
            await AllReadableAsync(node.Http, acknowledged, cluster);
        }
    }

    private static async Task WriteUntilAsync(SiloProcess writer, string prefix, ConcurrentDictionary<string, string> acknowledged, CancellationToken enough)
    {
        for (int number = 0; !enough.IsCancellationRequested; number++)
        {
            Answer answer = await writer.Http.PostAsync($"{prefix} {number}", $"{number}");
            Assert.True(answer.Status is 200 or 503, $"write {number} {prefix} at {writer.Name}: {answer}\n{writer.Tail}");
            if (answer.Status == 200)
            {
                acknowledged[$"{prefix} {number}"] = $"{number}";
            }
        }
    }

    private static async Task<ClusterView> KillAndRecoverAsync(TestCluster cluster, string victim, string key, ClusterView before)
    {
        cluster[victim].Kill();
        var clock = Stopwatch.StartNew();
        SiloProcess third = cluster.Running.First(node => !before.Masters.Contains(node.Name));
        await third.Http.PostUntilDoneAsync(key, "x", cluster.Tails);
        ClusterView after = await cluster.WaitForTwoMastersAsync(third, Recovery - clock.Elapsed);
        Assert.True(after.Epoch > before.Epoch, $"{before} -> {after}");
        return after;
    }

    private static async Task AllReadableAsync(HttpFace face, ConcurrentDictionary<string, string> acknowledged, TestCluster cluster)
    {
        foreach ((string key, string value) in acknowledged)
        {
            await Eventually.TrueAsync(
                async () =>
                {
                    Answer answer = await face.GetAsync(key);
                    Assert.True(answer.Status is 200 or 503, $"acknowledged {key}: {answer}\n{cluster.Tails()}");
                    return answer.Status == 503 ? $"{key}: {answer}" : answer.Text == value ? null : $"{key} is {answer.Text}";
                },
                Recovery,
                cluster.Tails);
        }
    }
}
