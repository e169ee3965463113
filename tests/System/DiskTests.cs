using System.Diagnostics;
using System.Net;

namespace Diststore.SystemTests;

/// <summary>Disks that are damaged, full, or somebody else's.</summary>
public sealed class DiskTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [SkippableFact, Trait("Category", "long")]
    public async Task A_damaged_table_of_the_secondary_is_never_served_and_it_syncs_in_full()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2, Settings = [Damage.SmallCache] });
        string[] keys = Damage.LargeKeys;
        await Damage.FillAsync(cluster[1].Http, cluster.Tails);
        ClusterView view = await cluster.WaitForTwoMastersAsync(cluster[1], Deadline);
        SiloProcess damaged = cluster[view.Secondary!];
        Damage.FlipBytes(cluster.DataOf(damaged));

        // Until it meets the damage it answers; what it answers is right, whatever happens.
        await Eventually.TrueAsync(
            async () =>
            {
                foreach (string key in keys)
                {
                    Answer answer = await damaged.Http.GetLocalAsync(key);
                    Assert.True(answer.Status != 200 || answer.Text == Damage.ValueOf(key), $"{key} at {damaged.Name}: {answer}");
                }

                return damaged.HasSaid("gives up what it held") ? null : "it has not met the damage";
            },
            Deadline,
            cluster.Tails);

        ClusterView after = await Eventually.GetAsync<ClusterView>(
            async () =>
            {
                ClusterView now = await cluster[view.Primary!].Http.ClusterAsync();
                return now.Masters.Count == 2 && now.Epoch > view.Epoch ? (now, null) : (null, $"{now}");
            },
            Deadline,
            cluster.Tails);
        Assert.True(damaged.IsRunning, damaged.Tail);
        await damaged.WaitUntilSaidAsync("Full, from");
        cluster[after.Primary!].Kill();
        await damaged.Http.PostUntilDoneAsync("after", "1", cluster.Tails);
        await Damage.HoldsEverythingAsync(damaged.Http, cluster.Tails);
    }

    [Fact, Trait("Category", "long")]
    public async Task Who_holds_the_data_alone_ends_with_a_sentence_when_it_meets_damage()
    {
        using var silo = new OneSilo(Damage.SmallCache);
        using ChildProcess process = await silo.StartAsync();
        string[] keys = Damage.LargeKeys;
        await Damage.FillAsync(silo.Http, () => process.Tail());
        Damage.FlipBytes(silo.Data);
        var clock = Stopwatch.StartNew();
        for (int i = 0; !process.HasExited; i++)
        {
            Assert.True(clock.Elapsed < Deadline, $"it has not met the damage; it said:\n{process.Tail()}");
            try
            {
                Answer answer = await silo.Http.GetAsync(keys[i % keys.Length]);
                Assert.True(answer.Status is 200 or 503, $"{keys[i % keys.Length]}: {answer}");
                Assert.True(answer.Status != 200 || answer.Text == Damage.ValueOf(keys[i % keys.Length]), $"{keys[i % keys.Length]}: {answer}");
            }
            catch (HttpRequestException)
            {
                // Its host has ended; its process will.
            }
        }

        Assert.Equal(1, await process.WaitForExitAsync(Deadline));
        Assert.Contains("restore a backup", process.Tail(1), StringComparison.Ordinal);
        Assert.Contains(silo.Data, process.Tail(1), StringComparison.Ordinal);
        await silo.EndsWithASentenceAsync([], "found it damaged");
    }

    [Fact]
    public async Task A_folder_that_is_in_use_is_refused()
    {
        using var silo = new OneSilo();
        using ChildProcess process = await silo.StartAsync();
        await silo.Http.PostUntilDoneAsync("a", "1", () => process.Tail());

        using var other = new OneSilo();
        await other.EndsWithASentenceAsync([$"--Diststore:Data:Path={silo.Data}"], "in use by another process");

        Assert.Equal("1", (await silo.Http.GetAsync("a")).Text);
    }

    [Fact]
    public async Task A_folder_of_another_cluster_or_with_a_torn_log_is_refused_and_left_as_it_is()
    {
        using var silo = new OneSilo();
        using (ChildProcess process = await silo.StartAsync())
        {
            await silo.Http.PostUntilDoneAsync("a", "1", () => process.Tail());
            await silo.Http.PostUntilDoneAsync("b", "1", () => process.Tail());
            process.Kill();
        }

        await silo.EndsWithASentenceAsync(["--Diststore:Cluster:Id=other"], "belongs to the cluster 'diststore'");
        using (ChildProcess process = await silo.StartAsync())
        {
            Assert.Equal("1", (await silo.Http.GetAsync("b")).Text);
            await silo.Http.PostUntilDoneAsync("c", "1", () => process.Tail());
            process.Kill();
        }

        string log = Directory.EnumerateFiles(silo.Data, "*.log").OrderBy(static file => file, StringComparer.Ordinal).Last();
        using (FileStream file = File.OpenWrite(log))
        {
            file.SetLength(file.Length - 10);
        }

        await silo.EndsWithASentenceAsync([], "was cut off");
        await silo.EndsWithASentenceAsync([], "was cut off");
    }

    [Fact]
    public async Task A_restore_says_why_it_does_nothing()
    {
        using var silo = new OneSilo();
        await silo.EndsWithASentenceAsync(["--restore", "missing"], "missing");
        string file = Path.Combine(silo.Directory, "file");
        await File.WriteAllTextAsync(file, "something else altogether");
        await silo.EndsWithASentenceAsync(["--restore", file], "it is no backup");
        Assert.Empty(Directory.EnumerateFiles(silo.Data, "*.sst"));
    }

    [SkippableFact, Trait("Category", "long")]
    public async Task A_secondary_whose_disk_is_full_is_dropped_and_nothing_is_lost()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        using SmallDisk disk = SmallDisk.Mount("64m");
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape
        {
            Nodes = 2,
            Prepare = data =>
            {
                Directory.CreateDirectory(data);
                Directory.CreateSymbolicLink(Path.Combine(data, "node-02"), disk.Path);
            },
        });
        var acknowledged = new List<string>();
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        ClusterView view = await cluster.WaitForTwoMastersAsync(cluster[1], Deadline);
        Assert.Equal("node-02", view.Secondary);
        for (int i = 0; i < 400; i++)
        {
            await cluster[1].Http.PostUntilDoneAsync($"{i}", Damage.ValueOf($"{i}"), cluster.Tails);
            acknowledged.Add($"{i}");
        }

        ClusterView after = await cluster[1].Http.ClusterAsync();
        Assert.True(after.Epoch > view.Epoch && after.Primary == "node-01" && after.Masters.Count == 0, $"{view} then {after}\n{cluster.Tails()}");
        Assert.All(acknowledged, key => Assert.Equal(Damage.ValueOf(key), cluster[1].Http.GetAsync(key).Result.Text));
    }

    /// <summary>One node in a process, alone, with a folder of its own.</summary>
    private sealed class OneSilo : IDisposable
    {
        private readonly TempDirectory _directory = new();
        private readonly string[] _command;
        private int _started;

        public OneSilo(params string[] settings)
        {
            int[] ports = Ports.Free(4, [IPAddress.Loopback]);
            Http = new HttpFace(IPAddress.Loopback, ports[0]);
            string[] all =
            [
                "Node:Name=alone", $"Http:Port={ports[0]}", $"Silo:Port={ports[1]}", $"Silo:GatewayPort={ports[2]}", $"Multicast:Port={ports[3]}",
                .. settings,
            ];
            _command = [.. Programs.Silo, .. all.Select(static setting => "--Diststore:" + setting)];
        }

        public HttpFace Http { get; }

        public string Directory => _directory.Path;

        public string Data => Path.Combine(_directory.Path, "data", "alone");

        public async Task<ChildProcess> StartAsync()
        {
            ChildProcess process = ChildProcess.Start(_directory.Path, $"life-{++_started}", _command);
            await Readiness.WaitAsync("the node", Http, process);
            return process;
        }

        public async Task EndsWithASentenceAsync(string[] arguments, string words)
        {
            using ChildProcess process = ChildProcess.Start(_directory.Path, $"life-{++_started}", [.. _command, .. arguments]);
            Assert.Equal(1, await process.WaitForExitAsync(Deadline));
            string output = process.Output.Trim();
            Assert.Contains(words, output, StringComparison.Ordinal);
            Assert.True(output.Split('\n').Length == 1, $"more than one line:\n{output}");
        }

        public void Dispose()
        {
            Http.Dispose();
            _directory.Dispose();
        }
    }
}
