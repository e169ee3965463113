using System.Collections.Concurrent;
using System.Globalization;
using Xunit.Abstractions;

namespace Diststore.Simulation;

/// <summary>
/// Proof that the simulation can fail: each rule of the protocol is broken once, and some seed of the first eight thousand has to
/// notice. <c>DISTSTORE_BUG_SEEDS=N</c> tries more or fewer of them.
/// </summary>
public sealed class PlantedBugTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Faulty = TimeSpan.FromSeconds(20);

    public static TheoryData<string> Bugs => [.. Enum.GetNames<PlantedBug>().Where(static name => name != nameof(PlantedBug.None))];

    [Theory, Trait("Category", "long")]
    [MemberData(nameof(Bugs))]
    public void Some_seed_finds(string name)
    {
        PlantedBug bug = Enum.Parse<PlantedBug>(name);
        int seeds = int.Parse(Environment.GetEnvironmentVariable("DISTSTORE_BUG_SEEDS") ?? "8000", CultureInfo.InvariantCulture);
        string? found = null;
        Parallel.ForEach(Partitioner.Create(Enumerable.Range(0, seeds), EnumerablePartitionerOptions.NoBuffering), (seed, loop) =>
        {
            PlantedBugs.Plant(bug);
            try
            {
                Run(bug, seed);
            }
            catch (SimulationException broken)
            {
                found = broken.Message;
                loop.Stop();
            }
            finally
            {
                PlantedBugs.Plant(PlantedBug.None);
            }
        });
        Assert.True(found is not null, $"{seeds} seeds do not find {bug}");
        output.WriteLine(found);
    }

    // A load that is about something else takes time from finding a bug: few are found by what nearly all are found by.
    private static void Run(PlantedBug bug, int seed)
    {
        if (bug == PlantedBug.FirstMissesCount)
        {
            new SimCluster(seed, durable: true).RunRestartingRegistries(times: 10);
            return;
        }

        // Only who loses all stores, which are in memory, has more than one history.
        bool losesAllStores = bug == PlantedBug.HistoryIgnoredByKeep;
        var cluster = new SimCluster(seed, durable: !losesAllStores, losesAllStores: losesAllStores, restores: bug == PlantedBug.RestoreKeepsEpochs);
        cluster.Clients.Expiring = bug is PlantedBug.OwnClockAtSecondary or PlantedBug.FetchedCopyForgetsLife ? 0.6 : 0.03;
        cluster.Run(Faulty, localClients: bug == PlantedBug.AcknowledgeLocalAtOnce ? SimCluster.LocalClients : 0);
    }
}
