using System.Net;
using System.Text.RegularExpressions;

namespace Diststore.SystemTests;

/// <summary>Nodes that are killed and started again on their disks.</summary>
public sealed partial class RestartTests
{
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(20);

    [SkippableFact, Trait("Category", "long")]
    public async Task A_master_that_restarts_relearns_what_it_missed_and_no_more()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2 });
        ClusterView view = await FillAsync(cluster, 100);
        SiloProcess away = cluster[view.Secondary!];
        SiloProcess primary = cluster[view.Primary!];

        away.Kill();
        await primary.Http.PostUntilDoneAsync("meanwhile", "1", cluster.Tails);
        await cluster.StartAgainAsync();
        await cluster.WaitForTwoMastersAsync(primary, Recovery);

        string said = away.Said;
        Match from = SyncedFrom().Match(said);
        Assert.True(from.Success && long.Parse(from.Groups[1].Value, null) >= 90, said);
        Assert.DoesNotContain("Full, from", said, StringComparison.Ordinal);

        // It has all of it: what it missed too.
        primary.Kill();
        await away.Http.PostUntilDoneAsync("after", "1", cluster.Tails);
        await HoldsAsync(cluster, away, [.. Keys(100), "meanwhile", "after"]);
    }

    [SkippableFact, Trait("Category", "long")]
    public async Task Both_masters_killed_at_once_resume_from_their_disks()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        ClusterView view = await FillAsync(cluster, 50);
        SiloProcess third = cluster.Nodes.Single(node => !view.Masters.Contains(node.Name));

        cluster[view.Primary!].Kill();
        cluster[view.Secondary!].Kill();

        // The first may have been on its way when its primary died; from then on there is nobody to order it.
        await third.Http.PostAsync("nobody", "1");
        Answer refused = await third.Http.PostAsync("nobody", "2");
        Assert.Equal(503, refused.Status);

        // Once both are known to be dead, whoever asks is told who is waited for, and so is whoever reads the log: once.
        await third.WaitUntilSaidAsync("No master in sync is alive");
        refused = await third.Http.PostAsync("nobody", "3");
        Assert.Equal(503, refused.Status);
        Assert.Contains("nothing was done", refused.Text, StringComparison.Ordinal);
        Assert.All([view.Primary!, view.Secondary!], name => Assert.Contains(name, refused.Text, StringComparison.Ordinal));

        await cluster.StartAgainAsync();
        await third.Http.PostUntilDoneAsync("after", "1", cluster.Tails);
        await third.WaitUntilSaidAsync("A master in sync is alive again");
        Assert.Single(Regex.Matches(third.Process.Output, "No master in sync is alive"));
        ClusterView after = await cluster.WaitForTwoMastersAsync(third, Recovery);
        Assert.True(after.Epoch > view.Epoch, $"{view} then {after}");
        foreach (SiloProcess node in cluster.Nodes)
        {
            await HoldsAsync(cluster, node, [.. Keys(50), "after"]);
        }
    }

    [SkippableTheory, Trait("Category", "long")]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task A_whole_cluster_stopped_and_started_again_serves_every_key(bool killed, bool registryIsLost)
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        ClusterView view = await FillAsync(cluster, 50);
        foreach (SiloProcess node in cluster.Nodes)
        {
            if (killed)
            {
                node.Kill();
            }
            else
            {
                node.Process.Interrupt();
                Assert.Equal(0, await node.Process.WaitForExitAsync(Recovery));
            }
        }

        if (registryIsLost)
        {
            await ((RedisServer)cluster.Storage).ForgetAsync();
        }

        await cluster.StartAgainAsync();
        await cluster[3].Http.PostUntilDoneAsync("after", "1", cluster.Tails);
        ClusterView after = await cluster.WaitForTwoMastersAsync(cluster[3], Recovery);
        Assert.True(after.Epoch > view.Epoch, $"{view} then {after}");
        foreach (SiloProcess node in cluster.Nodes)
        {
            await HoldsAsync(cluster, node, [.. Keys(50), "after"]);
        }
    }

    [SkippableFact, Trait("Category", "long")]
    public async Task A_master_that_returns_with_an_empty_disk_is_a_learner_and_syncs_in_full()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2 });
        ClusterView view = await FillAsync(cluster, 50);
        SiloProcess wiped = cluster[view.Secondary!];
        string before = StoreId().Match(wiped.Said).Value;

        wiped.Kill();
        Directory.Delete(cluster.DataOf(wiped), recursive: true);
        await cluster.StartAgainAsync();
        await cluster.WaitForTwoMastersAsync(cluster[view.Primary!], Recovery);

        Assert.NotEqual(before, StoreId().Match(wiped.Said).Value);
        await wiped.WaitUntilSaidAsync("Learner in ");
        await wiped.WaitUntilSaidAsync("Full, from");
        cluster[view.Primary!].Kill();
        await wiped.Http.PostUntilDoneAsync("after", "1", cluster.Tails);
        await HoldsAsync(cluster, wiped, [.. Keys(50), "after"]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_process_of_its_own_that_is_killed_serves_every_key_again(int nodes)
    {
        using var directory = new TempDirectory();
        int[] ports = Ports.Free(4, [IPAddress.Loopback]);
        using var http = new HttpFace(IPAddress.Loopback, ports[0] + 100);
        string[] command =
        [
            .. Programs.Silo, "--nodes", $"{nodes}", $"--Diststore:Http:Port={ports[0] + 100}", $"--Diststore:Silo:Port={ports[1] + 200}",
            $"--Diststore:Silo:GatewayPort={ports[2] + 300}", $"--Diststore:Multicast:Port={ports[3]}",
        ];
        long epoch = 0;
        var keys = new List<string>();
        for (int life = 1; life <= 3; life++)
        {
            using ChildProcess process = ChildProcess.Start(directory.Path, $"life-{life}", command);
            await Readiness.WaitAsync("the process", http, process);
            foreach (string key in keys)
            {
                await EventuallyIsAsync(http, key, () => process.Tail());
            }

            for (int i = 0; i < 10; i++)
            {
                keys.Add($"{life}/{i}");
                await http.PostUntilDoneAsync(keys[^1], ValueOf(keys[^1]), () => process.Tail());
            }

            await http.PostLocalAsync($"local {life}", "here");
            for (int before = 1; before <= life; before++)
            {
                Assert.Equal("here", (await http.GetLocalAsync($"local {before}")).Text);
            }

            ClusterView view = await http.ClusterAsync();
            Assert.True(view.Epoch > epoch, $"{view}, after epoch {epoch}\n{process.Tail()}");
            epoch = view.Epoch;
            process.Kill();
        }
    }

    internal static IEnumerable<string> Keys(int count) => Enumerable.Range(0, count).Select(static i => $"key {i}");

    /// <summary>Posts keys at the first node and waits until two masters have them.</summary>
    internal static async Task<ClusterView> FillAsync(TestCluster cluster, int count)
    {
        foreach (string key in Keys(count))
        {
            await cluster[1].Http.PostUntilDoneAsync(key, ValueOf(key), cluster.Tails);
        }

        return await cluster.WaitForTwoMastersAsync(cluster[1], Recovery);
    }

    internal static async Task HoldsAsync(TestCluster cluster, SiloProcess node, IEnumerable<string> keys)
    {
        foreach (string key in keys)
        {
            await EventuallyIsAsync(node.Http, key, cluster.Tails);
        }
    }

    internal static string ValueOf(string key) => key.Contains(' ', StringComparison.Ordinal) ? $"value of {key}" : "1";

    // 503 is no wrong answer, but 404 and another value are.
    private static Task EventuallyIsAsync(HttpFace http, string key, Func<string> explain) => Eventually.TrueAsync(
        async () =>
        {
            Answer answer = await http.GetAsync(key);
            Assert.True(answer.Status is 200 or 503, $"{key} at {http.Url}: {answer}\n{explain()}");
            Assert.True(answer.Status == 503 || answer.Text == ValueOf(key), $"{key} at {http.Url}: {answer}\n{explain()}");
            return answer.Status == 200 ? null : $"{key} at {http.Url}: {answer}";
        },
        Eventually.Patience,
        explain);

    [GeneratedRegex(@"Syncing from .*: Changes, from \d+-(\d+)")]
    private static partial Regex SyncedFrom();

    [GeneratedRegex("id [0-9a-f-]{36}")]
    private static partial Regex StoreId();
}
