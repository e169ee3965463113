using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace Diststore.Storage.Tests;

/// <summary>A folder of its own, gone afterwards.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("diststore-storage-").FullName;

    public RocksStoreOptions Options => new()
    {
        Path = System.IO.Path.Combine(Path, "data"),
        ClusterId = "test",
        TimeProvider = TimeProvider.System,
        NodeName = "a",
        CacheBytes = 4 << 20,
    };

    public RocksStore Open() => RocksStore.Open(Options);

    public string NewestLog() => Newest("*.log");

    public string Newest(string pattern) =>
        Directory.EnumerateFiles(Options.Path, pattern).OrderBy(file => long.Parse(System.IO.Path.GetFileNameWithoutExtension(file))).Last();

    /// <summary>What the files hold, by name: to see that nothing was changed.</summary>
    public IReadOnlyList<string> Snapshot() =>
        [.. Directory.EnumerateFiles(Options.Path)
            .Where(file => new FileInfo(file).Name is not "LOG")
            .Order(StringComparer.Ordinal)
            .Select(file => $"{System.IO.Path.GetFileName(file)} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))}")];

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>Writes the way that a primary does.</summary>
internal static class Writes
{
    public static Batch Next(LogPoint last, params (string Key, string? Value)[] writes) => new(
        last,
        [.. writes.Select((write, i) => new Entry(
            write.Key, write.Value is null ? null : Encoding.UTF8.GetBytes(write.Value), null, new LogPoint(1, last.Sequence + 1 + i)))],
        DateTimeOffset.UnixEpoch);

    public static async Task<Batch> WriteAsync(this IStore store, params (string Key, string? Value)[] writes)
    {
        Batch batch = Next(store.State.Last, writes);
        Assert.Equal(AppendStatus.Persisted, (await store.AppendAsync(1, batch)).Status);
        await store.ApplyAsync(batch.Last);
        return batch;
    }

    /// <summary>Writes keys <c>k000000</c>, <c>k000001</c>...; the values do not compress.</summary>
    public static async Task FillAsync(this IStore store, int count, int valueBytes = 100, int perBatch = 500)
    {
        var random = new Random(7);
        for (int done = 0; done < count; done += perBatch)
        {
            LogPoint last = store.State.Last;
            ImmutableArray<Entry>.Builder entries = ImmutableArray.CreateBuilder<Entry>();
            for (int i = done; i < Math.Min(count, done + perBatch); i++)
            {
                byte[] value = new byte[valueBytes];
                random.NextBytes(value);
                entries.Add(new Entry($"k{i:000000}", value, null, new LogPoint(1, last.Sequence + 1 + i - done)));
            }

            var batch = new Batch(last, entries.ToImmutable(), DateTimeOffset.UnixEpoch);
            await store.AppendAsync(1, batch);
            await store.ApplyAsync(batch.Last);
        }
    }

    public static string? Text(this Entry? entry) => entry?.Value is { } value ? Encoding.UTF8.GetString(value) : null;
}
