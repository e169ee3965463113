using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Diststore.Testing;
using Xunit.Abstractions;

namespace Diststore.SystemTests;

/// <summary>
/// All silos are stopped and started again one after the other, as for a new release; the gateway's clients notice nothing.
/// <c>DISTSTORE_RESTART_ROUNDS</c> does it more often than the suite does, <c>DISTSTORE_RESTART_MEGABYTES</c> with more data.
/// </summary>
[Trait("Category", "long")]
public sealed class RollingRestartTests(ITestOutputHelper output)
{
    private const int Clients = 12;

    /// <summary>What a rolling restart may take on a slow machine with much data.</summary>
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(60);

    [SkippableFact]
    public async Task No_request_through_the_gateway_fails()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        using GatewayProcess gateway = await cluster.StartGatewayAsync();
        await gateway.Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);

        var load = new GatewayLoad(gateway.Http);
        using var over = new CancellationTokenSource();
        Task clients = Task.WhenAll(Enumerable.Range(0, Clients).Select(number => load.RunAsync(number, over.Token)));
        for (int round = LongRun.Number("DISTSTORE_RESTART_ROUNDS", 1); round > 0; round--)
        {
            foreach (SiloProcess node in cluster.Nodes)
            {
                await RestartAsync(cluster, node, load);
            }
        }

        await load.GoesOnAsync();
        await over.CancelAsync();
        await clients;
        Assert.True(load.Failed == 0, $"{load.Failed} of {load.Answered} requests failed\n{load}\n{gateway.Process.Tail()}\n{cluster.Tails()}");
    }

    [SkippableFact]
    public async Task Masters_that_are_maintained_keep_their_places_and_nobody_syncs_everything()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        int megabytes = LongRun.Number("DISTSTORE_RESTART_MEGABYTES", 64);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        using GatewayProcess gateway = await cluster.StartGatewayAsync();
        await gateway.Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        ClusterView before = await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        await FillAsync(gateway.Http, megabytes);
        long full = await SyncedAsync(cluster, "full");
        var load = new GatewayLoad(gateway.Http);
        using var over = new CancellationTokenSource();
        Task clients = Task.WhenAll(Enumerable.Range(0, Clients).Select(number => load.RunAsync(number, over.Token)));
        string[] masters = [before.Primary!, before.Secondary!];
        foreach (SiloProcess node in cluster.Nodes)
        {
            if (masters.Contains(node.Name))
            {
                Answer asked = await gateway.Http.SendAsync(HttpMethod.Post, $"/v1/cluster/maintenance?node={node.Name}&for=600");
                Assert.True(asked.Status == 200, $"{asked}\n{cluster.Tails()}");
            }

            full -= await Metrics.SumAsync(node.Http, "diststore_sync_entries_total", "kind=\"full\""); // counted from its start
            await RestartAsync(cluster, node, load);
        }

        await load.GoesOnAsync();
        await over.CancelAsync();
        await clients;
        ClusterView after = await cluster[1].Http.ClusterAsync();
        (long everything, long changes) = (await SyncedAsync(cluster, "full") - full, await SyncedAsync(cluster, "changes"));
        output.WriteLine($"{megabytes} MB; {load.Answered} requests answered, {load.Failed} failed; synced: {everything} entries fully, {changes} as changes");
        Assert.True(load.Failed == 0, $"{load.Failed} of {load.Answered} requests failed\n{load}\n{gateway.Process.Tail()}\n{cluster.Tails()}");
        Assert.Equal(0, everything);
        Assert.Equal(masters.Order(StringComparer.Ordinal), new[] { after.Primary!, after.Secondary! }.Order(StringComparer.Ordinal));
    }

    private static async Task FillAsync(HttpFace gateway, int megabytes)
    {
        byte[] value = new byte[1 << 20];
        new Random(1).NextBytes(value);
        await Parallel.ForAsync(0, megabytes, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (number, _) =>
        {
            using var body = new ByteArrayContent(value);
            Answer answer = await gateway.SendAsync(HttpMethod.Put, $"/v1/kv/long-{number}", body);
            Assert.True(answer.Status is 201, $"{answer}");
        });
    }

    private static async Task<long> SyncedAsync(TestCluster cluster, string kind)
    {
        long[] each = await Task.WhenAll(cluster.Nodes.Select(node => Metrics.SumAsync(node.Http, "diststore_sync_entries_total", $"kind=\"{kind}\"")));
        return each.Sum();
    }

    private static async Task RestartAsync(TestCluster cluster, SiloProcess node, GatewayLoad load)
    {
        await load.GoesOnAsync();
        load.Note($"{node.Name} is told to stop");
        node.Process.Terminate();
        int exit = await node.Process.WaitForExitAsync(Eventually.Patience);
        load.Note($"{node.Name} has ended");
        Assert.True(exit == 0, $"{node.Name} ended with {exit}; it said:\n{node.Tail}");
        await load.GoesOnAsync();
        node.Start();
        await node.WaitUntilReadyAsync();
        load.Note($"{node.Name} is back");
        await cluster.WaitUntilCompleteAsync();
        await cluster.WaitForTwoMastersAsync(node, Recovery);
        load.Note("two masters are in sync");
    }
}

