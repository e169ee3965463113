namespace Diststore.SystemTests;

/// <summary>Nodes that return with what was deleted meanwhile.</summary>
[Trait("Category", "long")]
public sealed class ReturningNodeTests
{
    private const int Keys = 30;

    // The masters forget deletes while the node is away.
    private static readonly string[] ShortMemory = ["Masters:TombstoneRetention=00:00:01"];

    [SkippableFact]
    public async Task An_old_copy_holder_returns_and_no_deleted_key_comes_back()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 4 });
        ClusterView view = await RestartTests.FillAsync(cluster, Keys);
        SiloProcess[] copies = [.. cluster.Nodes.Where(node => !view.Masters.Contains(node.Name))];
        SiloProcess away = copies[0];
        foreach (string key in RestartTests.Keys(Keys))
        {
            Assert.Equal(200, (await away.Http.GetAsync(key)).Status);
            Assert.Equal(200, (await away.Http.GetLocalAsync(key)).Status);
        }

        away.Process.Pause();
        await Task.WhenAll(RestartTests.Keys(Keys).Select(key => cluster[view.Primary!].Http.PutUntilDoneAsync(key, null, cluster.Tails)));
        away.Process.Resume();

        // Its copies are as they were, and the hints are lost; whoever asks everybody is not to be shown one.
        await NothingIsBackAsync(cluster, [copies[1], away], () => Task.FromResult(true));
        await cluster.WaitUntilCompleteAsync();
        await NothingIsBackAsync(cluster, cluster.Nodes, () => Task.FromResult(true));
    }

    [SkippableFact]
    public async Task An_old_master_returns_and_no_deleted_key_comes_back()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2, Settings = ShortMemory });
        ClusterView view = await RestartTests.FillAsync(cluster, Keys);
        SiloProcess away = cluster[view.Secondary!];
        SiloProcess stays = cluster[view.Primary!];
        away.Kill();
        await DeleteAndForgetAsync(cluster, stays);

        away.Start();
        await away.WaitUntilReadyAsync();
        await NothingIsBackAsync(cluster, cluster.Nodes, async () => (await stays.Http.ClusterAsync()).IsWhole);
        stays.Kill();
        await away.Http.PostUntilDoneAsync("after", "1", cluster.Tails);
        await NothingIsBackAsync(cluster, [away], () => Task.FromResult(true));
    }

    // A change below the floor is gone, and with it the tombstones.
    private static async Task DeleteAndForgetAsync(TestCluster cluster, SiloProcess primary)
    {
        await primary.Http.PutUntilDoneAsync("stays", "1", cluster.Tails);
        string since = (await ChangeFollower.ListAsync(primary.Http, "before the deletes")).Id;
        foreach (string key in RestartTests.Keys(Keys))
        {
            await primary.Http.PutUntilDoneAsync(key, null, cluster.Tails);
        }

        await Eventually.TrueAsync(
            async () => (await primary.Http.FetchAsync($"/v1/changes?since={since}&live=false")).Status == 410 ? null : "the deletes are remembered",
            Eventually.Patience,
            cluster.Tails);
    }

    // Asks until it is so, and once more for each key at each node: 404 from who knows, or 503, but never the value.
    private static async Task NothingIsBackAsync(TestCluster cluster, IEnumerable<SiloProcess> nodes, Func<Task<bool>> isSo)
    {
        foreach (SiloProcess node in nodes)
        {
            foreach (string key in RestartTests.Keys(Keys))
            {
                await Eventually.TrueAsync(
                    async () =>
                    {
                        Answer[] answers = await Task.WhenAll(node.Http.GetAsync(key), node.Http.ReadStrongAsync(key));
                        Assert.All(answers, answer => Assert.True(answer.Status is 404 or 503, $"{key} at {node.Name}: {answer}\n{cluster.Tails()}"));
                        return answers.All(static answer => answer.Status == 404) && await isSo() ? null : $"{key} at {node.Name}: {answers[0]}, {answers[1]}";
                    },
                    Eventually.Patience,
                    cluster.Tails);
            }
        }
    }
}
