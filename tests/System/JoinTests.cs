using Diststore.Testing;

namespace Diststore.SystemTests;

/// <summary>Nodes that have another one's name or data, and nodes whose clock was wrong.</summary>
[Trait("Category", "long")]
public sealed class JoinTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(45);

    [SkippableFact]
    public async Task Another_node_of_the_same_name_is_refused_as_long_as_the_first_one_answers()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        using var elsewhere = new TempDirectory();
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2 });
        SiloProcess first = cluster[2];
        await first.Http.PostUntilDoneAsync("key", "1", cluster.Tails);

        SiloProcess second = cluster.Another(first.Name, "127.1.2.9", elsewhere.Path);
        second.Start();
        Assert.Equal(1, await second.Process.WaitForExitAsync(Patience));
        Assert.Contains($"Another node of the name {first.Name} runs at {first.Address}", second.Said, StringComparison.Ordinal);
        Assert.Equal("1", (await first.Http.GetAsync("key")).Text);
        await cluster.WaitUntilCompleteAsync();

        // Killed, it may come back elsewhere: the new one waits until the others know.
        first.Kill();
        second.Start();
        await second.WaitUntilReadyAsync();
        Assert.Equal("1", (await second.Http.GetAsync("key")).Text);
    }

    [SkippableFact]
    public async Task A_copied_folder_is_refused_as_long_as_the_original_runs()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        using var elsewhere = new TempDirectory();
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2 });
        await cluster[1].Http.PostUntilDoneAsync("key", "1", cluster.Tails);
        cluster[2].Process.Terminate();
        Assert.Equal(0, await cluster[2].Process.WaitForExitAsync(Patience));
        string copy = Path.Combine(elsewhere.Path, "copy");
        Copy(cluster.DataOf(cluster[2]), copy);
        await cluster.StartAgainAsync();

        SiloProcess copied = cluster.Another("copy", "127.1.2.9", elsewhere.Path, settings: $"Data:Path={copy}");
        copied.Start();
        Assert.Equal(1, await copied.Process.WaitForExitAsync(Patience));
        Assert.Contains($"is that of {cluster[2].Name}, which runs at {cluster[2].Address}", copied.Said, StringComparison.Ordinal);
        await cluster.WaitUntilCompleteAsync();

        // Silent, the original is waited for until the cluster declares it dead; back, it is the second to come.
        cluster[2].Process.Pause();
        copied.Start();
        await copied.WaitUntilReadyAsync();
        cluster[2].Process.Resume();
        Assert.Equal(1, await cluster[2].Process.WaitForExitAsync(Patience));
        Assert.Contains("is that of copy, which runs at", cluster[2].Said, StringComparison.Ordinal);
        Assert.Equal("1", (await copied.Http.GetAsync("key")).Text);
    }

    [SkippableFact]
    public async Task A_node_that_once_ran_with_its_clock_in_the_future_joins_again_with_the_right_one()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        Skip.IfNot(FakeClock.Missing is null, FakeClock.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2 });
        await cluster[1].Http.PostUntilDoneAsync("key", "1", cluster.Tails);
        const int YearsInHours = 14 * 8766;
        SiloProcess future = cluster.Another("late", "127.1.2.9", prefix: FakeClock.OffByHours(YearsInHours));
        future.Start();
        await future.WaitUntilReadyAsync();
        future.Kill();
        await cluster.WaitUntilCompleteAsync();

        SiloProcess now = cluster.Another("late", "127.1.2.9");
        for (int start = 0; start < 2; start++)
        {
            now.Start();
            await now.WaitUntilReadyAsync();
            Assert.Equal("1", (await now.Http.GetAsync("key")).Text);
            Assert.Contains("late", (await cluster[1].Http.ClusterAsync()).Nodes.Keys);
            now.Process.Terminate();
            Assert.Equal(0, await now.Process.WaitForExitAsync(Patience));
        }
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.EnumerateFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }

        foreach (string folder in Directory.EnumerateDirectories(from))
        {
            Copy(folder, Path.Combine(to, Path.GetFileName(folder)));
        }
    }
}
