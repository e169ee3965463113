using System.Diagnostics;
using System.Globalization;
using Diststore.Testing;
using Xunit.Abstractions;

namespace Diststore.SystemTests;

/// <summary>
/// A master that was away while the others went on. <c>DISTSTORE_AWAY_KEYS</c>, <c>_SECONDS</c> and <c>_RATE</c> (writes a
/// second) make it as long and as large as one likes.
/// </summary>
[Trait("Category", "long")]
public sealed class AwayTests(ITestOutputHelper output)
{
    /// <summary>What a returning master may move at most, however much is stored.</summary>
    private const long Bound = 100_000;

    private const int Connections = 64;

    // The last batch of before, which it perhaps had not applied.
    private const int Slack = Connections;

    private const int SpotChecks = 300;

    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(60);

    [SkippableTheory]
    [InlineData("secondary")]
    [InlineData("primary")]
    public async Task A_master_that_returns_moves_what_was_written_while_it_was_away_and_no_more(string who)
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        int keys = LongRun.Number("DISTSTORE_AWAY_KEYS", 4000);
        int rate = LongRun.Number("DISTSTORE_AWAY_RATE", 300);
        var time = TimeSpan.FromSeconds(LongRun.Number("DISTSTORE_AWAY_SECONDS", 2));

        // With two nodes nobody else can take the empty place.
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2 });
        var clock = Stopwatch.StartNew();
        var writer = new NumberedWrites(keys);
        await writer.FillAsync(cluster[1].Http, Connections, cluster.Tails);
        ClusterView view = await cluster.WaitForTwoMastersAsync(cluster[1], Recovery);
        TimeSpan filled = clock.Elapsed;

        SiloProcess away = cluster[who == "primary" ? view.Primary! : view.Secondary!];
        SiloProcess stays = cluster.Nodes.Single(node => node != away);
        away.Kill();
        using var enough = new CancellationTokenSource();
        Task writing = writer.GoOnAsync(stays.Http, rate, Connections, cluster.Tails, enough.Token);
        await writer.UntilAsync((int)(rate * time.TotalSeconds), time + Recovery, cluster.Tails);
        TimeSpan gone = clock.Elapsed - filled;

        // Writing goes on while it learns.
        away.Start();
        await away.WaitUntilReadyAsync();
        await cluster.WaitForTwoMastersAsync(stays, Recovery);
        TimeSpan back = clock.Elapsed - filled - gone;
        await enough.CancelAsync();
        await writing;

        // Since it was started.
        long full = await Metrics.SumAsync(away.Http, "diststore_sync_entries_total", "kind=\"full\"");
        long changes = await Metrics.SumAsync(away.Http, "diststore_sync_entries_total", "kind=\"changes\"");
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{keys:N0} keys stored in {filled.TotalSeconds:0} s; the {who} was away for {gone.TotalSeconds:0.0} s and {writer.Done:N0} writes, "
            + $"in sync {back.TotalSeconds:0.0} s after it was started, moved {changes:N0} entries"));
        Assert.Equal(0, full);
        Assert.False(away.HasSaid("Full, from"), away.Said);
        Assert.InRange(changes, 1, Math.Min(writer.Done + Slack, Bound - 1));
        await HoldsEverythingAsync(cluster, away, stays, writer);
    }

    private static async Task HoldsEverythingAsync(TestCluster cluster, SiloProcess away, SiloProcess stays, NumberedWrites writer)
    {
        await Eventually.TrueAsync(
            async () =>
            {
                ClusterView view = await stays.Http.ClusterAsync();
                return view.Nodes[away.Name] == writer.Keys && view.Nodes[stays.Name] == writer.Keys ? null : $"{view}, expected {writer.Keys} keys";
            },
            Recovery,
            cluster.Tails);
        foreach (int number in writer.Some(SpotChecks))
        {
            (string key, string? expected) = writer.Expected(number);
            Answer answer = await away.Http.GetLocalAsync(key);
            bool good = expected is null ? answer.Status == 404 : answer.Status == 200 && answer.Text == expected;
            Assert.True(good, $"{key} at {away.Name}: {answer}, expected {expected ?? "none"}\n{cluster.Tails()}");
        }
    }
}
