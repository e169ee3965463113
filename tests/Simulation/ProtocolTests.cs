using System.Globalization;

namespace Diststore.Simulation;

/// <summary>
/// Core's protocol under random faults. <c>DISTSTORE_SEEDS=FROM-TO</c> runs other seeds than the few of the suite; a
/// failing one is named in the message and replays exactly.
/// </summary>
public sealed class ProtocolTests
{
    private static readonly TimeSpan Faulty = TimeSpan.FromSeconds(30);

    [Fact]
    public void AHealthyClusterAcknowledgesEverything()
    {
        var cluster = new SimCluster(seed: 1, durable: true);
        cluster.Run(TimeSpan.Zero);
        Assert.Equal(0, cluster.Unknown);
        Assert.True(cluster.Acknowledged > 500, $"only {cluster.Acknowledged} writes were acknowledged");
        Assert.True(cluster.Views <= 3, $"{cluster.Views} views were made without a fault");
    }

    [Fact]
    public void AcknowledgedWritesSurviveCrashesCutsAndPausesOnDurableStores() => RunSeeds(durable: true);

    [Fact]
    public void AcknowledgedWritesSurviveSingleLossesOnStoresInMemory() => RunSeeds(durable: false);

    [Theory]
    [InlineData(17)]
    [InlineData(18)]
    public void ASeedReplaysExactly(int seed)
    {
        Assert.Equal(Trace(seed), Trace(seed));
        Assert.NotEqual(Trace(seed), Trace(seed + 1000));

        static ulong Trace(int seed)
        {
            var cluster = new SimCluster(seed, durable: true);
            cluster.Run(Faulty);
            return cluster.Trace;
        }
    }

    private static void RunSeeds(bool durable)
    {
        (int from, int to) = Seeds();
        int acknowledged = 0, views = 0;
        for (int seed = from; seed < to; seed++)
        {
            var cluster = new SimCluster(seed, durable);
            cluster.Run(Faulty);
            acknowledged += cluster.Acknowledged;
            views += cluster.Views;
        }

        // A simulation that does nothing must not pass.
        Assert.True(acknowledged > 300 * (to - from), $"only {acknowledged} writes were acknowledged");
        Assert.True(views > 3 * (to - from), $"only {views} views were made");
    }

    private static (int From, int To) Seeds()
    {
        string[] range = (Environment.GetEnvironmentVariable("DISTSTORE_SEEDS") ?? "0-40").Split('-');
        return (int.Parse(range[0], CultureInfo.InvariantCulture), int.Parse(range[1], CultureInfo.InvariantCulture));
    }
}
