using CsCheck;

namespace Diststore.Core.Tests;

public sealed class CopyTableTests
{
    private static readonly LogPoint Newest = new(long.MaxValue, long.MaxValue);

    private static readonly TimeSpan TimeToLive = TimeSpan.FromMinutes(5);
    private static readonly int Size = Copy("k0", 1).SizeBytes;

    private readonly ManualTime _time = new();

    [Fact]
    public void It_gives_what_it_keeps()
    {
        CopyTable table = Table(10);
        Entry entry = Copy("k0", 1);

        Assert.False(table.TryGet("k0", out Entry? none));
        Assert.Null(none);
        Assert.True(table.Keep(entry));
        Assert.True(table.TryGet("k0", out Entry? found));
        Assert.Same(entry, found);
        Assert.Equal((1, Size), (table.Count, table.Bytes));
        Assert.Equal(["k0"], table.Keys);
    }

    [Fact]
    public void An_older_version_never_replaces_a_newer_one()
    {
        CopyTable table = Table(10);
        table.Keep(Copy("k0", 5));

        Assert.False(table.Keep(Copy("k0", 4)));
        Assert.False(table.Keep(Copy("k0", 9) with { Version = new LogPoint(0, 9) }));
        Assert.Equal(5, Sequence(table, "k0"));
        Assert.True(table.Keep(Copy("k0", 6)));
        Assert.Equal(6, Sequence(table, "k0"));
        Assert.Equal((1, Size), (table.Count, table.Bytes));
    }

    [Fact]
    public void What_is_larger_than_the_budget_is_not_kept_and_takes_the_older_copy_with_it()
    {
        CopyTable table = Table(2);
        table.Keep(Copy("k0", 1));
        table.Keep(Copy("k1", 1));

        Assert.False(table.Keep(Copy("k0", 2, valueBytes: 3 * Size)));
        Assert.Equal(["k1"], table.Keys);
        Assert.True(table.Keep(Copy("k0", 2, valueBytes: Size + 8)));
        Assert.Equal(["k0"], table.Keys);
        Assert.Equal(2 * Size, table.Bytes);
    }

    [Fact]
    public void A_tombstone_is_not_kept_and_takes_the_older_copy_with_it()
    {
        CopyTable table = Table(2);
        table.Keep(Copy("k0", 1));

        Assert.False(table.Keep(Copy("k0", 2) with { Value = null }));
        Assert.Empty(table.Keys);
    }

    [Fact]
    public void What_remains_of_an_entry_that_expires_is_known_also_where_only_its_life_was_told()
    {
        CopyTable table = Table(3);
        table.Keep(Copy("posted", 1), TimeSpan.FromSeconds(10));
        table.Keep(Copy("for ever", 1));
        _time.Advance(TimeSpan.FromSeconds(4));

        Assert.True(table.TryGet("posted", out _, out TimeSpan? life));
        Assert.Equal(TimeSpan.FromSeconds(6), life);
        Assert.True(table.TryGet("for ever", out _, out life));
        Assert.Null(life);
        Assert.False(table.TryGet("none", out _, out _));
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.False(table.TryGet("posted", out _, out _));
    }

    [Fact]
    public void What_remains_of_an_entry_is_not_cut_to_what_the_copy_will_last()
    {
        CopyTable table = Table(3);
        table.Keep(Copy("long", 1), 10 * TimeToLive);
        table.Keep(Copy("untold", 1) with { ExpiresAt = DateTimeOffset.UnixEpoch });
        _time.Advance(TimeToLive - TimeSpan.FromSeconds(1));

        Assert.True(table.TryGet("long", out _, out TimeSpan? life));
        Assert.Equal((9 * TimeToLive) + TimeSpan.FromSeconds(1), life);
        Assert.True(table.TryGet("untold", out _, out life));
        Assert.Equal(TimeSpan.FromSeconds(1), life);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(table.TryGet("long", out _, out _));
    }

    [Fact]
    public void A_copy_ends_with_its_time_to_live()
    {
        CopyTable table = Table(10);
        table.Keep(Copy("k0", 1));
        _time.Advance(TimeToLive - TimeSpan.FromTicks(1));
        table.Keep(Copy("k1", 1));
        Assert.True(table.TryGet("k0", out _));

        _time.Advance(TimeSpan.FromTicks(1));

        Assert.False(table.TryGet("k0", out _));
        Assert.Equal(["k1"], table.Keys);
        Assert.Equal(2, table.Count);
        table.DropExpired();
        Assert.Equal((1, Size), (table.Count, table.Bytes));
    }

