using System.Diagnostics;

namespace Diststore.SystemTests;

/// <summary>The servers that keep the membership and the masters' view, and what becomes of a cluster without them.</summary>
[Trait("Category", "long")]
public sealed class StorageTests
{
    private const int Writers = 4;

    // Longer than the silos' signs of life stay fresh in the membership table.
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(20);

    [SkippableFact]
    public async Task A_cluster_on_PostgreSQL_survives_the_kill_of_a_master()
    {
        Skip.IfNot(PostgresServer.Missing is null, PostgresServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3, Keeper = Keeper.PostgreSql });
        using GatewayProcess gateway = await cluster.StartGatewayAsync();
        ClusterView view = await RestartTests.FillAsync(cluster, 20);
        foreach (SiloProcess node in cluster.Nodes)
        {
            await RestartTests.HoldsAsync(cluster, node, RestartTests.Keys(20));
        }

        SiloProcess third = cluster.Nodes.Single(node => !view.Masters.Contains(node.Name));
        cluster[view.Primary!].Kill();
        await gateway.Http.PostUntilDoneAsync("after", "1", cluster.Tails);
        ClusterView after = await cluster.WaitForTwoMastersAsync(third, Recovery);
        Assert.True(after.Epoch > view.Epoch, $"{view} then {after}");

        await cluster.StartAgainAsync();
        foreach (SiloProcess node in cluster.Nodes)
        {
            await RestartTests.HoldsAsync(cluster, node, [.. RestartTests.Keys(20), "after"]);
        }

        Assert.Equal("1", (await gateway.Http.GetAsync("after")).Text);
        Assert.All(cluster.Nodes, static node => Assert.DoesNotContain(PostgresServer.Password, node.Process.Output, StringComparison.Ordinal));
        Assert.DoesNotContain(PostgresServer.Password, gateway.Process.Output, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData(Keeper.Redis)]
    [InlineData(Keeper.PostgreSql)]
    public async Task While_the_storage_is_down_the_pair_goes_on_and_afterwards_a_lost_master_is_replaced(Keeper keeper)
    {
        Skip.IfNot(StorageServer.WhyMissing(keeper) is null, StorageServer.WhyMissing(keeper));
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3, Keeper = keeper });
        ClusterView before = await RestartTests.FillAsync(cluster, 20);
        using var over = new CancellationTokenSource();
        OutageWriter[] writers = [.. Enumerable.Range(0, Writers).Select(number => new OutageWriter(number, cluster))];
        Task writing = Task.WhenAll(writers.Select(writer => writer.RunAsync(over.Token)));

        await cluster.Storage.StopAsync();
        var down = Stopwatch.StartNew();
        await GoesOnAsync(cluster, writers, writing, () => down.Elapsed > Outage);
        await cluster.Storage.RunAsync();
        await GoesOnAsync(cluster, writers, writing, static () => true);
        await over.CancelAsync();
        await writing;

        // The same view, in the same processes: nobody was taken for dead.
        ClusterView after = await cluster.WaitForTwoMastersAsync(cluster[1], Recovery);
        Assert.True(before.Epoch == after.Epoch, $"{before} then {after}\n{cluster.Tails()}");
        Assert.All(cluster.Nodes, static node => Assert.DoesNotContain("starts again", node.Said, StringComparison.Ordinal));

        cluster[before.Primary!].Kill();
        SiloProcess third = cluster.Running.First(node => !before.Masters.Contains(node.Name));
        await third.Http.PostUntilDoneAsync("after", "1", cluster.Tails);
        ClusterView replaced = await cluster.WaitForTwoMastersAsync(third, Recovery);
        Assert.True(replaced.Epoch > after.Epoch, $"{after} then {replaced}");
        foreach (OutageWriter writer in writers)
        {
            await writer.CheckAsync(third);
        }
    }

    // All writers: each has more acknowledged than before, again and again until it is enough.
    private static async Task GoesOnAsync(TestCluster cluster, OutageWriter[] writers, Task writing, Func<bool> isEnough)
    {
        do
        {
            int[] had = [.. writers.Select(static writer => writer.Acknowledged)];
            await Eventually.TrueAsync(
                async () =>
                {
                    if (writing.IsFaulted)
                    {
                        await writing;
                    }

                    return writers.Zip(had).All(static pair => pair.First.Acknowledged > pair.Second) ? null : "a writer waits";
                },
                Recovery,
                cluster.Tails);
        }
        while (!isEnough());
    }

    /// <summary>Writes numbered keys at its node, one after the other, and reads each back from the next node; all must succeed.</summary>
    private sealed class OutageWriter(int number, TestCluster cluster)
    {
        private int _acknowledged;

        public int Acknowledged => Volatile.Read(ref _acknowledged);

        public async Task RunAsync(CancellationToken over)
        {
            SiloProcess writer = cluster.Nodes[number % cluster.Nodes.Count];
            SiloProcess reader = cluster.Nodes[(number + 1) % cluster.Nodes.Count];
            while (!over.IsCancellationRequested)
            {
                string key = Key(_acknowledged);
                Answer written = await writer.Http.PostAsync(key, key);
                Assert.True(written.Status == 200, $"POST {key} at {writer.Name}: {written}\n{cluster.Tails()}");
                Answer read = await reader.Http.GetAsync(key);
                Assert.True(read.Status == 200 && read.Text == key, $"GET {key} at {reader.Name}: {read}\n{cluster.Tails()}");
                Answer never = await reader.Http.GetAsync($"never {key}");
                Assert.True(never.Status == 404, $"GET never {key} at {reader.Name}: {never}\n{cluster.Tails()}");
                Interlocked.Increment(ref _acknowledged);
            }
        }

        public async Task CheckAsync(SiloProcess node)
        {
            for (int i = 0; i < Acknowledged; i++)
            {
                Answer answer = await node.Http.GetAsync(Key(i));
                Assert.True(answer.Status == 200 && answer.Text == Key(i), $"{Key(i)} at {node.Name}: {answer}\n{cluster.Tails()}");
            }
        }

        private string Key(int i) => $"writer {number} key {i}";
    }
}
