using System.Diagnostics;
using System.Globalization;
using Xunit.Abstractions;

namespace Diststore.SystemTests;

/// <summary>Links between machines that lose everything without a word.</summary>
[Trait("Category", "long")]
public sealed class CutLinkTests(ITestOutputHelper output)
{
    private const int Attempts = 8; // requests of each kind to who is cut off

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(1); // the default of Copies:MaxStaleness

    [SkippableFact]
    public async Task A_primary_cut_off_from_its_peer_and_the_registry_acknowledges_nothing_and_shows_nothing_beyond_the_bound()
    {
        (Lan lan, TestCluster cluster) = await StartAsync();
        using Lan network = lan;
        await using TestCluster nodes = cluster;
        (ClusterView before, _) = await cluster.MakeMastersApartFromRegistryAsync();
        SiloProcess cut = cluster[before.Primary!];
        SiloProcess other = cluster[before.Secondary!];
        await cut.Http.PutUntilDoneAsync("key", "old", cluster.Tails);
        Assert.Equal(200, (await cut.Http.ReadAsync("key")).Status);

        lan.CutOff(cut.Network!);
        var clock = Stopwatch.StartNew();
        Task<Answer>[] writes = [.. Enumerable.Range(0, Attempts).Select(i => cut.Http.PutAsync($"cut {i}", "1"))];
        Task<Answer>[] strong = [.. Enumerable.Range(0, Attempts).Select(_ => cut.Http.ReadStrongAsync("key"))];
        int shown = await ShowsNothingBeyondTheBoundAsync(cut, clock, cluster);
        Assert.All(await Task.WhenAll(strong), answer => Refused(answer, cluster));
        await other.Http.PutUntilDoneAsync("key", "new", cluster.Tails);
        TimeSpan replaced = clock.Elapsed;
        Assert.All(await Task.WhenAll(writes), answer => Refused(answer, cluster));
        Assert.True(await PendingAsync(cut), "it had nothing under way\n" + cluster.Tails());

        // What its sockets still hold is sent now, and refused: it is of an epoch that is over.
        lan.Heal();
        await cluster.WaitUntilCompleteAsync();
        ClusterView after = await cluster.WaitForTwoMastersAsync(other, Eventually.Patience);
        Assert.True(after.Epoch > before.Epoch && after.Primary == other.Name, $"{before} -> {after}\n{cluster.Tails()}");
        foreach (SiloProcess node in cluster.Nodes)
        {
            Assert.Equal("new", await EventuallyAsync(node, "key", cluster));
            for (int i = 0; i < Attempts; i++)
            {
                Assert.Null(await EventuallyAsync(node, $"cut {i}", cluster));
            }
        }

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"within the bound {shown} reads were answered, after it none; another primary had acknowledged {replaced.TotalSeconds:0.0} s after the cut"));
    }

    [SkippableFact]
    public async Task Only_the_link_between_the_masters_is_cut_the_primary_drops_its_peer_and_a_learner_joins()
    {
        (Lan lan, TestCluster cluster) = await StartAsync();
        using Lan network = lan;
        await using TestCluster nodes = cluster;

        // The registry is on the third machine, and so on neither side.
        (ClusterView before, SiloProcess third) = await cluster.MakeMastersApartFromRegistryAsync();
        SiloProcess primary = cluster[before.Primary!];
        Lan.Cut(primary.Network!, cluster[before.Secondary!].Network!);
        var clock = Stopwatch.StartNew();
        await primary.Http.PutUntilDoneAsync("key", "1", cluster.Tails);
        TimeSpan stall = clock.Elapsed;
        ClusterView after = await Eventually.GetAsync<ClusterView>(
            async () =>
            {
                ClusterView view = await third.Http.ClusterAsync();
                return view.IsWhole && view.Epoch > before.Epoch ? (view, null) : (null, $"{view}");
            },
            Eventually.Patience,
            cluster.Tails);
        TimeSpan joined = clock.Elapsed;
        Assert.True(after.Primary == primary.Name && after.Secondary == third.Name, $"{before} -> {after}\n{cluster.Tails()}");
        await third.Http.PutUntilDoneAsync("key", "2", cluster.Tails);

        lan.Heal();
        await cluster.WaitUntilCompleteAsync();
        foreach (SiloProcess node in cluster.Nodes)
        {
            Assert.Equal("2", await EventuallyAsync(node, "key", cluster));
            Assert.Equal("1", await EventuallyAsync(node, "first", cluster));
        }

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"the first write took {stall.TotalSeconds:0.0} s, two masters were in sync again after {joined.TotalSeconds:0.0} s"));
    }

    private static async Task<(Lan Lan, TestCluster Cluster)> StartAsync()
    {
        Skip.IfNot(NetworkNamespace.Missing is null, NetworkNamespace.Missing);
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        Lan lan = Lan.Create(3);
        try
        {
            return (lan, await TestCluster.StartAsync(new ClusterShape { Nodes = 3, Lan = lan }));
        }
        catch
        {
            lan.Dispose();
            throw;
        }
    }

    private static void Refused(Answer answer, TestCluster cluster) => Assert.True(answer.Status == 503, $"{answer}\n{cluster.Tails()}");

    // It was last told before the cut that it is the primary: from then on, bounded reads are answered for as long as the bound.
    private static async Task<int> ShowsNothingBeyondTheBoundAsync(SiloProcess cut, Stopwatch sinceCut, TestCluster cluster)
    {
        int shown = 0;
        while (sinceCut.Elapsed is var asked && asked <= Bound)
        {
            Answer answer = await cut.Http.ReadAsync("key");
            Assert.True(answer is { Status: 503 } or { Status: 200, Text: "old" }, $"asked after {asked}: {answer}\n{cluster.Tails()}");
            shown += answer.Status == 200 ? 1 : 0;
        }

        Assert.All(await Task.WhenAll(Enumerable.Range(0, Attempts).Select(_ => cut.Http.ReadAsync("key"))), answer => Refused(answer, cluster));
        return shown;
    }

    private static async Task<bool> PendingAsync(SiloProcess node) =>
        await Metrics.SumAsync(node.Http, "diststore_sequence_pending") > await Metrics.SumAsync(node.Http, "diststore_sequence_applied");

    // A strong read's value; null for not found.
    private static async Task<string?> EventuallyAsync(SiloProcess node, string key, TestCluster cluster)
    {
        Answer? last = null;
        await Eventually.TrueAsync(
            async () => (last = await node.Http.ReadStrongAsync(key)).Status is 200 or 404 ? null : $"{key} at {node.Name}: {last}",
            Eventually.Patience,
            cluster.Tails);
        return last!.Status == 200 ? last.Text : null;
    }
}
