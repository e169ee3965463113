using System.Diagnostics;

namespace Diststore.SystemTests;

/// <summary>The scenarios that the project began with, over ten real processes.</summary>
[TestCaseOrderer(InOrder.Type, InOrder.Assembly)]
public sealed class PlainRouteScenarioTests(TenNodes fixture) : IClassFixture<TenNodes>
{
    /// <summary>How soon after a kill there have to be two masters again.</summary>
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(5);

    [SkippableFact, Step(1)]
    public async Task A_key_that_nobody_has_is_404_on_every_node()
    {
        foreach (SiloProcess node in fixture.Cluster.Nodes)
        {
            Answer answer = await node.Http.GetAsync("nobody has this");
            Assert.True(answer.Status == 404, $"{node.Name}: {answer}\n{fixture.Cluster.Tails()}");
        }
    }

    [SkippableFact, Step(2)]
    public async Task What_one_node_took_another_gives()
    {
        await fixture.PostAsync(fixture.Cluster[1], "greeting", "hello");
        await fixture.PostAsync(fixture.Cluster[4], "Grüße & Küsse/100%", "von Knoten 4");
        Answer ascii = await fixture.Cluster[7].Http.GetAsync("greeting");
        Answer odd = await fixture.Cluster[9].Http.GetAsync("Grüße & Küsse/100%");
        Assert.Equal((200, "hello"), (ascii.Status, ascii.Text));
        Assert.Equal((200, "von Knoten 4"), (odd.Status, odd.Text));
    }

    [SkippableFact, Step(3)]
    public async Task Ten_posts_on_ten_nodes_are_all_on_the_first()
    {
        foreach (SiloProcess node in fixture.Cluster.Nodes)
        {
            await fixture.PostAsync(node, $"from {node.Name}", $"value of {node.Name}");
        }

        // The other master learns with the next message that a batch is committed, so node 1 may be a moment behind
        // when it is that one.
        await AllHereAsync(fixture.Cluster[1], [.. fixture.Cluster.Nodes.Select(static node => $"from {node.Name}")]);
    }

    [SkippableFact, Step(4)]
    public async Task Twenty_posts_on_two_nodes_are_on_the_masters_and_wherever_they_are_read()
    {
        string[] keys = [.. Enumerable.Range(0, 20).Select(static number => $"twenty/{number}")];
        for (int i = 0; i < keys.Length; i++)
        {
            await fixture.PostAsync(fixture.Cluster[i % 2 == 0 ? 5 : 6], keys[i], $"value {i}");
        }

        ClusterView view = await fixture.Cluster.WaitForTwoMastersAsync(fixture.Cluster[5], Recovery);
        foreach (string master in view.Masters)
        {
            await AllHereAsync(fixture.Cluster[master], keys);
        }

        SiloProcess third = Others(view, 5, 6).First();
        foreach (string key in keys)
        {
            Answer before = await third.Http.GetLocalAsync(key);
            Assert.True(before.Status == 404, $"{third.Name} has {key} before anyone asked it: {before}");
            Answer got = await third.Http.GetAsync(key);
            Assert.True(got.Status == 200 && got.Text == fixture.Posted[key], $"GET {key} at {third.Name}: {got}");
        }

        foreach (string key in keys)
        {
            Answer copy = await third.Http.GetLocalAsync(key);
            Assert.True(copy.Status == 200 && copy.Text == fixture.Posted[key], $"GETLOCAL {key} at {third.Name}: {copy}");
        }
    }

    [SkippableFact, Step(5)]
    public async Task Posts_to_one_key_from_all_nodes_at_once_end_the_same_on_both_masters()
    {
        const string key = "contended";
        Answer[] answers = await Task.WhenAll(fixture.Cluster.Nodes.SelectMany(
            node => Enumerable.Range(0, 5).Select(round => node.Http.PostAsync(key, $"{node.Name} round {round}"))));
        Assert.All(answers, static answer => Assert.Equal(200, answer.Status));

        ClusterView view = await fixture.Cluster.WaitForTwoMastersAsync(fixture.Cluster[2], Recovery);
        Answer last = await Eventually.GetAsync<Answer>(
            async () =>
            {
                Answer[] masters = await Task.WhenAll(view.Masters.Select(master => fixture.Cluster[master].Http.GetLocalAsync(key)));
                bool same = masters.All(
                    answer => answer.Status == 200 && answer.ETag is not null && answer.ETag == masters[0].ETag && answer.Text == masters[0].Text);
                return same ? (masters[0], null) : (null, string.Join(" / ", masters.Select(static answer => $"{answer} {answer.ETag}")));
            },
            Recovery,
            fixture.Cluster.Tails);
        fixture.Posted[key] = last.Text;
    }

