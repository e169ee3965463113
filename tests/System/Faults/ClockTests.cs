using System.Globalization;

namespace Diststore.SystemTests;

/// <summary>A node whose wall clock is an hour off, as secondary and as primary.</summary>
[Trait("Category", "long")]
public sealed class ClockTests
{
    private const int Keys = 20;
    private const int HalfAnHour = 1800; // seconds
    private const int TwoHours = 7200; // seconds

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_clock_off_by_an_hour_shifts_expiry_times_and_nothing_else(int hours)
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        Skip.IfNot(FakeClock.Missing is null, FakeClock.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape
        {
            Nodes = 3,
            Prefix = name => name == "node-02" ? FakeClock.OffByHours(hours) : [],
        });
        ClusterView view = await RestartTests.FillAsync(cluster, Keys);
        Assert.True(view is { Primary: "node-01", Secondary: "node-02" }, $"{view}");
        await PutAsync(cluster[1], "half an hour", HalfAnHour);
        await PutAsync(cluster[3], "two hours", TwoHours);
        await ShowsAsync(cluster, cluster.Nodes, "half an hour", isThere: true);
        await ShowsAsync(cluster, cluster.Nodes, "two hours", isThere: true);
        IsOff(cluster[2], hours);

        // Its clock counts as soon as it leads: an hour ahead the half hour is over.
        cluster[1].Kill();
        await cluster[3].Http.PostUntilDoneAsync("after", "1", cluster.Tails);
        ClusterView after = await cluster.WaitForTwoMastersAsync(cluster[3], Eventually.Patience);
        Assert.Equal("node-02", after.Primary);
        await ShowsAsync(cluster, cluster.Running, "half an hour", isThere: hours < 0);
        await ShowsAsync(cluster, cluster.Running, "two hours", isThere: true);
        await PutAsync(cluster[3], "new", HalfAnHour);
        await GoesOnAsync(cluster);

        // A primary with the right time again: what the wrong clock gave half an hour ends an hour later, or is over.
        await cluster.StartAgainAsync();
        cluster[2].Kill();
        await cluster[1].Http.PostUntilDoneAsync("after", "1", cluster.Tails);
        await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        await ShowsAsync(cluster, cluster.Running, "new", isThere: hours > 0);
        await ShowsAsync(cluster, cluster.Running, "two hours", isThere: true);
        await RestartTests.HoldsAsync(cluster, cluster[1], [.. RestartTests.Keys(Keys), "after"]);
    }

    private static async Task PutAsync(SiloProcess node, string key, int seconds)
    {
        using var body = new StringContent("1");
        Answer answer = await node.Http.SendAsync(HttpMethod.Put, $"/v1/kv/{Uri.EscapeDataString(key)}?ttl={seconds}", body);
        Assert.True(answer.Status == 201, $"{key} at {node.Name}: {answer}");
    }

    private static async Task ShowsAsync(TestCluster cluster, IEnumerable<SiloProcess> nodes, string key, bool isThere)
    {
        foreach (SiloProcess node in nodes)
        {
            await Eventually.TrueAsync(
                async () =>
                {
                    Answer[] answers = await Task.WhenAll(node.Http.ReadAsync(key), node.Http.ReadStrongAsync(key));
                    return answers.All(answer => answer.Status == (isThere ? 200 : 404)) ? null : $"{key} at {node.Name}: {answers[0]}, {answers[1]}";
                },
                Eventually.Patience,
                cluster.Tails);
        }
    }

    // Versions, conditions and reads ask no clock.
    private static async Task GoesOnAsync(TestCluster cluster)
    {
        Answer created = await cluster[3].Http.PutAsync("counted", "1");
        Answer replaced = await cluster[2].Http.PutAsync("counted", "2", created.ETag);
        Answer late = await cluster[3].Http.PutAsync("counted", "3", created.ETag);
        Assert.True((created.Status, replaced.Status, late.Status) == (201, 204, 412), $"{created}, {replaced}, {late}\n{cluster.Tails()}");
        Assert.Equal("2", (await cluster[3].Http.ReadStrongAsync("counted")).Text);
        foreach (SiloProcess node in cluster.Running)
        {
            await RestartTests.HoldsAsync(cluster, node, RestartTests.Keys(Keys));
        }
    }

    // Its log carries its date and time, at the start of a line.
    private static void IsOff(SiloProcess node, int hours)
    {
        string line = node.Said.Split('\n').Last(static line => line.Contains(" info: ", StringComparison.Ordinal));
        DateTime said = DateTime.Parse(line[.."yyyy-MM-dd HH:mm:ss.fff".Length], CultureInfo.InvariantCulture);
        double off = (said - DateTime.Now).TotalHours - hours;
        Assert.True(Math.Abs(off) < 0.25, $"{node.Name} says {line} at {DateTime.Now}");
    }
}
