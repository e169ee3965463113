using System.Globalization;
using Xunit.Abstractions;

namespace Diststore.SystemTests;

/// <summary>Datagrams that are lost, doubled, out of order and forged, all at once. All of them lost: <see cref="DatagramTests"/>.</summary>
[Trait("Category", "long")]
public sealed class DatagramFaultTests(ITestOutputHelper output)
{
    private const double Lost = 0.3;
    private const int Registers = 4;
    private const int Writes = 200; // acknowledged, by each client
    private const long Noise = 1000; // datagrams of each kind

    [SkippableFact]
    public async Task Datagrams_lost_doubled_reordered_and_forged_make_it_slower_never_wrong()
    {
        Skip.IfNot(NetworkNamespace.Missing is null, NetworkNamespace.Missing);
        using NetworkNamespace network = NetworkNamespace.Create();
        network.DropDatagrams(Lost);
        using DatagramNoise noise = await DatagramNoise.OpenAsync(network);
        using var over = new CancellationTokenSource();
        Task making = noise.RunAsync(over.Token);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 4, Keeper = Keeper.Node, Network = network });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        ClusterView view = await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        SiloProcess[] copies = [.. cluster.Nodes.Where(node => !view.Masters.Contains(node.Name))];

        var up = new UpNodes([.. cluster.Nodes]);
        RegisterClient[] registers = [.. Enumerable.Range(0, Registers).Select(number => new RegisterClient(number, up))];
        var bounded = new BoundedReader("bounded");
        Task working = Task.WhenAll(
            [making, .. registers.Select(client => client.RunAsync(over.Token)), bounded.WriteAsync(copies[0].Http, over.Token),
                .. cluster.Nodes.Select(node => bounded.ReadAsync(node.Http, over.Token)), AskForManyAsync(copies, over.Token)]);
        await Eventually.TrueAsync(
            async () =>
            {
                if (working.IsFaulted)
                {
                    await working;
                }

                (long doubled, long late, long forged) = noise.Made;
                return registers.All(static client => client.Acknowledged >= Writes) && bounded.Acknowledged >= Writes
                    && doubled > Noise && late > Noise && forged > Noise
                    ? null
                    : $"{bounded.Acknowledged} writes, {noise.Made}";
            },
            Eventually.Patience,
            cluster.Tails);
        await over.CancelAsync();
        await working;

        foreach (SiloProcess node in cluster.Nodes)
        {
            await Task.WhenAll(registers.Select(client => client.CheckAsync(node, cluster.Tails)));
            Assert.True(await Metrics.SumAsync(node.Http, "diststore_datagrams_dropped_total", "unknown-sender") > 0, $"{node.Name} heard no stranger");
            Assert.True(await Metrics.SumAsync(node.Http, "diststore_datagrams_refused_total") > 0, $"{node.Name} refused nothing");
        }

        Assert.True(network.DroppedDatagrams() > Noise, "hardly a datagram was lost");
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{network.DroppedDatagrams()} datagrams lost, (doubled, late, forged) {noise.Made}; {registers.Sum(static client => client.Acknowledged)} writes, "
            + $"{bounded.Reads} bounded reads"));
    }

    // Keys that nobody has, and keys that are new: each is a question to everyone.
    private static async Task AskForManyAsync(SiloProcess[] nodes, CancellationToken over)
    {
        for (int i = 0; !over.IsCancellationRequested; i++)
        {
            Answer missing = await nodes[0].Http.GetAsync($"never there {i}");
            Assert.True(missing.Status is 404 or 503, $"{missing}");
            Answer written = await nodes[0].Http.PutAsync($"new {i}", $"value {i}");
            Answer read = await nodes[1].Http.GetAsync($"new {i}");
            Assert.True(written.Status is 201 or 503, $"{written}");
            Assert.True(written.Status == 503 || read.Status == 503 || (read.Status == 200 && read.Text == $"value {i}"), $"new {i}: {written}, then {read}");
        }
    }
}
