using System.Globalization;
using Diststore.Testing;
using Xunit.Abstractions;

namespace Diststore.SystemTests;

/// <summary>
/// Nodes killed again and again under load. <c>DISTSTORE_CRASH_ROUNDS</c> runs more rounds than the suite does,
/// <c>DISTSTORE_CRASH_SEED</c> repeats the choice of victims, which a failure names.
/// </summary>
[Trait("Category", "long")]
public sealed class CrashTests(ITestOutputHelper output)
{
    private const int Writers = 64;

    // Both masters killed at once resume from their disks, and the killed have to start first.
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(60);

    [SkippableFact]
    public async Task Nothing_acknowledged_is_lost_and_nothing_deleted_is_back_whoever_is_killed()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        int rounds = LongRun.Number("DISTSTORE_CRASH_ROUNDS", 4);
        int seed = LongRun.Number("DISTSTORE_CRASH_SEED", Random.Shared.Next(100_000));
        var random = new Random(seed);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);

        using var over = new CancellationTokenSource();
        var up = new UpNodes([.. cluster.Nodes]);
        OwnKeysWriter[] writers = [.. Enumerable.Range(0, Writers).Select(number => new OwnKeysWriter(number, up))];
        var watcher = new ChangeFollower(up);
        Task writing = Task.WhenAll(writers.Select(writer => writer.RunAsync(over.Token)));
        Task watching = watcher.RunAsync(over.Token);
        for (int round = 0; round < rounds; round++)
        {
            await KillAndStartAgainAsync(cluster, up, random, writers, seed);
        }

        await over.CancelAsync();
        await Task.WhenAll(writing, watching);
        string at = $"seed {seed}, {writers.Sum(static writer => writer.Acknowledged)} writes acknowledged\n{cluster.Tails()}";
        foreach (OwnKeysWriter writer in writers)
        {
            await OwnKeysWriter.CheckAsync(cluster[1].Http, writer.Promises(), at, strongly: true);
        }

        await watcher.CatchUpAsync(cluster[1].Http);
        await watcher.CheckAsync(cluster[1].Http, at);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{rounds} rounds, seed {seed}: {writers.Sum(static writer => writer.Acknowledged):N0} writes acknowledged, "
            + $"{writers.Sum(static writer => writer.Promises().Count(static promise => promise.Key.IsDoubtful)):N0} of unknown outcome"));
    }

    // One of them, sometimes two; writes must be acknowledged again after each round.
    private static async Task KillAndStartAgainAsync(TestCluster cluster, UpNodes up, Random random, OwnKeysWriter[] writers, int seed)
    {
        SiloProcess[] victims = [.. cluster.Nodes.OrderBy(_ => random.Next()).Take(random.Next(4) == 0 ? 2 : 1)];
        up.Up = [.. cluster.Nodes.Except(victims)];
        Array.ForEach(victims, static victim => victim.Kill());
        await cluster.StartAgainAsync();
        up.Up = [.. cluster.Nodes];
        int before = writers.Sum(static writer => writer.Acknowledged);
        await Eventually.TrueAsync(
            () => Task.FromResult(writers.Sum(static writer => writer.Acknowledged) > before + Writers ? null : $"seed {seed}: nothing is acknowledged"),
            Recovery,
            cluster.Tails);
        await cluster.WaitForTwoMastersAsync(cluster[1], Recovery);
    }
}
