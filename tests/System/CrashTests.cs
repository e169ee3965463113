using System.Globalization;

namespace Diststore.SystemTests;

/// <summary>
/// Nodes killed again and again under load. <c>DISTSTORE_CRASH_ROUNDS</c> runs more rounds than the suite does,
/// <c>DISTSTORE_CRASH_SEED</c> repeats the choice of victims, which a failure names.
/// </summary>
public sealed class CrashTests
{
    private const int Writers = 64;

    // Both masters killed at once resume from their disks, and the killed have to start first.
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(60);

    [SkippableFact]
    public async Task Nothing_acknowledged_is_lost_and_nothing_deleted_is_back_whoever_is_killed()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        int rounds = Setting("DISTSTORE_CRASH_ROUNDS", 4);
        int seed = Setting("DISTSTORE_CRASH_SEED", Random.Shared.Next(100_000));
        var random = new Random(seed);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);

        using var over = new CancellationTokenSource();
        var up = new UpNodes([.. cluster.Nodes]);
        CrashWriter[] writers = [.. Enumerable.Range(0, Writers).Select(number => new CrashWriter(number, up))];
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
        foreach (CrashWriter writer in writers)
        {
            await writer.CheckAsync(cluster[1].Http, at);
        }

        await watcher.CatchUpAsync(cluster[1].Http);
        await watcher.CheckAsync(cluster[1].Http, at);
    }

    // One of them, sometimes two; writes must be acknowledged again after each round.
    private static async Task KillAndStartAgainAsync(TestCluster cluster, UpNodes up, Random random, CrashWriter[] writers, int seed)
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

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? int.Parse(value, CultureInfo.InvariantCulture) : otherwise;

    /// <summary>Writes and deletes keys of its own, each numbered; a key whose outcome is not known is left alone from then on.</summary>
    private sealed class CrashWriter(int number, UpNodes nodes)
    {
        private const int KeysAtOnce = 4;

        private readonly List<OwnKey> _keys = [];
        private int _made;

        public int Acknowledged { get; private set; }

        public async Task RunAsync(CancellationToken over)
        {
            var random = new Random(number);
            while (!over.IsCancellationRequested)
            {
                OwnKey[] usable = [.. _keys.Where(static key => !key.IsDoubtful)];
                OwnKey key = usable.Length < KeysAtOnce ? New() : usable[random.Next(usable.Length)];
                SiloProcess[] up = nodes.Up;
                await WriteAsync(up[random.Next(up.Length)], key, deletes: key.Attempted > 0 && random.Next(5) == 0);
            }
        }

        public async Task CheckAsync(HttpFace http, string at)
        {
            foreach (OwnKey key in _keys)
            {
                Answer answer = await http.FetchAsync($"/v1/kv/{key.Name}");
                bool good = answer.Status switch
                {
                    200 => int.Parse(answer.Text, CultureInfo.InvariantCulture) is var found && found >= key.Kept && found <= key.Attempted,
                    404 => key.Kept == 0 || key.Deletes.Any(delete => delete >= key.Kept),
                    _ => false,
                };
                Assert.True(good, $"{key.Name}: acknowledged {key.Kept}, attempted {key.Attempted}, answered {answer}; {at}");
            }
        }

        private OwnKey New()
        {
            var key = new OwnKey($"writer-{number}-{_made++}");
            _keys.Add(key);
            return key;
        }

        private async Task WriteAsync(SiloProcess node, OwnKey key, bool deletes)
        {
            int attempt = ++key.Attempted;
            if (deletes)
            {
                key.Deletes.Add(attempt);
            }

            Answer? answer = null;
            try
            {
                using var value = new StringContent(attempt.ToString(CultureInfo.InvariantCulture));
                answer = await node.Http.SendAsync(deletes ? HttpMethod.Delete : HttpMethod.Put, $"/v1/kv/{key.Name}", deletes ? null : value);
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException)
            {
                // The node was killed under it.
            }

            if (answer is { Status: 200 or 201 or 204 } || (deletes && answer is { Status: 404 }))
            {
                key.Kept = attempt;
                Acknowledged++;
            }
            else
            {
                key.IsDoubtful = true;
            }
        }

        private sealed class OwnKey(string name)
        {
            public string Name => name;

            public int Attempted { get; set; }

            public int Kept { get; set; }

            public List<int> Deletes { get; } = [];

            public bool IsDoubtful { get; set; }
        }
    }
}
