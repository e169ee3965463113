using System.Globalization;
using Xunit.Abstractions;

namespace Diststore.SystemTests;

/// <summary>
/// Masters that restart or are lost, and who may lead then. Both killed, one that returns with an empty disk:
/// <see cref="RestartTests"/>.
/// </summary>
public sealed class MasterFaultTests(ITestOutputHelper output)
{
    private const int Keys = 200;
    private const int LargeValues = 60;
    private const int LargeValue = 4_000_000; // bytes

    [SkippableFact]
    public async Task A_master_that_restarts_at_once_has_failed_the_other_leads_and_it_relearns_the_little_it_missed()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2 });
        ClusterView before = await RestartTests.FillAsync(cluster, Keys);
        SiloProcess restarted = cluster[before.Primary!];
        SiloProcess other = cluster[before.Secondary!];

        restarted.Kill();
        restarted.Start();
        await other.Http.PostUntilDoneAsync("meanwhile", "1", cluster.Tails);
        await restarted.WaitUntilReadyAsync();
        ClusterView after = await cluster.WaitForTwoMastersAsync(other, Eventually.Patience);
        Assert.True(after.Epoch > before.Epoch && after.Primary == other.Name, $"{before} -> {after}\n{cluster.Tails()}");
        long moved = await Metrics.SumAsync(restarted.Http, "diststore_sync_entries_total", "kind=\"changes\"");

        // None, where it was back before anything was ordered without it: then what was posted meanwhile came with the stream.
        Assert.InRange(moved, 0, Keys / 10);
        Assert.True(restarted.HasSaid("Changes, from") && !restarted.HasSaid("Full, from"), restarted.Said);

        other.Kill();
        await restarted.Http.PostUntilDoneAsync("after", "1", cluster.Tails);
        await RestartTests.HoldsAsync(cluster, restarted, [.. RestartTests.Keys(Keys), "meanwhile", "after"]);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"of {Keys} entries {moved} moved"));
    }

    [SkippableFact, Trait("Category", "long")]
    public async Task A_primary_lost_while_the_other_is_still_a_learner_is_waited_for()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2 });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        ClusterView before = await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        await Damage.FillAsync(cluster[1].Http, cluster.Tails);
        string large = new('x', LargeValue);
        foreach (string key in RestartTests.Keys(LargeValues))
        {
            await cluster[1].Http.PutUntilDoneAsync(key, large, cluster.Tails);
        }

        SiloProcess primary = cluster[before.Primary!];
        SiloProcess learner = cluster[before.Secondary!];
        learner.Kill();
        Directory.Delete(cluster.DataOf(learner), recursive: true);
        await primary.Http.PutUntilDoneAsync("alone", "1", cluster.Tails);

        // It has so much to learn that the primary is gone before it is done, though what it says reaches its log late.
        learner.Start();
        await learner.WaitUntilSaidAsync("Full, from ");
        primary.Kill();
        Assert.False(learner.HasSaid("Synced with "), learner.Said);
        await learner.WaitUntilReadyAsync();
        await SaysOnlyThatItDoesNotKnowAsync(learner, cluster);

        await cluster.StartAgainAsync();
        ClusterView after = await cluster.WaitForTwoMastersAsync(learner, Eventually.Patience);
        Assert.True(after.Primary == primary.Name && after.Epoch > before.Epoch, $"{before} -> {after}\n{cluster.Tails()}");
        Assert.False(learner.HasSaid("Primary in "), learner.Said);
        await Damage.HoldsEverythingAsync(learner.Http, cluster.Tails);
        Assert.Equal("1", (await learner.Http.ReadStrongAsync("alone")).Text);
    }

    // Each request looks for a primary for as long as it takes to find one that is there.
    private static async Task SaysOnlyThatItDoesNotKnowAsync(SiloProcess learner, TestCluster cluster)
    {
        for (int round = 0; round < 3; round++)
        {
            Answer[] answers = await Task.WhenAll(
                learner.Http.ReadAsync(Damage.LargeKeys[0]), learner.Http.ReadStrongAsync(Damage.LargeKeys[0]), learner.Http.ReadAsync("never there"),
                learner.Http.PutAsync("meanwhile", "1"));
            Assert.All(answers, answer => Assert.True(answer.Status == 503, $"{answer}\n{cluster.Tails()}"));
        }
    }
}
