using System.Diagnostics;
using System.Globalization;
using Xunit.Abstractions;

namespace Diststore.SystemTests;

/// <summary>A master is killed while clients write and read. More rounds of it: <see cref="CrashTests"/>.</summary>
public sealed class KilledUnderLoadTests(ITestOutputHelper output)
{
    private const int Clients = 16;
    private const int EachAtLeast = 20; // writes acknowledged before and after the kill

    [SkippableFact, Trait("Category", "long")]
    public Task A_secondary_killed_under_load_costs_a_stall_and_nothing_acknowledged() => KilledAsync(static view => view.Secondary!);

    [SkippableFact]
    public Task A_primary_killed_under_load_is_replaced_and_an_unacknowledged_write_lands_once_or_never() => KilledAsync(static view => view.Primary!);

    private async Task KilledAsync(Func<ClusterView, string> pick)
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        ClusterView before = await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        SiloProcess victim = cluster[pick(before)];
        SiloProcess[] others = [.. cluster.Nodes.Where(node => node != victim)];

        var up = new UpNodes([.. cluster.Nodes]);
        RegisterClient[] clients = [.. Enumerable.Range(0, Clients).Select(number => new RegisterClient(number, up))];
        using var over = new CancellationTokenSource();
        Task working = Task.WhenAll(clients.Select(client => client.RunAsync(over.Token)));
        await GoesOnAsync(clients, working, cluster);
        victim.Kill();
        up.Up = others;
        TimeSpan stall = await GoesOnAsync(clients, working, cluster);
        await over.CancelAsync();
        await working;

        ClusterView after = await cluster.WaitForTwoMastersAsync(others[0], Eventually.Patience);
        string heir = before.Masters.Single(name => name != victim.Name);
        Assert.True(after.Epoch > before.Epoch && after.Primary == heir, $"{before} -> {after}\n{cluster.Tails()}");
        foreach (SiloProcess node in others)
        {
            await Task.WhenAll(clients.Select(client => client.CheckAsync(node, cluster.Tails)));
        }

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"longest time without an acknowledgement {stall.TotalSeconds:0.0} s; {clients.Sum(static client => client.Acknowledged)} writes acknowledged, "
            + $"{clients.Sum(static client => client.NotAcknowledged)} not"));
    }

    // Every client gets on; the longest time in which none did.
    private static async Task<TimeSpan> GoesOnAsync(RegisterClient[] clients, Task working, TestCluster cluster)
    {
        int[] goal = [.. clients.Select(static client => client.Acknowledged + EachAtLeast)];
        var clock = Stopwatch.StartNew();
        TimeSpan longest = TimeSpan.Zero;
        int had = 0;
        await Eventually.TrueAsync(
            async () =>
            {
                if (working.IsFaulted)
                {
                    await working;
                }

                int have = clients.Sum(static client => client.Acknowledged);
                longest = clock.Elapsed > longest ? clock.Elapsed : longest;
                if (have > had)
                {
                    clock.Restart();
                    had = have;
                }

                return clients.Zip(goal).All(static pair => pair.First.Acknowledged >= pair.Second) ? null : "a client gets no further";
            },
            Eventually.Patience,
            cluster.Tails);
        return longest;
    }
}