/// <summary>
/// Clients of one gateway, each with a key of its own: it posts the next number, gets it and reads it strongly. What fails is
/// remembered with its time, among the notes of what was done meanwhile.
/// </summary>
internal sealed class GatewayLoad(HttpFace gateway)
{
    private const int Enough = 200;

    private readonly ConcurrentQueue<string> _events = new();
    private int _answered;
    private int _failed;

    /// <summary>How many requests were answered as they should.</summary>
    public int Answered => Volatile.Read(ref _answered);

    /// <summary>How many were not.</summary>
    public int Failed => Volatile.Read(ref _failed);

    /// <summary>Sends requests until told to stop.</summary>
    public async Task RunAsync(int number, CancellationToken over)
    {
        string key = $"client {number}";
        string path = Uri.EscapeDataString(key);
        for (int round = 1; !over.IsCancellationRequested; round++)
        {
            string value = round.ToString(CultureInfo.InvariantCulture);
            await CheckAsync($"POST {value} to {key}", () => gateway.PostAsync(key, value), static answer => answer.Status == 200);
            await CheckAsync($"GET of {key} at {value}", () => gateway.GetAsync(key), answer => answer.Status == 200 && IsUpTo(round, answer.Text));
            await CheckAsync(
                $"strong GET of {key} at {value}",
                () => gateway.FetchAsync($"/v1/kv/{path}?consistency=strong"),
                answer => answer.Status == 200 && answer.Text == value);
        }
    }

    /// <summary>Waits until some more requests were answered.</summary>
    public Task GoesOnAsync()
    {
        int wanted = Answered + Enough;
        return Eventually.TrueAsync(() => Task.FromResult(Answered >= wanted ? null : $"{Answered} of {wanted} are answered"), Eventually.Patience, ToString);
    }

    /// <summary>Remembers what was done to the cluster.</summary>
    public void Note(string what) => _events.Enqueue($"{DateTime.Now:HH:mm:ss.fff} {what}");

    /// <inheritdoc/>
    public override string ToString() => string.Join('\n', _events);

    private static bool IsUpTo(int round, string text) => int.TryParse(text, CultureInfo.InvariantCulture, out int shown) && shown > 0 && shown <= round;

    private async Task CheckAsync(string what, Func<Task<Answer>> request, Func<Answer, bool> isGood)
    {
        var clock = Stopwatch.StartNew();
        string outcome;
        try
        {
            Answer answer = await request();
            if (isGood(answer))
            {
                Interlocked.Increment(ref _answered);
                return;
            }

            outcome = $"{answer} by {answer.Node}";
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException)
        {
            outcome = e.Message;
        }

        Interlocked.Increment(ref _failed);
        Note($"{what}, sent {clock.ElapsedMilliseconds} ms ago: {outcome}");
    }
}
