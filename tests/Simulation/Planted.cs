using System.Collections.Concurrent;
using System.Diagnostics;

namespace Diststore.Simulation;

/// <summary>
/// Which of the faults in <c>Planted/</c> is on. Only a copy of Core with those patches asks; where none is applied, none can be on.
/// </summary>
internal static class Planted
{
    private static volatile string? _name;

    public static bool Is(string name) => _name == name;

    /// <summary>
    /// Runs seeds with that fault until one of them notices, and gives what it says; <see langword="null"/> if none does. By its name,
    /// from <see cref="PatchedCopy"/>.
    /// </summary>
    public static string? Search(string name, int seeds, TimeSpan atMost)
    {
        long began = Stopwatch.GetTimestamp();
        string? found = null;
        _name = name;
        Parallel.ForEach(Partitioner.Create(Enumerable.Range(0, seeds), EnumerablePartitionerOptions.NoBuffering), (seed, loop) =>
        {
            try
            {
                Run(name, seed);
            }
            catch (SimulationException broken) when (broken.InnerException is not NullReferenceException) // a fault of the simulation itself
            {
                found = broken.ToString();
                loop.Stop();
            }

            if (Stopwatch.GetElapsedTime(began) > atMost)
            {
                loop.Stop();
            }
        });
        _name = null;
        return found;
    }

    // A load that is about something else takes time from finding a fault: few are found by what nearly all are found by.
    private static void Run(string name, int seed)
    {
        if (name == "FirstMissesCount")
        {
            new SimCluster(seed, durable: true).RunRestartingRegistries(times: 10);
            return;
        }

        // Only who loses all stores, which are in memory, has more than one history.
        bool losesAllStores = name == "HistoryIgnoredByKeep";
        var cluster = new SimCluster(seed, durable: !losesAllStores, losesAllStores: losesAllStores, restores: name == "RestoreKeepsEpochs");
        cluster.Clients.Expiring = name is "OwnClockAtSecondary" or "FetchedCopyForgetsLife" ? 0.6 : 0.03;
        if (name is "CountAgeFromAnswer" or "GatewayCountsAgeFromAnswer")
        {
            // What it is told is old when it comes.
            cluster.Network.SlowHost = name == "CountAgeFromAnswer" ? cluster.Nodes[seed % cluster.Nodes.Count].Name : cluster.Gateway.Name;
        }

        if (name == "RequestsForgottenByWallClock")
        {
            cluster.JumpClocks(every: TimeSpan.FromMilliseconds(700));
        }

        bool isOfBanks = name is "SplitTransaction" or "SnapshotKeyByKey" or "LearnerForgetsRequests" or "RequestsForgottenByWallClock";
        cluster.Run(
            TimeSpan.FromSeconds(20),
            bankClients: isOfBanks ? SimCluster.BankClients : 0,
            localClients: name == "AcknowledgeLocalAtOnce" ? SimCluster.LocalClients : 0,
            gatewayClients: name.StartsWith("Gateway", StringComparison.Ordinal) ? SimCluster.GatewayClients : 0);
    }
}
