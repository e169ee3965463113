using System.Diagnostics;

namespace Diststore.SystemTests;

/// <summary>Writers in each other's company.</summary>
[Trait("Category", "long")]
public sealed class WriteTests
{
    private const int Writes = 800;
    private const int Writers = 8;

    /// <summary>
    /// Only over real processes do batches overtake each other; a link that then sends them again and again is many
    /// times slower for eight writers than for one, where it should be faster.
    /// </summary>
    [Fact]
    public async Task Many_writers_at_once_do_not_hold_each_other_up()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3, Keeper = Keeper.Node });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        await TimeAsync(cluster, "warm-up", Writers);

        TimeSpan alone = await TimeAsync(cluster, "alone", 1);
        TimeSpan together = await TimeAsync(cluster, "together", Writers);
        Assert.True(together < alone * 1.5, $"{Writes} writes take {alone.TotalMilliseconds:0} ms by one, {together.TotalMilliseconds:0} ms by {Writers}");
    }

    private static async Task<TimeSpan> TimeAsync(TestCluster cluster, string prefix, int writers)
    {
        long start = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(Enumerable.Range(0, Writes), new ParallelOptions { MaxDegreeOfParallelism = writers }, async (number, _) =>
        {
            Answer answer = await cluster[1].Http.PostAsync($"{prefix} {number}", "x");
            Assert.True(answer.Status == 200, $"{answer}\n{cluster.Tails()}");
        });
        return Stopwatch.GetElapsedTime(start);
    }
}
