namespace Diststore.Storage.Tests;

/// <summary>
/// A disk that fills up, on a file system of at most 100 MiB that <c>DISTSTORE_SMALL_DISK</c> names (Linux, as root:
/// <c>mount -t tmpfs -o size=40m none /mnt/small</c>).
/// </summary>
public sealed class FullDiskTests
{
    private const long MaxSize = 100 << 20;

    [SkippableFact]
    public async Task A_full_disk_ends_writing_keeps_reading_and_loses_nothing_that_was_answered()
    {
        string? disk = Environment.GetEnvironmentVariable("DISTSTORE_SMALL_DISK");
        Skip.If(string.IsNullOrEmpty(disk), "DISTSTORE_SMALL_DISK names no small file system");
        string ballast = Path.Combine(disk, "ballast");
        long size = new DriveInfo(disk).TotalSize;
        Assert.InRange(size, 1, MaxSize);
        await File.WriteAllBytesAsync(ballast, new byte[size / 2]); // what opening needs to move the log into table files
        using var folder = new TestFolder();
        RocksStoreOptions options = folder.Options with { Path = Path.Combine(disk, "data") };
        LogPoint answered;
        await using (RocksStore store = RocksStore.Open(options))
        {
            await store.WriteAsync(("first", "1"));
            StoreFailedException e = await Assert.ThrowsAsync<StoreFailedException>(() => store.FillAsync(10_000_000, valueBytes: 2000, perBatch: 100));
            answered = store.State.Last;
            Assert.Contains("space", e.ToString(), StringComparison.OrdinalIgnoreCase);
            Assert.NotNull(store.Failure);
            await Assert.ThrowsAsync<StoreFailedException>(async () => await store.AppendAsync(1, Writes.Next(answered, ("x", "1"))));
            Assert.Equal("1", (await store.ReadAsync("first")).Text());
            Assert.Equal(answered, store.State.Last);
        }

        File.Delete(ballast);
        await using (RocksStore again = RocksStore.Open(options))
        {
            Assert.True(again.State.Last >= answered, $"{again.State.Last} < {answered}");
            await again.WriteAsync(("first", "2"));
        }

        RocksStore.Wipe(options.Path);
    }
}