    [Fact]
    public void Keeping_a_key_again_gives_it_its_whole_time_and_reclaims_what_expired_before_it()
    {
        CopyTable table = Table(10);
        table.Keep(Copy("k0", 1));
        table.Keep(Copy("k1", 1));
        _time.Advance(TimeToLive / 2);
        table.Keep(Copy("k0", 1));
        _time.Advance(TimeToLive / 2);

        Assert.True(table.Keep(Copy("k2", 1)));

        Assert.Equal(["k0", "k2"], table.Keys.Order());
        Assert.Equal(2, table.Count);
    }

    [Fact]
    public void Endless_time_does_not_overflow()
    {
        var table = new CopyTable(1000, TimeSpan.MaxValue, _time);
        _time.Advance(TimeSpan.FromDays(10_000));
        table.Keep(Copy("k0", 1));
        Assert.True(table.TryGet("k0", out _));
    }

    [Fact]
    public void What_was_read_is_spared_once()
    {
        CopyTable table = Table(3);
        table.Keep(Copy("k0", 1));
        table.Keep(Copy("k1", 1));
        table.Keep(Copy("k2", 1));
        table.TryGet("k0", out _);

        table.Keep(Copy("k3", 1));
        Assert.Equal(["k0", "k2", "k3"], table.Keys.Order());

        // The hand goes on from where it was, then comes round to k0, whose flag it has taken.
        table.Keep(Copy("k4", 1));
        table.Keep(Copy("k5", 1));
        table.Keep(Copy("k6", 1));
        Assert.DoesNotContain("k2", table.Keys);
        Assert.Contains("k0", table.Keys);
    }

    [Fact]
    public void A_hot_key_survives_a_scan_of_cold_ones()
    {
        CopyTable table = Table(10);
        table.Keep(Copy("k0", 1));
        for (int i = 1; i < 1000; i++)
        {
            Assert.True(table.TryGet("k0", out _));
            table.Keep(Copy($"k{i % 10}{i}", 1));
        }

        Assert.Contains("k0", table.Keys);
    }

    [Fact]
    public void Drops_take_only_what_they_name()
    {
        CopyTable table = Table(10);
        table.Keep(Copy("k0", 5));
        table.Keep(Copy("k1", 5));
        table.Keep(Copy("k2", 5));

        Assert.False(table.DropOlderThan("k0", new LogPoint(1, 5)));
        Assert.True(table.DropOlderThan("k0", new LogPoint(1, 6)));
        Assert.False(table.DropOlderThan("k0", new LogPoint(1, 6)));
        Assert.Equal(["k1", "k2"], table.Keys.Order());
        table.Clear();
        Assert.Empty(table.Keys);
        Assert.Equal((0, 0L), (table.Count, table.Bytes));
        Assert.True(table.Keep(Copy("k2", 1)));
    }

    [Fact]
    public void A_hit_and_a_miss_allocate_nothing()
    {
        CopyTable table = Table(10);
        table.Keep(Copy("k0", 1));
        int hits = Read(); // compiles what is to be measured
        long before = GC.GetAllocatedBytesForCurrentThread();
        hits += Read();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal(2000, hits);

        int Read()
        {
            int found = 0;
            for (int i = 0; i < 1000; i++)
            {
                found += table.TryGet("k0", out _) ? 1 : 0;
                found += table.TryGet("none", out _) ? 1 : 0;
            }

            return found;
        }
    }

