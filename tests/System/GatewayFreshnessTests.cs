using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Diststore.Testing;
using Xunit.Abstractions;

namespace Diststore.SystemTests;

/// <summary>
/// What a gateway shows from its own copies is never older than the bound, whatever happens to it and to the node that it follows.
/// <c>DISTSTORE_FRESHNESS_SECONDS</c> makes it go on for longer than the suite does.
/// </summary>
[Trait("Category", "long")]
public sealed class GatewayFreshnessTests(ITestOutputHelper output)
{
    private const string Path = "/v1/kv/rewritten";
    private const string Name = "door";

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(1); // the default of Copies:MaxStaleness
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(3);

    private readonly List<(int Number, long AcknowledgedAt)> _writes = []; // ascending, by the one writer
    private readonly List<(int Number, long BegunAt, string? Node)> _reads = [];

    [SkippableFact]
    public Task As_long_as_nothing_happens() => NoneIsTooOldAsync(static (_, _, time) => Task.Delay(time)); // polls: the load goes on for so long

    [SkippableFact]
    public Task When_the_gateway_is_paused() => NoneIsTooOldAsync(static (_, gateway, _) => PauseAsync(gateway.Process));

    [SkippableFact]
    public Task When_the_node_that_it_follows_is_paused() =>
        NoneIsTooOldAsync(static (cluster, gateway, _) => PauseAsync(cluster[Followed(gateway)].Process));

    [SkippableFact]
    public Task When_the_node_that_it_follows_is_killed() => NoneIsTooOldAsync(static async (cluster, gateway, _) =>
    {
        string followed = Followed(gateway);
        cluster[followed].Kill();
        await Eventually.TrueAsync(
            () => Task.FromResult(Followed(gateway) != followed ? null : $"{followed} is followed still"), Eventually.Patience, cluster.Tails);
    });

    /// <summary>By 400 ms, so that what it follows with is there before its copies are too old; and by 1.5 s, so that it never is.</summary>
    [SkippableFact]
    public async Task When_every_message_to_it_is_late()
    {
        Skip.IfNot(NetworkNamespace.Missing is null, NetworkNamespace.Missing);
        using Lan lan = Lan.Create(4);
        NetworkNamespace machine = lan.Machines[3];
        List<LateRelay> relays = [];
        try
        {
            await NoneIsTooOldAsync(
                async (_, _, time) =>
                {
                    foreach (int milliseconds in new[] { 400, 1500 })
                    {
                        relays.ForEach(relay => relay.Delay = TimeSpan.FromMilliseconds(milliseconds));
                        await Task.Delay(time); // polls: the load goes on for so long
                    }

                    relays.ForEach(static relay => relay.Delay = TimeSpan.Zero);
                },
                lan,
                async cluster =>
                {
                    // A silo answers by its own address alone, so the way to it is another one that nobody knows of.
                    foreach (SiloProcess node in cluster.Nodes)
                    {
                        LateRelay relay = await LateRelay.StartAsync(lan.Server, new IPEndPoint(node.Address, cluster.SiloGatewayPort));
                        relays.Add(relay);
                        machine.Divert(node.Network!, cluster.SiloGatewayPort, relay.Address);
                    }

                    return await cluster.StartGatewayAsync(machine, $"Node:Name={Name}");
                });
        }
        finally
        {
            await Task.WhenAll(relays.Select(static relay => relay.DisposeAsync().AsTask()));
        }
    }

    private static async Task PauseAsync(ChildProcess process)
    {
        process.Pause();
        await Task.Delay(Pause); // polls: it stands still for so long
        process.Resume();
    }

    private static string Followed(GatewayProcess gateway) => Regex.Matches(gateway.Process.Output, "Copies follow ([^ ]+)[.]")[^1].Groups[1].Value;

    private async Task NoneIsTooOldAsync(
        Func<TestCluster, GatewayProcess, TimeSpan, Task> happen, Lan? lan = null, Func<TestCluster, Task<GatewayProcess>>? start = null)
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3, Lan = lan });
        using GatewayProcess gateway = await (start?.Invoke(cluster) ?? cluster.StartGatewayAsync($"Node:Name={Name}"));
        await WriteAsync(cluster);
        await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        await Eventually.TrueAsync(
            async () => await ReadAsync(gateway) is { Node: Name } ? null : "the gateway answers from no copy", Eventually.Patience, cluster.Tails);

        using var over = new CancellationTokenSource();
        Task load = Task.WhenAll(
            EachAsync(10, () => WriteAsync(cluster), over.Token),
            EachAsync(300, () => ReadAsync(gateway), over.Token));
        TimeSpan time = TimeSpan.FromSeconds(LongRun.Number("DISTSTORE_FRESHNESS_SECONDS", 10));
        await Task.Delay(time / 4); // polls: the load goes on for so long
        await happen(cluster, gateway, time / 2);
        await Task.Delay(time / 2); // polls: the load goes on for so long
        await over.CancelAsync();
        await load;

        TimeSpan[] ages = [.. _reads.Select(AgeOf)];
        int hits = _reads.Count(static read => read.Node == Name);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{_writes.Count} writes, {_reads.Count} reads, {hits} of them from the gateway's copies; "
            + $"the oldest showed what had been superseded for {ages.Max().TotalMilliseconds:0} ms"));
        Assert.True(ages.Max() <= Bound, $"a read was older than the bound: {ages.Max()}\n{cluster.Tails()}\n{gateway.Process.Tail()}");
        Assert.True(hits > _reads.Count / 2, $"only {hits} of {_reads.Count} reads were answered from copies\n{gateway.Process.Tail()}");
    }

    // By a node that runs and answers; a write whose outcome is not known is none that anybody has to see.
    private async Task WriteAsync(TestCluster cluster)
    {
        int number = (_writes.Count > 0 ? _writes[^1].Number : 0) + 1;
        using var value = new StringContent(number.ToString(CultureInfo.InvariantCulture));
        SiloProcess node = cluster.Running.ElementAt(number % cluster.Running.Count());
        Answer? answer = await TryAsync(() => node.Http.SendAsync(HttpMethod.Put, Path, value));
        if (answer is { Status: 201 or 204 })
        {
            _writes.Add((number, Stopwatch.GetTimestamp()));
        }
    }

    private async Task<Answer?> ReadAsync(GatewayProcess gateway)
    {
        long begunAt = Stopwatch.GetTimestamp();
        Answer? answer = await TryAsync(() => gateway.Http.FetchAsync(Path));
        if (answer is { Status: 200 })
        {
            _reads.Add((int.Parse(answer.Text, CultureInfo.InvariantCulture), begunAt, answer.Node));
        }

        return answer;
    }

    // How long before it began a later one than it showed had been acknowledged.
    private TimeSpan AgeOf((int Number, long BegunAt, string? Node) read)
    {
        int next = _writes.FindIndex(write => write.Number > read.Number);
        return next < 0 || _writes[next].AcknowledgedAt >= read.BegunAt ? TimeSpan.Zero
            : Stopwatch.GetElapsedTime(_writes[next].AcknowledgedAt, read.BegunAt);
    }

    private static async Task<Answer?> TryAsync(Func<Task<Answer>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return null; // nobody answers just now
        }
    }

    // One after the other, so often a second at most.
    private static async Task EachAsync(int perSecond, Func<Task> act, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            await act();
            await Task.Delay(TimeSpan.FromSeconds(1.0 / perSecond), CancellationToken.None); // polls: its own pace
        }
    }
}
