using System.Collections.Concurrent;
using System.Globalization;

namespace Diststore.Simulation;

/// <summary>
/// Core's protocol under random faults. <c>DISTSTORE_SEEDS=FROM-TO</c> runs other seeds than the few of the suite; a
/// failing one is named in the message and replays exactly; <c>DISTSTORE_TRACE=FOLDER</c> writes what its nodes log.
/// </summary>
public sealed class ProtocolTests
{
    private const int SeedsPerPiece = 20;
    private static readonly TimeSpan Faulty = TimeSpan.FromSeconds(20);

    /// <summary>The seeds in pieces, each a test: whoever runs many sees how far they are.</summary>
    public static TheoryData<int, int> Pieces
    {
        get
        {
            (int from, int to) = Seeds();
            var pieces = new TheoryData<int, int>();
            for (int start = from; start < to; start += SeedsPerPiece)
            {
                pieces.Add(start, Math.Min(start + SeedsPerPiece, to));
            }

            return pieces;
        }
    }

    [Fact]
    public void A_healthy_cluster_acknowledges_everything()
    {
        var cluster = new SimCluster(seed: 1, durable: true);
        cluster.Run(TimeSpan.Zero);
        Assert.Equal(0, cluster.Clients.UnknownWrites);
        Assert.True(cluster.Clients.AcknowledgedWrites > 500, $"only {cluster.Clients.AcknowledgedWrites} writes were acknowledged");
        Assert.True(cluster.Remembered > 0 && cluster.Forgotten > 0, $"{cluster.Remembered} requests are remembered, up to {cluster.Forgotten} none");
        Assert.True(cluster.Views <= 3, $"{cluster.Views} views were made without a fault");
    }

    [Fact]
    public void A_registry_that_begins_takes_one_missed_ping_for_no_loss() =>
        new SimCluster(seed: 1, durable: true).RunRestartingRegistries(times: 10);

    [Theory]
    [MemberData(nameof(Pieces))]
    public void All_rules_hold_on_durable_stores(int from, int to) => RunSeeds(from, to, durable: true);

    [Theory]
    [MemberData(nameof(Pieces))]
    public void All_rules_hold_on_stores_in_memory(int from, int to) => RunSeeds(from, to, durable: false);

    [Theory]
    [MemberData(nameof(Pieces))]
    public void All_rules_hold_where_a_backup_is_restored(int from, int to) => RunSeeds(from, to, durable: true, restores: true);

    [Theory]
    [InlineData(17)]
    [InlineData(18)]
    public void A_seed_replays_exactly(int seed)
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

    private static void RunSeeds(int from, int to, bool durable, bool restores = false)
    {
        int acknowledged = 0, views = 0, strong = 0, watched = 0, local = 0, histories = 0, lives = 0, moved = 0, replayed = 0, looked = 0;
        int narrow = 0, skipped = 0;
        var failures = new ConcurrentBag<string>();
        Parallel.ForEach(Partitioner.Create(Enumerable.Range(from, to - from), EnumerablePartitionerOptions.NoBuffering), seed =>
        {
            var cluster = new SimCluster(seed, durable, restores: restores);
            try
            {
                cluster.Run(Faulty);
            }
            catch (SimulationException broken)
            {
                failures.Add(broken.ToString());
            }

            Interlocked.Add(ref acknowledged, cluster.Clients.AcknowledgedWrites);
            Interlocked.Add(ref strong, cluster.Clients.StrongReads);
            Interlocked.Add(ref views, cluster.Views);
            Interlocked.Add(ref watched, cluster.Watched);
            Interlocked.Add(ref narrow, cluster.WatchedByPrefix.Seen);
            Interlocked.Add(ref skipped, cluster.WatchedByPrefix.Skipped);
            Interlocked.Add(ref local, cluster.Locals.Found);
            Interlocked.Add(ref histories, cluster.Histories);
            Interlocked.Add(ref lives, cluster.LivesJudged);
            Interlocked.Add(ref moved, cluster.Bank.Moved);
            Interlocked.Add(ref replayed, cluster.Bank.Replayed);
            Interlocked.Add(ref looked, cluster.Bank.Looked);
        });

        Assert.True(failures.IsEmpty, $"{failures.Count} of {to - from} seeds fail\n{string.Join("\n\n", failures.Take(5))}");

        // A simulation that does nothing must not pass. A whole piece of seeds does more on the average than the laziest seed alone.
        int watchedEach = to - from == SeedsPerPiece ? 300 : 100;
        Assert.True(acknowledged > 300 * (to - from), $"only {acknowledged} writes were acknowledged");
        Assert.True(strong > 100 * (to - from), $"only {strong} strong reads were answered");
        Assert.True(watched > watchedEach * (to - from), $"only {watched} changes were watched");
        Assert.True(narrow > 50 * (to - from), $"only {narrow} changes were watched by prefix");
        Assert.True(skipped > 50 * (to - from), $"only {skipped} pages moved on watchers by prefix");
        Assert.True(local > 50 * (to - from), $"only {local} reads of local-only keys found them");
        Assert.True(moved > 100 * (to - from), $"only {moved} moves between accounts were done");
        Assert.True(looked > 50 * (to - from), $"only {looked} looks at all accounts were answered");
        Assert.True(replayed > (to - from) / 4, $"only {replayed} moves were done before their clients asked again");
        Assert.True(lives > 20 * (to - from), $"only {lives} reads of values that end were judged by the primary's clock");
        double historiesEach = to - from < SeedsPerPiece || (durable && !restores) ? 0 : restores ? 1.5 : 1.2;
        Assert.True(histories > historiesEach * (to - from), $"only {histories} histories, though stores are lost");
        Assert.True(views > 3 * (to - from), $"only {views} views were made");
    }

    private static (int From, int To) Seeds()
    {
        string[] range = (Environment.GetEnvironmentVariable("DISTSTORE_SEEDS") ?? "0-20").Split('-');
        return (int.Parse(range[0], CultureInfo.InvariantCulture), int.Parse(range[1], CultureInfo.InvariantCulture));
    }
}
