using System.Collections.Concurrent;
using System.Globalization;
using Xunit.Abstractions;

namespace Diststore.SystemTests;

/// <summary>Clients that all write one key, each on the condition that it still has the version that they have read.</summary>
[Trait("Category", "long")]
public sealed class CasStormTests(ITestOutputHelper output)
{
    private const string Key = "contended";
    private const int Clients = 12;
    private const int Rounds = 2; // primaries killed
    private const int WinsBetween = 50;

    // What followed each version, told to a winner or seen by a reader; what each version's value is.
    private readonly ConcurrentDictionary<string, string> _followers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _values = new(StringComparer.Ordinal);
    private int _won;
    private int _lost;
    private int _unknown;

    [SkippableFact]
    public async Task A_CAS_storm_across_failovers_has_one_winner_per_version()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        await cluster[1].Http.PutUntilDoneAsync(Key, "the first", cluster.Tails);
        await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);

        var up = new UpNodes([.. cluster.Nodes]);
        using var over = new CancellationTokenSource();
        Task storm = Task.WhenAll(Enumerable.Range(0, Clients).Select(number => CompeteAsync(number, up, over.Token)));
        for (int round = 0; round < Rounds; round++)
        {
            await WinsAsync(storm, cluster);
            SiloProcess primary = cluster[(await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience)).Primary!];
            primary.Kill();
            up.Up = [.. cluster.Running];
            await WinsAsync(storm, cluster);
            await cluster.StartAgainAsync();
            up.Up = [.. cluster.Nodes];
            await cluster.WaitForTwoMastersAsync(primary, Eventually.Patience);
        }

        await over.CancelAsync();
        await storm;
        Assert.True(_lost > 0, "nobody lost: there was no storm");
        Assert.Equal(_followers.Count, _followers.Values.Distinct().Count());
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{_won} won, {_lost} lost, {_unknown} unknown; {_followers.Count} versions were followed"));
    }

    private async Task CompeteAsync(int number, UpNodes up, CancellationToken over)
    {
        var random = new Random(number);
        for (int attempt = 0; !over.IsCancellationRequested; attempt++)
        {
            SiloProcess[] nodes = up.Up;
            SiloProcess node = nodes[random.Next(nodes.Length)];
            if (await node.Http.ReadStrongAsync(Key).OrNothingAsync() is not { Status: 200 } read)
            {
                continue;
            }

            Saw(read.ETag!, read.Text);
            string value = $"{read.ETag} {number} {attempt}";
            Answer? answer = await node.Http.PutAsync(Key, value, read.ETag).OrNothingAsync();
            Assert.True(answer is null or { Status: 204 or 412 or 503 }, $"{answer}");
            if (answer is { Status: 204 })
            {
                Saw(answer.ETag!, value);
                Interlocked.Increment(ref _won);
            }
            else
            {
                Interlocked.Increment(ref answer is { Status: 412 } ? ref _lost : ref _unknown);
            }
        }
    }

    // A value names the version that it was written on, so whoever sees it knows what followed that one.
    private void Saw(string version, string value)
    {
        Assert.Equal(value, _values.GetOrAdd(version, value));
        if (value.StartsWith('"'))
        {
            string before = value[..(value.IndexOf('"', 1) + 1)];
            Assert.Equal(version, _followers.GetOrAdd(before, version));
        }
    }

    private Task WinsAsync(Task storm, TestCluster cluster)
    {
        int goal = Volatile.Read(ref _won) + WinsBetween;
        return Eventually.TrueAsync(
            async () =>
            {
                if (storm.IsFaulted)
                {
                    await storm;
                }

                return Volatile.Read(ref _won) >= goal ? null : $"{_won} of {goal} have won";
            },
            Eventually.Patience,
            cluster.Tails);
    }
}
