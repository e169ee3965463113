using System.Diagnostics;
using System.Globalization;
using Diststore.Testing;
using Xunit.Abstractions;

namespace Diststore.SystemTests;

/// <summary>
/// A primary that stands still and then goes on as if nothing had been. <c>DISTSTORE_PAUSE_SECONDS</c> makes it stand still
/// for longer than the suite has time for.
/// </summary>
[Trait("Category", "long")]
public sealed class PausedPrimaryTests(ITestOutputHelper output)
{
    private const int Writers = 8;
    private const int Waiting = 16; // requests of each kind that wait for it when it is resumed

    [SkippableFact]
    public async Task A_primary_paused_then_resumed_was_replaced_shows_nothing_old_and_rejoins_as_learner()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        var pause = TimeSpan.FromSeconds(LongRun.Number("DISTSTORE_PAUSE_SECONDS", 10));

        // With two nodes it has to come back as a learner: nobody else can take the empty place.
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2 });
        await cluster[1].Http.PutUntilDoneAsync("key", "old", cluster.Tails);
        ClusterView before = await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        SiloProcess paused = cluster[before.Primary!];
        SiloProcess other = cluster[before.Secondary!];

        // Writes are under way at the moment at which it stands still.
        var up = new UpNodes([paused]);
        OwnKeysWriter[] writers = [.. Enumerable.Range(0, Writers).Select(number => new OwnKeysWriter(number, up))];
        using var over = new CancellationTokenSource();
        Task writing = Task.WhenAll(writers.Select(writer => writer.RunAsync(over.Token)));
        await Eventually.TrueAsync(
            () => Task.FromResult(writers.All(static writer => writer.Acknowledged > 5) ? null : "a writer waits"), Eventually.Patience, cluster.Tails);
        paused.Process.Pause();
        var clock = Stopwatch.StartNew();
        up.Up = [other];
        int said = paused.Process.Output.Length;
        await other.Http.PutUntilDoneAsync("key", "new", cluster.Tails);
        TimeSpan replaced = clock.Elapsed;
        for (int i = 0; clock.Elapsed < pause; i++)
        {
            await other.Http.PutUntilDoneAsync($"meanwhile {i % 100}", $"{i}", cluster.Tails);
        }

        Task<Answer?>[] reads = [.. Enumerable.Range(0, Waiting).SelectMany(_ => new[]
        {
            paused.Http.ReadAsync("key").OrNothingAsync(), paused.Http.ReadStrongAsync("key").OrNothingAsync(),
        })];
        Task<Answer?>[] writes = [.. Enumerable.Range(0, Waiting).Select(i => paused.Http.PutAsync($"late {i}", "late").OrNothingAsync())];
        paused.Process.Resume();
        Answer?[] read = await Task.WhenAll(reads);
        Array.ForEach(read, answer => NeverOld(answer, cluster));
        await ShowsNothingOldUntilItIsBackAsync(cluster, paused, other, said);

        await over.CancelAsync();
        await writing;
        Answer?[] written = await Task.WhenAll(writes);
        await EndsTheSameAsync(cluster, writers, written);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"paused for {pause.TotalSeconds:0} s, replaced after {replaced.TotalSeconds:0.0} s; of {read.Length} reads that waited "
            + $"{read.Count(static answer => answer is { Status: 200 })} showed the new value, "
            + $"{read.Count(static answer => answer is { Status: 503 })} were refused and {read.Count(static answer => answer is null)} broke off, "
            + $"of {written.Length} writes {written.Count(static answer => answer is { Status: 201 })} were acknowledged"));
    }

    private static void NeverOld(Answer? answer, TestCluster cluster) =>
        Assert.True(answer is null or { Status: 503 } or { Status: 200, Text: "new" }, $"{answer}\n{cluster.Tails()}");

    private static async Task ShowsNothingOldUntilItIsBackAsync(TestCluster cluster, SiloProcess paused, SiloProcess other, int said)
    {
        await Eventually.TrueAsync(
            async () =>
            {
                NeverOld(await paused.Http.ReadAsync("key").OrNothingAsync(), cluster);
                NeverOld(await paused.Http.ReadStrongAsync("key").OrNothingAsync(), cluster);
                ClusterView view = await other.Http.ClusterAsync();
                return view.IsWhole && view.Primary == other.Name ? null : $"{view}";
            },
            Eventually.Patience,
            cluster.Tails);
        Assert.Contains("Learner in ", paused.Process.Output[said..], StringComparison.Ordinal);
        Assert.Contains("Changes, from ", paused.Process.Output[said..], StringComparison.Ordinal);
    }

    // What was under way or waited at the paused node landed once or never; what was acknowledged is there.
    private static async Task EndsTheSameAsync(TestCluster cluster, OwnKeysWriter[] writers, Answer?[] written)
    {
        foreach (OwnKeysWriter writer in writers)
        {
            await OwnKeysWriter.CheckAsync(cluster[1].Http, writer.Promises(), cluster.Tails(), strongly: true);
            await OwnKeysWriter.CheckAsync(cluster[2].Http, writer.Promises(), cluster.Tails(), strongly: true);
        }

        for (int i = 0; i < written.Length; i++)
        {
            Answer[] ends = await Task.WhenAll(cluster.Nodes.Select(node => node.Http.ReadStrongAsync($"late {i}")));
            Assert.True(ends[0].Status == ends[1].Status && ends[0].Status is 200 or 404, $"{ends[0]} and {ends[1]}\n{cluster.Tails()}");
            Assert.True(written[i] is not { Status: 201 } || ends[0].Status == 200, $"late {i}: {written[i]}, then {ends[0]}\n{cluster.Tails()}");
        }
    }
}
