using System.Globalization;
using Diststore.Client;
using Diststore.Testing;
using Xunit.Abstractions;

namespace Diststore.SystemTests;

/// <summary>
/// Clients that move amounts between accounts and count, while nodes are killed: what was asked for once is done once, and nobody sees half of
/// it. <c>DISTSTORE_TRANSFER_ROUNDS</c> runs more rounds than the suite does, <c>DISTSTORE_TRANSFER_SEED</c> repeats the choice of victims.
/// </summary>
[Trait("Category", "long")]
public sealed class TransferTests(ITestOutputHelper output)
{
    private const int Accounts = 100;
    private const int Movers = 12;
    private const int Counters = 4;
    private const string Prefix = "bank/";

    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(60);

    // A call ends when its client is told; longer than any outage here, and shorter than it is remembered.
    private static readonly TimeSpan CallTimeout = TimeSpan.FromMinutes(3);

    private readonly CancellationTokenSource _over = new();
    private readonly long[] _counted = new long[Counters];
    private long _moved;
    private long _replayed;
    private long _looked;

    [SkippableFact]
    public async Task Sums_stand_and_counters_are_exact_whoever_is_killed()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        int rounds = LongRun.Number("DISTSTORE_TRANSFER_ROUNDS", 3);
        int seed = LongRun.Number("DISTSTORE_TRANSFER_SEED", Random.Shared.Next(100_000));
        var random = new Random(seed);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        using DiststoreClient client = ClientOf(cluster);

        Task watching = WatchAsync(client, out Dictionary<string, string> watched);
        Task[] working =
        [
            .. Enumerable.Range(0, Movers).Select(number => MoveAsync(client, new Random(seed + number))),
            .. Enumerable.Range(0, Counters).Select(number => CountAsync(client, number)),
            LookAsync(client),
        ];
        for (int round = 0; round < rounds; round++)
        {
            await KillAndStartAgainAsync(cluster, random, seed, Task.WhenAll(working));
        }

        await _over.CancelAsync();
        await Task.WhenAll(working);
        for (int number = 0; number < Counters; number++)
        {
            DiststoreEntry? counter = await client.GetAsync($"counter/{number}", new ReadOptions { Consistency = Consistency.Strong });
            Assert.Equal(_counted[number], long.Parse(counter?.GetText() ?? "0", CultureInfo.InvariantCulture));
        }

        Assert.Equal(0, await SumAsync(client));
        Dictionary<string, string> held = [];
        await foreach (DiststoreEntry entry in client.ListEntriesAsync(Prefix))
        {
            held[entry.Key] = entry.GetText();
        }

        // The last of the watch is on its way.
        await Eventually.TrueAsync(
            () =>
            {
                lock (watched)
                {
                    string? differs = held.Keys.Union(watched.Keys).FirstOrDefault(key => held.GetValueOrDefault(key) != watched.GetValueOrDefault(key));
                    return Task.FromResult(differs is null ? null : $"the watcher ends with another {differs}");
                }
            },
            Recovery,
            cluster.Tails);
        Assert.False(watching.IsCompleted, "the watch has ended");
        Assert.True(_moved > 100 && _looked > 10, $"{_moved} moves, {_looked} looks");
        output.WriteLine(
            $"{rounds} rounds, seed {seed}: {_moved} moves and {_counted.Sum()} additions, each done once; {_replayed} were told so only when they "
            + $"were sent again; the sum stood in {_looked} strong reads");
    }

    private static DiststoreClient ClientOf(TestCluster cluster)
    {
        var options = new DiststoreClientOptions { Timeout = CallTimeout, AttemptTimeout = TimeSpan.FromSeconds(5) };
        foreach (SiloProcess node in cluster.Nodes)
        {
            options.AddAddresses(node.Http.Url);
        }

        return new DiststoreClient(options);
    }

    private static string Account(int number) => $"{Prefix}{number:00}";

    private async Task MoveAsync(DiststoreClient client, Random random)
    {
        while (!_over.IsCancellationRequested)
        {
            int from = random.Next(Accounts);
            int to = (from + 1 + random.Next(Accounts - 1)) % Accounts;
            long amount = random.Next(1, 100);
            TransactionResult result = await client.TransactAsync(new DiststoreTransaction().Add(Account(from), -amount).Add(Account(to), amount));
            Assert.Equal(TransactionStatus.Committed, result.Status);
            Interlocked.Increment(ref _moved);
            Interlocked.Add(ref _replayed, result.IsReplayed ? 1 : 0);
        }
    }

    private async Task CountAsync(DiststoreClient client, int number)
    {
        while (!_over.IsCancellationRequested)
        {
            AddResult result = await client.AddAsync($"counter/{number}");
            Assert.Equal(++_counted[number], result.Number);
            Interlocked.Add(ref _replayed, result.IsReplayed ? 1 : 0);
        }
    }

    private async Task LookAsync(DiststoreClient client)
    {
        while (!_over.IsCancellationRequested)
        {
            Assert.Equal(0, await SumAsync(client));
            _looked++;
        }
    }

    private static async Task<long> SumAsync(DiststoreClient client)
    {
        IReadOnlyList<DiststoreEntry?> accounts = await client.GetSnapshotAsync([.. Enumerable.Range(0, Accounts).Select(Account)]);
        return accounts.Sum(static account => account is null ? 0 : long.Parse(account.GetText(), CultureInfo.InvariantCulture));
    }

    // What it has seen, by key; ids ascend strictly however often it has to resume.
    private static Task WatchAsync(DiststoreClient client, out Dictionary<string, string> watched)
    {
        Dictionary<string, string> seen = watched = [];
        return RunAsync();

        async Task RunAsync()
        {
            (long Epoch, long Sequence) last = default;
            await foreach (Change change in client.WatchAsync(new WatchOptions { Prefix = Prefix }))
            {
                Assert.StartsWith(Prefix, change.Key, StringComparison.Ordinal);
                (long, long) at = PointOf(change.Id!);
                Assert.True(at.CompareTo(last) > 0, $"{change.Id} comes after {last}");
                last = at;
                lock (seen)
                {
                    seen[change.Key] = change.Entry!.GetText();
                }
            }
        }
    }

    private static (long Epoch, long Sequence) PointOf(string id)
    {
        string[] parts = id.Split('.', '~')[0].Split('-');
        return (long.Parse(parts[0], CultureInfo.InvariantCulture), long.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    private async Task KillAndStartAgainAsync(TestCluster cluster, Random random, int seed, Task working)
    {
        SiloProcess[] victims = [.. cluster.Nodes.OrderBy(_ => random.Next()).Take(random.Next(4) == 0 ? 2 : 1)];
        Array.ForEach(victims, static victim => victim.Kill());
        await cluster.StartAgainAsync();
        long before = Interlocked.Read(ref _moved);
        await Eventually.TrueAsync(
            async () =>
            {
                if (working.IsFaulted)
                {
                    await working;
                }

                return Interlocked.Read(ref _moved) > before + Movers ? null : $"seed {seed}: nothing is moved";
            },
            Recovery,
            cluster.Tails);
        await cluster.WaitForTwoMastersAsync(cluster[1], Recovery);
    }
}
