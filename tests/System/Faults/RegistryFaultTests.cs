namespace Diststore.SystemTests;

/// <summary>
/// The registry and its storage are lost. The pair over a longer outage of the storage: <see cref="StorageTests"/>; all nodes
/// killed and the storage wiped: <see cref="RestartTests"/>.
/// </summary>
[Trait("Category", "long")]
public sealed class RegistryFaultTests
{
    private const int Keys = 50;

    [SkippableFact]
    public async Task The_registrys_silo_is_killed_the_pair_goes_on_and_the_registry_comes_back_elsewhere_with_its_view()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        (ClusterView before, SiloProcess third) = await cluster.MakeMastersApartFromRegistryAsync();
        SiloProcess primary = cluster[before.Primary!];
        SiloProcess secondary = cluster[before.Secondary!];

        // Not one write fails, whichever master it is sent to.
        third.Kill();
        foreach (string key in RestartTests.Keys(Keys))
        {
            Answer answer = await (key.EndsWith('1') ? secondary : primary).Http.PostAsync(key, RestartTests.ValueOf(key));
            Assert.True(answer.Status == 200, $"{key}: {answer}\n{cluster.Tails()}");
        }

        ClusterView still = await primary.Http.ClusterAsync();
        Assert.True(still.Epoch == before.Epoch && still.IsWhole, $"{before} -> {still}\n{cluster.Tails()}");

        // The next view is made by another registry, which goes on from this one.
        await cluster.StartAgainAsync();
        primary.Kill();
        await third.Http.PostUntilDoneAsync("after", "1", cluster.Tails);
        ClusterView after = await cluster.WaitForTwoMastersAsync(third, Eventually.Patience);
        Assert.True(after.Epoch > before.Epoch && after.Primary == secondary.Name, $"{before} -> {after}\n{cluster.Tails()}");
        await Eventually.TrueAsync(
            () => Task.FromResult(cluster.Nodes.Any(static node => node.HasSaid(", because the primary is lost")) ? null : "nobody says why"),
            Eventually.Patience,
            cluster.Tails);
        await RestartTests.HoldsAsync(cluster, third, [.. RestartTests.Keys(Keys), "after"]);
    }

    [SkippableFact]
    public async Task While_the_registry_storage_is_down_a_lost_master_gets_no_new_view_and_nothing_is_acknowledged_until_it_is_back()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        (ClusterView before, SiloProcess third) = await cluster.MakeMastersApartFromRegistryAsync();
        SiloProcess primary = cluster[before.Primary!];
        await cluster.Storage.StopAsync();
        Answer goesOn = await primary.Http.PostAsync("the pair goes on", "1");
        Assert.True(goesOn.Status == 200, $"{goesOn}\n{cluster.Tails()}");

        // Alone it may not go on: nobody says that the other one is out.
        cluster[before.Secondary!].Kill();
        for (int i = 0; i < 3; i++)
        {
            Answer refused = await primary.Http.PostAsync("alone", $"{i}");
            Assert.True(refused.Status == 503, $"{refused}\n{cluster.Tails()}");
            Assert.Equal(503, (await primary.Http.ReadStrongAsync("first")).Status);
        }

        ClusterView still = await primary.Http.ClusterAsync();
        Assert.True(still.Epoch == before.Epoch, $"{before} -> {still}\n{cluster.Tails()}");

        await cluster.Storage.RunAsync();
        await primary.Http.PostUntilDoneAsync("after", "1", cluster.Tails);
        ClusterView after = await cluster.WaitForTwoMastersAsync(primary, Eventually.Patience);
        Assert.True(after.Epoch > before.Epoch && after.Primary == primary.Name, $"{before} -> {after}\n{cluster.Tails()}");
        Assert.Equal("1", (await third.Http.ReadStrongAsync("the pair goes on")).Text);
    }

    [SkippableFact]
    public async Task A_wiped_registry_storage_takes_the_remembered_view_up_only_when_all_its_in_sync_members_agree()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        ClusterView before = await RestartTests.FillAsync(cluster, Keys);
        SiloProcess missing = cluster[before.Secondary!];
        SiloProcess[] others = [.. cluster.Nodes.Where(node => node != missing)];
        foreach (SiloProcess node in cluster.Nodes)
        {
            node.Kill();
        }

        await ((RedisServer)cluster.Storage).ForgetAsync();
        foreach (SiloProcess node in others)
        {
            node.Start();
            await node.WaitUntilReadyAsync();
        }

        await Eventually.TrueAsync(
            async () =>
            {
                Answer[] answers = await Task.WhenAll(others[0].Http.PostAsync("nobody", "1"), others[1].Http.ReadStrongAsync("key 0"));
                Assert.All(answers, answer => Assert.True(answer.Status == 503, $"{answer}\n{cluster.Tails()}"));
                return others.Any(node => node.HasSaid($"is not taken up before {missing.Name}/")) ? null : "nobody waits";
            },
            Eventually.Patience,
            cluster.Tails);

        await cluster.StartAgainAsync();
        await others[0].Http.PostUntilDoneAsync("after", "1", cluster.Tails);
        ClusterView after = await cluster.WaitForTwoMastersAsync(others[0], Eventually.Patience);
        Assert.True(after.Epoch > before.Epoch, $"{before} -> {after}\n{cluster.Tails()}");
        foreach (SiloProcess node in cluster.Nodes)
        {
            await RestartTests.HoldsAsync(cluster, node, [.. RestartTests.Keys(Keys), "after"]);
        }

        Assert.Equal(404, (await others[0].Http.GetAsync("nobody")).Status);
    }
}