    [Fact]
    public void A_random_run_stays_within_the_budget_and_serves_only_the_last_version_kept()
    {
        Gen.Select(Gen.Int[0, 9], Gen.Int[0, 19], Gen.Int[0, 600], Gen.Int[0, 30]).Array[1, 200].Sample(
            steps =>
            {
                var time = new ManualTime();
                const long MaxBytes = 1500;
                var table = new CopyTable(MaxBytes, TimeSpan.FromSeconds(100), time);
                var kept = new Dictionary<string, (Entry Entry, DateTimeOffset Until)>();
                foreach ((int what, int number, int bytes, int version) in steps)
                {
                    string key = $"k{number}";
                    switch (what)
                    {
                        case < 5:
                            Entry entry = Copy(key, version, bytes);
                            if (table.Keep(entry))
                            {
                                kept[key] = (entry, time.GetUtcNow().AddSeconds(100));
                            }
                            else if (entry.SizeBytes > MaxBytes)
                            {
                                Assert.False(table.TryGet(key, out Entry? held) && held.Version <= entry.Version);
                            }

                            break;
                        case 5:
                            table.DropOlderThan(key, Newest);
                            kept.Remove(key);
                            break;
                        case 6:
                            bool isOlder = kept.TryGetValue(key, out var older) && older.Entry.Version < new LogPoint(1, version);
                            table.DropOlderThan(key, new LogPoint(1, version));
                            _ = isOlder && kept.Remove(key);
                            break;
                        case 7:
                            time.Advance(TimeSpan.FromSeconds(version));
                            break;
                        default:
                            table.TryGet(key, out _);
                            break;
                    }

                    Compare(table, kept, time.GetUtcNow(), key, MaxBytes);
                }

                time.Advance(TimeSpan.FromSeconds(100));
                table.DropExpired();
                Assert.Equal((0, 0L), (table.Count, table.Bytes));
            },
            iter: 2000,
            threads: 1);
    }

    [Fact]
    public async Task Readers_see_whole_copies_that_never_go_back_while_one_writes()
    {
        const int Readers = 3;
        CopyTable table = Table(12);
        using var stop = new CancellationTokenSource();
        using var reading = new CountdownEvent(Readers);
        Task[] readers = [.. Enumerable.Range(0, Readers).Select(_ => Task.Factory.StartNew(Read, TaskCreationOptions.LongRunning))];
        reading.Wait();

        var random = new Random(1);
        for (long version = 1; version <= 100_000; version++)
        {
            string key = $"k{random.Next(20)}";
            _ = random.Next(20) switch
            {
                0 => table.DropOlderThan(key, Newest),
                1 => table.DropOlderThan(key, new LogPoint(1, version)),
                _ => table.Keep(Copy(key, version)),
            };
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers);
        Assert.Equal(table.Count, table.Keys.Count());

        void Read()
        {
            long[] seen = new long[20];
            reading.Signal();
            while (!stop.IsCancellationRequested)
            {
                for (int i = 0; i < seen.Length; i++)
                {
                    if (table.TryGet($"k{i}", out Entry? entry))
                    {
                        Assert.Equal($"k{i}", entry.Key);
                        Assert.Equal(entry.Version.Sequence, BitConverter.ToInt64(entry.Value));
                        Assert.True(entry.Version.Sequence >= seen[i]);
                        seen[i] = entry.Version.Sequence;
                    }
                }

                Assert.InRange(table.Bytes, 0, 12 * Size);
                Assert.All(table.Keys, key => Assert.StartsWith("k", key, StringComparison.Ordinal));
            }
        }
    }

    private static void Compare(CopyTable table, Dictionary<string, (Entry Entry, DateTimeOffset Until)> kept, DateTimeOffset now, string probe, long maxBytes)
    {
        List<string> keys = [.. table.Keys];
        Assert.InRange(table.Bytes, 0, maxBytes);
        Assert.True(table.Count >= keys.Count);
        Assert.True(table.Bytes >= keys.Sum(key => (long)kept[key].Entry.SizeBytes));
        Assert.All(keys, key => Assert.True(kept[key].Until > now));

        // One key only: what is read is spared, and the run is to evict as well.
        Assert.Equal(keys.Contains(probe), table.TryGet(probe, out Entry? entry));
        Assert.True(entry is null || entry == kept[probe].Entry);
    }

    private static long Sequence(CopyTable table, string key) => table.TryGet(key, out Entry? entry) ? entry.Version.Sequence : 0;

    /// <summary>A copy whose value begins with its sequence.</summary>
    private static Entry Copy(string key, long sequence, int valueBytes = 8)
    {
        byte[] value = new byte[Math.Max(8, valueBytes)];
        BitConverter.TryWriteBytes(value, sequence);
        return new Entry(key, value, null, new LogPoint(1, sequence));
    }

    private CopyTable Table(int copies) => new((long)copies * Size, TimeToLive, _time);
}