    [SkippableFact, Step(6)]
    public async Task What_only_one_node_holds_is_found_by_all_others()
    {
        ClusterView view = await fixture.Cluster.WaitForTwoMastersAsync(fixture.Cluster[3], Recovery);
        SiloProcess holder = Others(view).Last();
        Assert.Equal(200, (await holder.Http.PostLocalAsync("mine alone", "kept here")).Status);
        foreach (SiloProcess node in fixture.Cluster.Nodes)
        {
            Answer answer = await node.Http.GetAsync("mine alone");
            Assert.True(answer.Status == 200 && answer.Text == "kept here", $"{node.Name}: {answer}");
        }

        Answer[] local = await Task.WhenAll(fixture.Cluster.Nodes.Select(static node => node.Http.GetLocalAsync("mine alone")));
        Assert.Single(local, static answer => answer.Status == 200);
        Assert.Equal(404, (await fixture.Cluster[1].Http.FetchAsync("/v1/kv/mine%20alone")).Status);
    }

    [SkippableFact, Step(7)]
    public async Task What_the_gateway_took_every_node_gives()
    {
        using GatewayProcess gateway = await fixture.Cluster.StartGatewayAsync();
        Answer posted = await gateway.Http.PostAsync("by gateway", "came in by the gateway");
        Assert.True(posted.Status == 200, $"{posted}\n{gateway.Process.Tail()}");
        fixture.Posted["by gateway"] = "came in by the gateway";
        foreach (SiloProcess node in fixture.Cluster.Nodes)
        {
            Answer answer = await node.Http.GetAsync("by gateway");
            Assert.True(answer.Status == 200 && answer.Text == "came in by the gateway", $"{node.Name}: {answer}");
        }

        Assert.Equal(404, (await gateway.Http.GetAsync("nobody has this either")).Status);
        foreach (SiloProcess node in fixture.Cluster.Nodes)
        {
            Answer addressed = await gateway.Http.FetchAsync($"/getlocal/by%20gateway?node={node.Name}");
            Assert.Equal((200, node.Name), (addressed.Status, addressed.Node));
        }
    }

    [SkippableFact, Step(8)]
    public async Task After_a_master_is_killed_the_node_with_most_keys_is_a_master_and_has_every_key()
    {
        TestCluster cluster = fixture.Cluster;
        ClusterView before = await cluster.WaitForTwoMastersAsync(cluster[1], Recovery);
        SiloProcess reader = Others(before).First();
        foreach (string key in fixture.Posted.Keys)
        {
            Assert.Equal(200, (await reader.Http.GetAsync(key)).Status);
        }

        ClusterView counted = await reader.Http.ClusterAsync();
        string heir = counted.Nodes.Where(node => !before.Masters.Contains(node.Key)).OrderByDescending(static node => node.Value)
            .ThenBy(static node => node.Key, StringComparer.Ordinal).First().Key;
        SiloProcess poster = Others(before).Last();
        Assert.NotEqual(heir, poster.Name);

        SiloProcess killed = cluster[before.Primary!];
        killed.Kill();
        var clock = Stopwatch.StartNew();
        await poster.Http.PostUntilDoneAsync("after the kill", "still here", cluster.Tails);
        fixture.Posted["after the kill"] = "still here";

        ClusterView after = await cluster.WaitForTwoMastersAsync(poster, Remaining(clock));
        Assert.True(after.Epoch > before.Epoch, $"{before} -> {after}");
        Assert.True(after.Masters.Contains(heir), $"{heir} had the most keys: {before} -> {after}");
        (string Name, int Keys)[] held = await Task.WhenAll(cluster.Running.Select(static async node => (node.Name, (await node.Http.ListAsync()).Length)));
        string most = held.MaxBy(static node => node.Keys).Name;
        Assert.True(after.Masters.Contains(most), $"{most} holds the most keys: {after}");
        foreach (string master in after.Masters)
        {
            await AllHereAsync(cluster[master], [.. fixture.Posted.Keys], Remaining(clock));
        }
    }

    private static TimeSpan Remaining(Stopwatch clock) => Recovery - clock.Elapsed;

    /// <summary>Nodes that are no masters, in order, without those of the given numbers.</summary>
    private IEnumerable<SiloProcess> Others(ClusterView view, params int[] without) =>
        fixture.Cluster.Running.Where(node => !view.Masters.Contains(node.Name) && !without.Any(number => fixture.Cluster[number] == node));

    private Task AllHereAsync(SiloProcess node, IReadOnlyList<string> keys, TimeSpan? deadline = null) => Eventually.TrueAsync(
        async () =>
        {
            foreach (string key in keys)
            {
                Answer answer = await node.Http.GetLocalAsync(key);
                if (answer.Status != 200 || answer.Text != fixture.Posted[key])
                {
                    return $"GETLOCAL {key} at {node.Name}: {answer}";
                }
            }

            return null;
        },
        deadline ?? Recovery,
        fixture.Cluster.Tails);
}
