namespace Diststore.Storage.Tests;

/// <summary>A flipped byte in a table file is told at the first read that meets it, and never served.</summary>
public sealed class DamageTests : IDisposable
{
    private const int Count = 20_000; // several blocks, and more than the cache for hot entries holds
    private static readonly KeyScan All = new("", null, int.MaxValue, int.MaxValue, Tombstones: true);

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_read_tells()
    {
        await using RocksStore store = await DamagedAsync();
        int failed = 0;
        for (int i = 0; i < Count; i++)
        {
            try
            {
                Entry? entry = await store.ReadAsync($"k{i:000000}");
                Assert.Equal((100, i + 1), (entry!.Value!.Length, entry.Version.Sequence));
            }
            catch (StoreFailedException e)
            {
                failed++;
                Assert.Contains("the store is damaged", e.Message, StringComparison.Ordinal);
            }
        }

        Assert.InRange(failed, 1, Count / 2);
        await RefusedFromNowOnAsync(store);
    }

    [Fact]
    public async Task A_scan_tells_and_does_not_end_as_if_nothing_followed()
    {
        await using RocksStore store = await DamagedAsync();
        StoreFailedException e = await Assert.ThrowsAsync<StoreFailedException>(async () => await store.ScanAsync(All));
        Assert.Contains("the store is damaged", e.Message, StringComparison.Ordinal);
        await RefusedFromNowOnAsync(store);
    }

    [Fact]
    public async Task Changes_tell()
    {
        await using RocksStore store = await DamagedAsync();
        await Assert.ThrowsAsync<StoreFailedException>(async () => await store.ReadChangesAsync(0, int.MaxValue));
    }

    [Fact]
    public async Task A_page_that_is_written_over_the_damage_tells()
    {
        await using RocksStore store = await DamagedAsync();
        await store.StartSyncAsync(1, SyncKind.Full, Guid.NewGuid());
        var page = new KeyPage([], false, LogPoint.Zero, 0);
        await Assert.ThrowsAsync<StoreFailedException>(async () =>
        {
            while (await store.WritePageAsync(1, null, page) == PageOutcome.Partly)
            {
            }
        });
    }

    [Fact]
    public async Task A_backup_tells_and_has_no_end()
    {
        await using RocksStore store = await DamagedAsync();
        using var file = new MemoryStream();
        await Assert.ThrowsAsync<StoreFailedException>(() => store.BackupAsync(file));
        Assert.Throws<InvalidDataException>(() => BackupFile.Check(new MemoryStream(file.ToArray())));
    }

    // The damage is remembered: a later start does not serve from the folder either.
    private async Task RefusedFromNowOnAsync(RocksStore store)
    {
        Assert.NotNull(store.Failure);
        await Assert.ThrowsAsync<StoreFailedException>(async () => await store.AppendAsync(1, Writes.Next(store.State.Last, ("x", "1"))));
        await store.DisposeAsync();
        StoreOpenException refusal = Assert.Throws<StoreOpenException>(_folder.Open);
        Assert.Equal(StoreOpenProblem.Corrupt, refusal.Problem);
    }

    private async Task<RocksStore> DamagedAsync()
    {
        await using (RocksStore store = _folder.Open())
        {
            await store.FillAsync(Count);
            store.Flush();
        }

        string largest = Directory.EnumerateFiles(_folder.Options.Path, "*.sst").MaxBy(file => new FileInfo(file).Length)!;
        OpeningTests.Flip(largest, new FileInfo(largest).Length / 2);
        return _folder.Open();
    }
}
