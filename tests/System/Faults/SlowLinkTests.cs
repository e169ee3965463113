using Diststore.Testing;
using Xunit.Abstractions;

namespace Diststore.SystemTests;

/// <summary>
/// A learner that pulls for longer than one that stalls is waited for. <c>DISTSTORE_SLOW_MEGABYTES</c> and
/// <c>DISTSTORE_SLOW_MEGABITS</c> (a second) make it as long as one likes.
/// </summary>
[Trait("Category", "long")]
public sealed class SlowLinkTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Recovery = TimeSpan.FromMinutes(4);

    /// <summary>All that it pulls overwrites what it has: neither its number of keys nor its mark says that it gets on.</summary>
    [SkippableFact]
    public async Task One_learner_pulls_over_a_slow_link_until_it_has_all_though_another_node_could()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        Skip.IfNot(NetworkNamespace.Missing is null, NetworkNamespace.Missing);
        int megabytes = LongRun.Number("DISTSTORE_SLOW_MEGABYTES", 60);
        using Lan lan = Lan.Create(4);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 4, Lan = lan });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        ClusterView view = await cluster.WaitForTwoMastersAsync(cluster[1], Recovery);
        SiloProcess primary = cluster[view.Primary!];
        await FillAsync(primary, megabytes, 1);
        var masters = new HashSet<string>(view.Masters, StringComparer.Ordinal);
        while (masters.Count < 4)
        {
            SiloProcess next = cluster.Nodes.First(node => !masters.Contains(node.Name));
            await MakeSecondaryAsync(cluster, primary, next, own: 200 * masters.Count);
            masters.Add(next.Name);
        }

        view = await primary.Http.ClusterAsync();
        await FillAsync(primary, megabytes, 2);
        primary.Network!.Slow(LongRun.Number("DISTSTORE_SLOW_MEGABITS", 20));
        cluster[view.Secondary!].Kill();
        var learners = new List<string>();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        await Eventually.TrueAsync(
            async () =>
            {
                ClusterView now = await primary.Http.ClusterAsync();
                string? learner = now.Roles.FirstOrDefault(static role => role.Value == "learner").Key;
                if (learner is not null && learners.LastOrDefault() != learner)
                {
                    learners.Add(learner);
                }

                return now.IsWhole && now.Secondary != view.Secondary ? null : $"{now}";
            },
            Recovery,
            cluster.Tails);
        output.WriteLine($"{megabytes} MB pulled in {clock.Elapsed.TotalSeconds:0} s by {string.Join(", then ", learners)}");
        Assert.True(learners.Count == 1, $"{string.Join(", then ", learners)} learned\n{cluster.Tails()}");
        Assert.True(clock.Elapsed > TimeSpan.FromSeconds(15), $"the link was not slow: {clock.Elapsed}");
    }

    private static async Task FillAsync(SiloProcess node, int megabytes, int seed)
    {
        byte[] value = new byte[1 << 20];
        new Random(seed).NextBytes(value);
        for (int number = 0; number < megabytes; number++)
        {
            using var body = new ByteArrayContent(value);
            Answer answer = await node.Http.SendAsync(HttpMethod.Put, $"/v1/kv/long-{number}", body);
            Assert.True(answer.Status is 201 or 204, $"{answer}");
        }
    }

    // What a node keeps for itself counts where a learner is chosen.
    private static async Task MakeSecondaryAsync(TestCluster cluster, SiloProcess primary, SiloProcess next, int own)
    {
        for (int number = 0; number < own; number++)
        {
            Assert.Equal(200, (await next.Http.PostLocalAsync($"own {number}", "1")).Status);
        }

        string? before = (await primary.Http.ClusterAsync()).Secondary;
        Answer answer = await primary.Http.SendAsync(HttpMethod.Post, $"/v1/cluster/step-down?node={before}");
        Assert.True(answer.Status == 200, $"{answer}\n{cluster.Tails()}");
        ClusterView view = await cluster.WaitForTwoMastersAsync(primary, Recovery);
        Assert.True(view.Secondary == next.Name, $"{view}, expected {next.Name}\n{cluster.Tails()}");
    }
}
