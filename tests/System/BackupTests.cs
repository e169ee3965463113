using System.Net;
using System.Text;

namespace Diststore.SystemTests;

/// <summary>Backups taken through the gateway of a cluster that is written to, and what comes of them in a new cluster.</summary>
public sealed class BackupTests
{
    private const int Writers = 16;
    private const int Padding = 1000; // bytes of a value, so that a backup has several parts
    private const int Before = 4000; // writes before the backup

    // Together more than all the buffers on the way to a client hold.
    private const int LargeValues = 10;
    private const int LargeBytes = 4_000_000;

    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(60);

    [SkippableFact, Trait("Category", "long")]
    public async Task What_was_acknowledged_before_a_backup_is_there_after_a_restore_and_versions_and_changes_go_on()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        await cluster.WaitForTwoMastersAsync(cluster[1], Recovery);
        var up = new UpNodes([.. cluster.Nodes]);
        var follower = new ChangeFollower(up);
        OwnKeysWriter[] writers = [.. Enumerable.Range(0, Writers).Select(number => new OwnKeysWriter(number, up, Padding))];
        Backup backup;
        using (GatewayProcess gateway = await cluster.StartGatewayAsync())
        {
            backup = await TakeAsync(cluster, gateway.Http, writers, follower);
        }

        // All of it is lost, and so is the registry.
        foreach (SiloProcess node in cluster.Nodes)
        {
            node.Kill();
            Directory.Delete(cluster.DataOf(node), recursive: true);
        }

        await ((RedisServer)cluster.Storage).ForgetAsync();
        SiloProcess restored = cluster[3]; // not the one that an election prefers
        await RefusedAsync(restored, backup.Bytes[..(backup.Bytes.Length / 2)], "cannot be restored: it ends too early");
        await RefusedAsync(restored, Flipped(backup.Bytes), "cannot be restored: it ");
        (int exit, string said) = await RestoreAsync(restored, backup.Bytes);
        Assert.True(exit == 0 && said.StartsWith("Restored ", StringComparison.Ordinal), said);
        await RefusedAsync(restored, backup.Bytes, "holds a store already");

        await cluster.StartAgainAsync();
        await cluster[1].Http.PostUntilDoneAsync("first after", "1", cluster.Tails);
        ClusterView view = await cluster.WaitForTwoMastersAsync(cluster[1], Recovery);
        Assert.Equal(restored.Name, view.Primary);
        string at = $"{writers.Sum(static writer => writer.Acknowledged)} writes acknowledged\n{cluster.Tails()}";
        foreach (SiloProcess node in new[] { restored, cluster[view.Secondary!] })
        {
            await OwnKeysWriter.CheckAsync(node.Http, backup.Promises, $"at {node.Name}, {at}");
        }

