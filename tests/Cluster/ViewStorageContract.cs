using Diststore.Core;
using Diststore.Grains;

namespace Diststore.Cluster.Tests;

/// <summary>
/// What every storage of the masters' view has to do, each as a silo is given it by its settings: two registries at once
/// are harmless only if of two decisions on one state one is stored.
/// </summary>
public abstract class ViewStorageContract(StorageSilo silo)
{
    private const int Rounds = 20;
    private const int Contenders = 8;

    [SkippableFact]
    public async Task There_is_no_view_before_one_is_stored()
    {
        StoredView stored = await NewView().ReadAsync();
        Assert.Null(stored.View);
        Assert.Null(stored.Tag);
    }

    [SkippableFact]
    public async Task What_was_stored_is_read()
    {
        GrainViewStorage storage = NewView();
        MasterView[] views = [View(1), View(2) with { Other = null, OtherInSync = false }, View(3) with { OtherInSync = false }];
        foreach (MasterView view in views)
        {
            Assert.True(await storage.TryReplaceAsync(await storage.ReadAsync(), view));
            StoredView stored = await storage.ReadAsync();
            Assert.Equal(view, stored.View);
            Assert.NotNull(stored.Tag);
        }
    }

    [SkippableFact]
    public async Task A_first_view_is_stored_only_where_there_is_none()
    {
        GrainViewStorage storage = NewView();
        StoredView none = await storage.ReadAsync();
        Assert.True(await storage.TryReplaceAsync(none, View(1)));
        Assert.False(await storage.TryReplaceAsync(none, View(2)));
        Assert.Equal(1, (await storage.ReadAsync()).View!.Epoch);
    }

    [SkippableFact]
    public async Task A_view_replaces_only_the_one_that_was_read()
    {
        GrainViewStorage storage = NewView();
        await storage.TryReplaceAsync(await storage.ReadAsync(), View(1));
        StoredView first = await storage.ReadAsync();
        Assert.True(await storage.TryReplaceAsync(first, View(2)));
        Assert.False(await storage.TryReplaceAsync(first, View(3)));
        Assert.Equal(2, (await storage.ReadAsync()).View!.Epoch);
    }

    [SkippableFact]
    public async Task Of_many_at_once_one_wins()
    {
        for (int round = 0; round < Rounds; round++)
        {
            // The first view, then a second in its place.
            GrainViewStorage storage = NewView();
            await OneWinsAsync(storage);
            await OneWinsAsync(storage);
        }
    }

    private static async Task OneWinsAsync(GrainViewStorage storage)
    {
        StoredView read = await storage.ReadAsync();
        long epoch = (read.View?.Epoch ?? 0) + 1;
        MasterView[] views = [.. Enumerable.Range(0, Contenders).Select(_ => View(epoch))];
        bool[] won = await Task.WhenAll(views.Select(view => Task.Run(() => storage.TryReplaceAsync(read, view))));
        Assert.Single(won, true);
        Assert.Equal(views[Array.IndexOf(won, true)], (await storage.ReadAsync()).View);
    }

    private static MasterView View(long epoch) =>
        new(epoch, Guid.NewGuid(), Master("a"), Master("b"), OtherInSync: true);

    private static MasterId Master(string name) => new(name, Guid.NewGuid(), Guid.NewGuid(), Durable: true);

    private GrainViewStorage NewView()
    {
        Skip.IfNot(silo.Missing is null, silo.Missing);
        return silo.NewView();
    }
}

public sealed class SharedViewStorageTests(SharedStorageSilo silo) : ViewStorageContract(silo), IClassFixture<SharedStorageSilo>;

public sealed class RedisViewStorageTests(RedisSilo silo) : ViewStorageContract(silo), IClassFixture<RedisSilo>;

public sealed class PostgreSqlViewStorageTests(PostgreSqlSilo silo) : ViewStorageContract(silo), IClassFixture<PostgreSqlSilo>;
