using System.Text;
using RocksDbSharp;

namespace Diststore.Storage.Tests;

/// <summary>Long values lie in rows of their own: whoever needs heads only does not touch them.</summary>
public sealed class ValueRowTests : IDisposable
{
    private static readonly string Long = new('v', 2000);

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_listing_and_the_judging_of_a_write_read_no_long_value()
    {
        await using (RocksStore store = _folder.Open())
        {
            await store.WriteAsync(("a", Long), ("b", "short"));
        }

        RemoveValues("a");
        await using RocksStore without = _folder.Open();

        HeadPage listed = await without.ScanHeadsAsync(new HeadScan("", null, 10, 1 << 20));
        Assert.Equal([("a", 2000), ("b", 5)], listed.Heads.Select(static head => (head.Key, head.ValueBytes)));
        Assert.Equal(2000, (await without.ReadHeadsAsync(["a"]))[0]!.ValueBytes);

        // Who does need it is told, and the store ends.
        StoreFailedException e = await Assert.ThrowsAsync<StoreFailedException>(async () => await without.ReadAsync("a"));
        Assert.Contains("the value of key 'a' is missing", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Values_that_are_replaced_by_short_ones_or_deleted_leave_no_row_behind()
    {
        await using (RocksStore store = _folder.Open())
        {
            await store.WriteAsync(("a", Long), ("b", Long), ("c", Long), ("d", Long));
            await store.WriteAsync(("a", "short"), ("b", null));
            await store.WriteAsync(("d", Long + "x"));
        }

        using RocksDb db = OpenEngine();
        Assert.Equal(["c", "d"], ValueKeys(db));
    }

    [Fact]
    public async Task Readers_never_meet_a_value_of_another_version()
    {
        await using RocksStore store = _folder.Open();
        await store.WriteAsync(("a", new string('0', 5000)));
        using var end = new CancellationTokenSource();
        Task[] readers = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            for (LogPoint last = default; !end.IsCancellationRequested;)
            {
                Entry entry = (await store.ReadManyAsync(["a"], 1)).Entries[0]!;
                string text = entry.Text()!;
                Assert.True(entry.Version >= last, $"{entry.Version} after {last}");
                Assert.Equal(new string(text[0], 5000), text);
                Assert.Equal((char)('0' + ((entry.Version.Sequence - 1) % 10)), text[0]);
                last = entry.Version;
            }
        }))];
        for (int i = 1; i < 400; i++)
        {
            await store.WriteAsync(("a", new string((char)('0' + (i % 10)), 5000)));
        }

        await end.CancelAsync();
        await Task.WhenAll(readers);
    }

    [Fact]
    public async Task A_sweep_finds_what_expires_earlier_than_what_it_has_found_before()
    {
        var noon = new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
        await using RocksStore store = _folder.Open();
        foreach (int seconds in (int[])[60, 30, 90, 10, 20])
        {
            LogPoint last = store.State.Last;
            var entry = new Entry($"in-{seconds}", Encoding.UTF8.GetBytes(Long), null, new LogPoint(1, last.Sequence + 1), noon.AddSeconds(seconds));
            var batch = new Batch(last, [entry], noon);
            await store.AppendAsync(1, batch);
            await store.ApplyAsync(batch.Last);
            EntryHead first = (await store.ReadExpiredAsync(noon.AddSeconds(100), 1))[0];
            Assert.Equal(Math.Min(seconds, seconds is 60 ? 60 : seconds is 30 or 90 ? 30 : 10), (int)(first.ExpiresAt!.Value - noon).TotalSeconds);
            Assert.Empty(await store.ReadExpiredAsync(noon, 1));
        }

        await store.WriteAsync(("in-10", null), ("in-20", null));
        Assert.Equal("in-30", (await store.ReadExpiredAsync(noon.AddSeconds(100), 1))[0].Key);
    }

    private static List<string> ValueKeys(RocksDb db)
    {
        var keys = new List<string>();
        using Iterator rows = db.NewIterator(db.GetColumnFamily(EngineOptions.Name(Family.Values)));
        for (rows.SeekToFirst(); rows.Valid(); rows.Next())
        {
            keys.Add(rows.StringKey());
        }

        return keys;
    }

    private RocksDb OpenEngine() => RocksDb.Open(EngineOptions.Database(), _folder.Options.Path, EngineOptions.Families(1 << 20));

    private void RemoveValues(string key)
    {
        using RocksDb db = OpenEngine();
        db.Remove(Rows.Key(key), db.GetColumnFamily(EngineOptions.Name(Family.Values)));
    }
}
