namespace Diststore.SystemTests;

/// <summary>Datagrams are hints: without them everything still works.</summary>
public sealed class DatagramTests
{
    [Fact]
    public async Task Three_nodes_work_with_nothing_installed()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3, Keeper = Keeper.Node });
        await ReplicatedWorksAsync(cluster);
        await LocalOnlyIsFoundAsync(cluster);
    }

    [Fact]
    public async Task Without_multicast_everything_works()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(
            new ClusterShape { Nodes = 3, Keeper = Keeper.Node, Settings = ["Multicast:Enabled=false"] });
        await ReplicatedWorksAsync(cluster);
        await LocalOnlyIsFoundAsync(cluster);
    }

    [SkippableFact, Trait("Category", "long")]
    public async Task With_every_datagram_lost_everything_works()
    {
        Skip.IfNot(NetworkNamespace.Missing is null, NetworkNamespace.Missing);
        using NetworkNamespace network = NetworkNamespace.Create();
        network.DropDatagrams();
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3, Keeper = Keeper.Node, Network = network });
        await ReplicatedWorksAsync(cluster);
        await LocalOnlyIsFoundAsync(cluster);
        // Or the test would show nothing.
        Assert.True(network.DroppedDatagrams() > 0, "no datagram was sent at all");
    }

    private static async Task ReplicatedWorksAsync(TestCluster cluster)
    {
        foreach (SiloProcess node in cluster.Nodes)
        {
            Answer missing = await node.Http.GetAsync("nobody has this");
            Assert.True(missing.Status == 404, $"{node.Name}: {missing}\n{cluster.Tails()}");
        }

        // Round by round on other nodes, each key read everywhere at once after its post: never a 404, never an old value
        // on a node that had no copy.
        for (int round = 0; round < 10; round++)
        {
            SiloProcess writer = cluster.Nodes[round % cluster.Nodes.Count];
            Answer posted = await writer.Http.PostAsync($"key {round}", $"value {round}");
            Assert.True(posted.Status == 200, $"{writer.Name}: {posted}\n{cluster.Tails()}");
            Answer[] answers = await Task.WhenAll(cluster.Nodes.Select(node => node.Http.GetAsync($"key {round}")));
            Assert.All(answers, answer => Assert.Equal((200, $"value {round}"), (answer.Status, answer.Text)));
        }

        ClusterView view = await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        SiloProcess third = cluster.Nodes.Single(node => !view.Masters.Contains(node.Name));
        Answer deleted = await third.Http.SendAsync(HttpMethod.Delete, "/v1/kv/key%200");
        Assert.True(deleted.Status == 204, $"{deleted}\n{cluster.Tails()}");
        Assert.Equal(404, (await third.Http.FetchAsync("/v1/kv/key%200")).Status);
        Assert.Equal(404, (await third.Http.FetchAsync("/v1/kv/never%20there")).Status);
    }

    private static async Task LocalOnlyIsFoundAsync(TestCluster cluster)
    {
        ClusterView view = await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        SiloProcess holder = cluster.Nodes.Single(node => !view.Masters.Contains(node.Name));
        Assert.Equal(200, (await holder.Http.PostLocalAsync("mine alone", "kept here")).Status);
        foreach (SiloProcess node in cluster.Nodes)
        {
            Answer answer = await node.Http.GetAsync("mine alone");
            Assert.True(answer.Status == 200 && answer.Text == "kept here", $"{node.Name}: {answer}\n{cluster.Tails()}");
        }
    }
}