        await VersionsAndChangesGoOnAsync(cluster, backup, follower, at);
        await TheLostFutureIsGoneAsync(cluster, backup, at);
    }

    /// <summary>Asked of the other master, which hears last that a write is committed, and on the shortest way.</summary>
    [SkippableFact, Trait("Category", "long")]
    public async Task What_was_acknowledged_is_in_a_backup_that_is_asked_for_at_once()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2 });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        ClusterView view = await cluster.WaitForTwoMastersAsync(cluster[1], Recovery);
        for (int number = 0; number < 100; number++)
        {
            string key = $"probe-{number:000}";
            await cluster[view.Primary!].Http.PutUntilDoneAsync(key, "1", cluster.Tails);
            Answer backup = await cluster[view.Secondary!].Http.SendAsync(HttpMethod.Post, "/v1/cluster/backup");
            Assert.Equal(200, backup.Status);
            Assert.True(backup.Body.AsSpan().IndexOf(Encoding.UTF8.GetBytes(key)) >= 0, $"{key} is not in the backup");
        }
    }

    /// <summary>The connection that a backup comes by breaks, and the client can tell.</summary>
    [SkippableFact, Trait("Category", "long")]
    public async Task A_backup_whose_master_dies_under_it_breaks_off_and_is_refused()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2 });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        await cluster.WaitForTwoMastersAsync(cluster[1], Recovery);
        foreach (int number in Enumerable.Range(0, LargeValues))
        {
            using var value = new ByteArrayContent(new byte[LargeBytes]);
            Answer put = await cluster[1].Http.SendAsync(HttpMethod.Put, $"/v1/kv/large-{number}", value);
            Assert.True(put.Status == 201, $"{put}\n{cluster.Tails()}");
        }

        using GatewayProcess gateway = await cluster.StartGatewayAsync();
        using var partial = new MemoryStream();
        using HttpResponseMessage answer = await gateway.Http.OpenAsync(HttpMethod.Post, "/v1/cluster/backup");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await using Stream body = await answer.Content.ReadAsStreamAsync();
        byte[] piece = new byte[100_000];
        await body.ReadExactlyAsync(piece);
        partial.Write(piece);
        cluster[answer.Headers.GetValues("Diststore-Node").Single()].Kill();
        await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(partial));

        Assert.InRange(partial.Length, piece.Length, LargeValues * LargeBytes);
        SiloProcess killed = cluster.Nodes.Single(static node => !node.IsRunning);
        Directory.Delete(cluster.DataOf(killed), recursive: true);
        await RefusedAsync(killed, partial.ToArray(), "cannot be restored: it ends too early");
    }

    private static async Task<Backup> TakeAsync(TestCluster cluster, HttpFace gateway, OwnKeysWriter[] writers, ChangeFollower follower)
    {
        int Acknowledged() => writers.Sum(static writer => writer.Acknowledged);
        Task ReachedAsync(int count) => Eventually.TrueAsync(
            () => Task.FromResult(Acknowledged() >= count ? null : $"{Acknowledged()} of {count} writes are acknowledged"), Recovery, cluster.Tails);

        using var over = new CancellationTokenSource();
        Task writing = Task.WhenAll(writers.Select(writer => writer.RunAsync(over.Token)));
        await ReachedAsync(Before);
        await follower.BeginWithListingAsync(gateway, "before the backup");
        (OwnKey, int)[] promises = [.. writers.SelectMany(static writer => writer.Promises())];
        int before = Acknowledged();
        Answer answer = await gateway.SendAsync(HttpMethod.Post, "/v1/cluster/backup");
        int during = Acknowledged() - before;
        Assert.Equal(200, answer.Status);
        Assert.True(during > 0, "nothing was written while the backup was taken");
        await ReachedAsync(before + during + 100); // what comes later is lost
        await over.CancelAsync();
        await writing;
        (Dictionary<string, string?> keys, string id) = await ChangeFollower.ListAsync(gateway, "after the backup");
        return new Backup(answer.Body, promises, keys, id);
    }

    private static async Task VersionsAndChangesGoOnAsync(TestCluster cluster, Backup backup, ChangeFollower follower, string at)
    {
        (Dictionary<string, string?> keys, string id) = await ChangeFollower.ListAsync(cluster[1].Http, at);
        (long, long) newest = keys.Values.Max(static version => ChangeFollower.Parse(version!));
        Answer put = await cluster[2].Http.SendAsync(HttpMethod.Put, "/v1/kv/new", new StringContent("1"));
        Assert.Equal(201, put.Status);
        (long Epoch, long Sequence) version = ChangeFollower.Parse(put.ETag!.Trim('"'));
        (_, long listed) = ChangeFollower.Parse(id);
        Assert.True(version.CompareTo(newest) > 0 && version.Sequence > listed, $"{version} after {newest}, listed up to {id}; {at}");

        Answer changes = await cluster[2].Http.FetchAsync($"/v1/changes?since={id}&live=false");
        Assert.Equal(200, changes.Status);
        string change = Assert.Single(changes.Text.TrimEnd().Split('\n'));
        Assert.Contains("\"key\":\"new\"", change, StringComparison.Ordinal);

        // Who watched the old cluster from before the backup goes on as if nothing had been.
        await follower.CatchUpAsync(cluster[1].Http);
        await follower.CheckAsync(cluster[1].Http, at);
        Assert.True(keys.Count > backup.Promises.Length / 2, $"{keys.Count} keys; {at}");
    }

    // Clients kept ids and versions of what came after the backup: none of them may be taken for one of the new history.
    private static async Task TheLostFutureIsGoneAsync(TestCluster cluster, Backup backup, string at)
    {
        foreach (SiloProcess node in cluster.Nodes)
        {
            Answer changes = await node.Http.FetchAsync($"/v1/changes?since={backup.LostId}&live=false");
            Assert.True(changes.Status == 410, $"{backup.LostId} at {node.Name}: {changes}; {at}");
        }

        (Dictionary<string, string?> kept, _) = await ChangeFollower.ListAsync(cluster[1].Http, at);
        string[] lost = [.. backup.Lost.Where(pair => kept.GetValueOrDefault(pair.Key) != pair.Value).Select(static pair => pair.Key)];
        Assert.True(lost.Length > 0, $"nothing was lost; {at}");
        foreach (string key in lost.Take(50))
        {
            Answer put = await cluster[2].Http.PutAsync(key, "0", $"\"{backup.Lost[key]}\"");
            Assert.True(put.Status == 412, $"{key} at {backup.Lost[key]}, now {kept.GetValueOrDefault(key)}: {put}; {at}");
        }

        var versions = new HashSet<string?>(backup.Lost.Values, StringComparer.Ordinal);
        for (int number = 0; number < 500; number++)
        {
            Answer put = await cluster[2].Http.PutAsync($"after-{number}", "1");
            Assert.True(put.Status == 201 && versions.Add(put.ETag!.Trim('"')), $"{put} {put.ETag}; {at}");
        }
    }

    private static async Task RefusedAsync(SiloProcess node, byte[] backup, string words)
    {
        (int exit, string said) = await RestoreAsync(node, backup);
        Assert.Equal(1, exit);
        Assert.Contains(words, said, StringComparison.Ordinal);
        Assert.True(said.Split('\n').Length == 1, $"more than one line:\n{said}");
    }

    private static async Task<(int ExitCode, string Said)> RestoreAsync(SiloProcess node, byte[] backup)
    {
        using var directory = new TempDirectory();
        string file = Path.Combine(directory.Path, "backup");
        await File.WriteAllBytesAsync(file, backup);
        return await node.RunAsync(Recovery, "--restore", file);
    }

    private static byte[] Flipped(byte[] bytes)
    {
        byte[] flipped = [.. bytes];
        flipped[flipped.Length / 2] ^= 1;
        return flipped;
    }

    /// <summary>A backup, and what there was when all was lost.</summary>
    private sealed record Backup(byte[] Bytes, (OwnKey Key, int Kept)[] Promises, Dictionary<string, string?> Lost, string LostId);
}
