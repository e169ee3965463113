using System.Text.Json;

namespace Diststore.SystemTests;

/// <summary>
/// Damaged tables, met by what others ask of a master: a sync, a backup, a listing. That a read meets it, and what
/// becomes of who holds the data alone: <see cref="DiskTests"/>.
/// </summary>
[Trait("Category", "long")]
public sealed class DamageTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [SkippableFact]
    public async Task A_sync_that_meets_the_damage_of_the_last_master_ends_it_and_nobody_takes_its_place()
    {
        await using TestCluster cluster = await StartAsync();
        ClusterView view = await cluster.WaitForTwoMastersAsync(cluster[1], Deadline);
        SiloProcess alone = cluster[view.Primary!];
        SiloProcess learner = cluster[view.Secondary!];
        learner.Kill();
        Directory.Delete(cluster.DataOf(learner), recursive: true);
        await alone.Http.PutUntilDoneAsync("alone", "1", cluster.Tails);
        Damage.FlipBytes(cluster.DataOf(alone));

        learner.Start();
        await learner.WaitUntilReadyAsync();
        Assert.Equal(1, await alone.Process.WaitForExitAsync(Deadline));

        Assert.Contains("restore a backup", alone.Process.Tail(1), StringComparison.Ordinal);
        Assert.Contains(cluster.DataOf(alone), alone.Process.Tail(1), StringComparison.Ordinal);
        await learner.WaitUntilSaidAsync("Full, from");

        // It has taken over a part, and says neither that this is all nor that there is no more.
        foreach (string key in Damage.LargeKeys.Take(2).Append("nobody's"))
        {
            Answer answer = await learner.Http.FetchAsync($"/v1/kv/{key}");
            Assert.True(answer.Status == 503, $"{key}: {answer}\n{cluster.Tails()}");
        }

        Assert.Equal(503, (await learner.Http.PostAsync("after", "1")).Status);
        Assert.False(learner.HasSaid("Secondary in view"), learner.Said);
        Assert.False(learner.HasSaid("Primary in view"), learner.Said);
    }

    [SkippableFact]
    public async Task A_backup_that_meets_damage_breaks_off_and_the_master_syncs_in_full()
    {
        await using TestCluster cluster = await StartAsync();
        ClusterView view = await cluster.WaitForTwoMastersAsync(cluster[1], Deadline);
        SiloProcess damaged = cluster[view.Secondary!]; // backups are of the secondary
        SiloProcess other = cluster[view.Primary!];
        Damage.FlipBytes(cluster.DataOf(damaged));

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => other.Http.SendAsync(HttpMethod.Post, "/v1/cluster/backup"));

        await GaveUpAndIsBackAsync(cluster, damaged, other, view);
        Answer backup = await other.Http.SendAsync(HttpMethod.Post, "/v1/cluster/backup");
        Assert.True(backup.Status == 200 && backup.Body.Length > Damage.LargeKeys.Length * 150_000, $"{backup}\n{cluster.Tails()}");
        other.Kill();
        await Damage.HoldsEverythingAsync(damaged.Http, cluster.Tails);
    }

    [SkippableFact]
    public async Task A_pass_over_the_changes_that_meets_damage_is_never_short_and_the_other_master_takes_over()
    {
        await using TestCluster cluster = await StartAsync();
        ClusterView view = await cluster.WaitForTwoMastersAsync(cluster[1], Deadline);
        SiloProcess damaged = cluster[view.Primary!];
        SiloProcess other = cluster[view.Secondary!];
        Damage.FlipBytes(cluster.DataOf(damaged));

        await Eventually.TrueAsync(
            async () =>
            {
                Answer page = await other.Http.FetchAsync("/v1/kv?prefix=large-&limit=1000");
                Assert.True(page.Status is 200 or 503, $"{page}\n{cluster.Tails()}");
                Assert.True(page.Status == 503 || KeysOf(page).SequenceEqual(Damage.LargeKeys), $"{page}\n{cluster.Tails()}");

                // A listing reads no values, so damage among these is nothing to it; the changes have them all.
                await PassAsync(other, cluster);
                return damaged.HasSaid("gives up what it held") ? null : $"it has not met the damage: {page.Status}";
            },
            Deadline,
            cluster.Tails);

        await GaveUpAndIsBackAsync(cluster, damaged, other, view);
        await Damage.HoldsEverythingAsync(other.Http, cluster.Tails);
    }

    // It ends as a whole, or breaks off.
    private static async Task PassAsync(SiloProcess node, TestCluster cluster)
    {
        try
        {
            Answer all = await node.Http.SendAsync(HttpMethod.Get, "/v1/changes?live=false");
            Assert.True(all.Status is 200 or 503, $"{all.Status}\n{cluster.Tails()}");
            Assert.True(all.Status == 503 || Damage.LargeKeys.All(key => all.Text.Contains($"\"{key}\"", StringComparison.Ordinal)), cluster.Tails());
        }
        catch (HttpRequestException)
        {
            // As it should where the damage was met on the way.
        }
    }

    private static IEnumerable<string?> KeysOf(Answer page) =>
        JsonDocument.Parse(page.Body).RootElement.GetProperty("keys").EnumerateArray().Select(static key => key.GetProperty("key").GetString());

    private static async Task<TestCluster> StartAsync()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2, Settings = [Damage.SmallCache] });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        await cluster.WaitForTwoMastersAsync(cluster[1], Deadline);
        await Damage.FillAsync(cluster[1].Http, cluster.Tails);
        return cluster;
    }

    // As another store, with all of it from the one that remained.
    private static async Task GaveUpAndIsBackAsync(TestCluster cluster, SiloProcess damaged, SiloProcess other, ClusterView before)
    {
        await Eventually.TrueAsync(
            async () =>
            {
                ClusterView now = await other.Http.ClusterAsync();
                return now.IsWhole && now.Epoch > before.Epoch && now.Primary == other.Name ? null : $"{now}, after {before}";
            },
            Deadline,
            cluster.Tails);
        Assert.True(damaged.IsRunning, damaged.Tail);
        await damaged.WaitUntilSaidAsync("gives up what it held");
        await damaged.WaitUntilSaidAsync("Full, from");
    }
}
