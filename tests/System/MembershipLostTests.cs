using Diststore.Testing;

namespace Diststore.SystemTests;

/// <summary>Redis forgets everything, the membership and the masters' view, while the silos live.</summary>
[Trait("Category", "long")]
public sealed class MembershipLostTests
{
    private const int Writers = 16;
    private const int Some = 200;

    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(60);

    [SkippableFact]
    public async Task Where_only_the_silos_rows_are_lost_nobody_has_to_leave()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        ClusterView before = await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);

        await ((RedisServer)cluster.Storage).ForgetSilosAsync();
        await Eventually.TrueAsync(
            () => Task.FromResult(cluster.Nodes.Any(static node => node.HasSaid("The membership is back")) ? null : "the membership is not back"),
            Recovery,
            cluster.Tails);

        SiloProcess added = cluster.Another("node-04", "127.1.2.4");
        added.Start();
        await added.WaitUntilReadyAsync();
        foreach (SiloProcess node in cluster.Nodes.Append(added))
        {
            await Eventually.TrueAsync(
                async () =>
                {
                    ClusterView view = await node.Http.ClusterAsync();
                    return view.Nodes.Count == 4 && view.Epoch == before.Epoch ? null : $"{node.Name} sees {view}";
                },
                Recovery,
                cluster.Tails);
        }

        Assert.All(cluster.Nodes, static node => Assert.False(node.HasSaid("starts again in"), node.Said));
    }

    [SkippableFact]
    public async Task The_silos_are_one_cluster_again_with_one_that_is_new_and_nothing_is_lost()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        using GatewayProcess gateway = await cluster.StartGatewayAsync();
        await gateway.Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        ClusterView before = await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        var up = new UpNodes([.. cluster.Nodes]);
        OwnKeysWriter[] writers = [.. Enumerable.Range(0, Writers).Select(number => new OwnKeysWriter(number, up))];
        using var over = new CancellationTokenSource();
        Task writing = Task.WhenAll(writers.Select(writer => writer.RunAsync(over.Token)));
        await GoesOnAsync();

        await ((RedisServer)cluster.Storage).ForgetAsync();
        await Eventually.TrueAsync(
            () => Task.FromResult(cluster.Nodes.Any(static node => node.HasSaid("The membership is back")) ? null : "the membership is not back"),
            Recovery,
            cluster.Tails);

        // Once more, with a node that starts in the gap.
        await ((RedisServer)cluster.Storage).ForgetAsync();
        SiloProcess added = cluster.Another("node-04", "127.1.2.4");
        added.Start();
        await added.WaitUntilReadyAsync();
        SiloProcess[] all = [.. cluster.Nodes, added];
        await SeeEachOtherAsync(all);
        await GoesOnAsync();
        Assert.All(cluster.Nodes, static node => Assert.False(node.HasSaid("starts again in"), node.Said));

        SiloProcess primary = cluster[before.Primary!];
        up.Up = [.. cluster.Nodes.Where(node => node != primary)];
        primary.Kill();
        await SeeEachOtherAsync([.. all.Where(node => node != primary)]);
        await GoesOnAsync();
        await over.CancelAsync();
        await writing;
        (OwnKey, int)[] promises = [.. writers.SelectMany(static writer => writer.Promises())];
        foreach (SiloProcess node in all.Where(node => node != primary))
        {
            await OwnKeysWriter.CheckAsync(node.Http, promises, $"at {node.Name}\n{cluster.Tails()}", strongly: true);
        }

        await gateway.Http.PostUntilDoneAsync("last", "1", cluster.Tails);

        async Task GoesOnAsync()
        {
            int wanted = writers.Sum(static writer => writer.Acknowledged) + Some;
            await Eventually.TrueAsync(
                () => Task.FromResult(writers.Sum(static writer => writer.Acknowledged) >= wanted ? null : $"{wanted} writes are not yet acknowledged"),
                Recovery,
                cluster.Tails);
        }

        Task SeeEachOtherAsync(SiloProcess[] nodes) => Eventually.TrueAsync(
            async () =>
            {
                string[] names = [.. nodes.Select(static node => node.Name).Order(StringComparer.Ordinal)];
                foreach (SiloProcess node in nodes)
                {
                    ClusterView view = await node.Http.ClusterAsync();
                    if (!view.Nodes.Keys.Order(StringComparer.Ordinal).SequenceEqual(names) || !view.IsWhole)
                    {
                        return $"{node.Name} sees {view}";
                    }
                }

                return null;
            },
            Recovery,
            cluster.Tails);
    }
}
