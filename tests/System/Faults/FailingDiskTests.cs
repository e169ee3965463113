namespace Diststore.SystemTests;

/// <summary>
/// Disks that take no more while a master works on them. A secondary's: <see cref="DiskTests"/>; every failure of a store by
/// itself: the tests of Core and Storage.
/// </summary>
[Trait("Category", "long")]
public sealed class FailingDiskTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [SkippableFact]
    public async Task A_primary_whose_disk_is_full_gives_up_its_role_and_never_acknowledges()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        using SmallDisk disk = SmallDisk.Mount("64m");
        await using TestCluster cluster = await StartAsync(2, disk);
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        ClusterView before = await cluster.WaitForTwoMastersAsync(cluster[1], Deadline);
        Assert.Equal("node-01", before.Primary);

        List<string> acknowledged = await FillAsync(cluster[2], async () => (await cluster[2].Http.ClusterAsync()).Primary == "node-02", cluster);
        await cluster[2].Http.PutUntilDoneAsync("after", "1", cluster.Tails);
        ClusterView after = await cluster[2].Http.ClusterAsync();
        Assert.True(after.Epoch > before.Epoch, $"{before} -> {after}\n{cluster.Tails()}");
        await HoldsAsync(cluster[2], acknowledged, cluster);
    }

    [SkippableFact]
    public async Task The_last_master_whose_disk_is_full_refuses_writes_and_serves_reads()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        using SmallDisk disk = SmallDisk.Mount("64m");
        await using TestCluster cluster = await StartAsync(1, disk);
        SiloProcess last = cluster[1];
        await last.Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        List<string> acknowledged = await FillAsync(
            last, () => Task.FromResult(last.HasSaid("as the last master in sync this node refuses writes")), cluster);

        for (int i = 0; i < 10; i++)
        {
            Answer refused = await last.Http.PutAsync("small", "1");
            Assert.True(refused.Status == 503, $"{refused}\n{cluster.Tails()}");
        }

        await HoldsAsync(last, acknowledged, cluster);
        Assert.Equal(404, (await last.Http.ReadStrongAsync("small")).Status);
    }

    [SkippableFact]
    public async Task A_primary_whose_fsync_fails_gives_up_its_role_never_acknowledges_and_is_back_once_its_disk_is_well()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        Skip.IfNot(SyscallFault.Missing is null, SyscallFault.Missing);
        await using TestCluster cluster = await StartAsync(2, null);
        await cluster[1].Http.PutUntilDoneAsync("key", "1", cluster.Tails);
        ClusterView before = await cluster.WaitForTwoMastersAsync(cluster[1], Deadline);
        SiloProcess failing = cluster[before.Primary!];
        SiloProcess other = cluster[before.Secondary!];

        using (await SyscallFault.InjectAsync(failing.Process, "fsync,fdatasync", "EIO"))
        {
            // The primary's disk fails, the secondary's does not: the write may land, but nobody is told so by the primary.
            Answer? unknown = await failing.Http.PutAsync("key", "2").OrNothingAsync();
            Assert.True(unknown is null or { Status: 503 }, $"{unknown}\n{cluster.Tails()}");
            await other.Http.PutUntilDoneAsync("key", "3", cluster.Tails);
            ClusterView after = await other.Http.ClusterAsync();
            Assert.True(after.Epoch > before.Epoch && after.Primary == other.Name, $"{before} -> {after}\n{cluster.Tails()}");
            await failing.WaitUntilSaidAsync("takes no more writes until it is opened anew");
        }

        ClusterView healed = await cluster.WaitForTwoMastersAsync(other, Deadline);
        Assert.Equal(other.Name, healed.Primary);
        other.Kill();
        await failing.Http.PutUntilDoneAsync("after", "1", cluster.Tails);
        Assert.Equal("3", (await failing.Http.ReadStrongAsync("key")).Text);
    }

    // The first node's data lies on the small disk.
    private static Task<TestCluster> StartAsync(int nodes, SmallDisk? disk) => TestCluster.StartAsync(new ClusterShape
    {
        Nodes = nodes,
        Prepare = data =>
        {
            if (disk is not null)
            {
                Directory.CreateDirectory(data);
                Directory.CreateSymbolicLink(Path.Combine(data, "node-01"), disk.Path);
            }
        },
    });

    private static async Task<List<string>> FillAsync(SiloProcess node, Func<Task<bool>> isFull, TestCluster cluster)
    {
        var acknowledged = new List<string>();
        for (int i = 0; !await isFull(); i++)
        {
            Assert.True(i < 1000, $"the disk does not fill up\n{cluster.Tails()}");
            Answer answer = await node.Http.PutAsync($"large {i}", Damage.ValueOf($"large {i}"));
            Assert.True(answer.Status is 201 or 503, $"{answer}\n{cluster.Tails()}");
            if (answer.Status == 201)
            {
                acknowledged.Add($"large {i}");
            }
        }

        Assert.NotEmpty(acknowledged);
        return acknowledged;
    }

    private static async Task HoldsAsync(SiloProcess node, List<string> keys, TestCluster cluster)
    {
        foreach (string key in keys)
        {
            Answer answer = await node.Http.ReadAsync(key);
            Assert.True(answer.Status == 200 && answer.Text == Damage.ValueOf(key), $"{key} at {node.Name}: {answer}\n{cluster.Tails()}");
        }
    }
}
