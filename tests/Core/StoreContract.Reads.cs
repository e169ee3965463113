using System.Collections.Immutable;

namespace Diststore.Core.Tests;

/// <content>Scans, changes, tombstones, local-only entries, many threads.</content>
public abstract partial class StoreContract
{
    private protected static readonly KeyScan All = new("", null, int.MaxValue, int.MaxValue, Tombstones: true);

    [Fact]
    public async Task Scans_go_in_the_order_of_utf8_bytes()
    {
        // In UTF-16 the surrogates of U+10000 come before U+FFFD.
        string[] keys = ["a", "a/b", "ab", "b", "é", "\uFFFD", "\U00010000", "\U00010000x", "\U0010FFFF"];
        await WriteAsync(Store, 1, [.. keys.Reverse().Select(key => Put(key, "1"))]);

        Assert.Equal(string.Join(' ', keys), await KeysAsync(All));
        Assert.Equal("\uFFFD \U00010000 \U00010000x \U0010FFFF", await KeysAsync(All with { After = "é" }));
        Assert.Equal("\U00010000 \U00010000x", await KeysAsync(All with { Prefix = "\U00010000" }));
        Assert.Equal("\U00010000x", await KeysAsync(All with { Prefix = "\U00010000", After = "\U00010000" }));
    }

    [Fact]
    public async Task A_prefix_is_itself_in_its_scan_and_after_is_not()
    {
        await WriteAsync(Store, 1, Put("a", "1"), Put("ab", "1"), Put("abc", "1"), Put("ac", "1"), Put("b", "1"));

        Assert.Equal("ab abc", await KeysAsync(All with { Prefix = "ab" }));
        Assert.Equal("abc", await KeysAsync(All with { Prefix = "ab", After = "ab" }));
        Assert.Equal("ab abc", await KeysAsync(All with { Prefix = "ab", After = "aaa" }));
        Assert.Equal("", await KeysAsync(All with { Prefix = "ab", After = "b" }));
        Assert.Equal("b", await KeysAsync(All with { After = "ac" }));
        Assert.Equal("", await KeysAsync(All with { After = "b" }));
        Assert.Equal("", await KeysAsync(All with { Prefix = "zz" }));
        Assert.Equal("", await KeysAsync(All with { Prefix = "0" }));
    }

    [Fact]
    public async Task A_page_ends_at_its_most_keys_and_says_whether_more_follow()
    {
        await WriteAsync(Store, 1, Put("a", "1"), Put("b", "1"), Put("c", "1"), Put("d", "1"), Delete("d"));

        Assert.True((await Store.ScanAsync(All with { MaxKeys = 2 })).More);
        Assert.True((await Store.ScanAsync(All with { MaxKeys = 3 })).More);
        Assert.False((await Store.ScanAsync(All with { MaxKeys = 4 })).More);

        // Only a tombstone follows, which is not asked for.
        KeyPage live = await Store.ScanAsync(All with { MaxKeys = 3, Tombstones = false });
        Assert.Equal(3, live.Entries.Length);
        Assert.False(live.More);
        Assert.False((await Store.ScanAsync(All with { Prefix = "c", MaxKeys = 1 })).More);
    }

    [Fact]
    public async Task A_page_ends_with_the_key_that_reaches_its_most_bytes()
    {
        Batch batch = await WriteAsync(Store, 1, Put("a", "1"), Put("b", "1"), Put("c", "1"));
        int size = batch.Entries[0].SizeBytes;

        Assert.Equal("a", await KeysAsync(All with { MaxBytes = 1 }));
        Assert.Equal("a", await KeysAsync(All with { MaxBytes = size }));
        Assert.Equal("a b", await KeysAsync(All with { MaxBytes = size + 1 }));
        KeyPage whole = await Store.ScanAsync(All with { MaxBytes = 3 * size });
        Assert.Equal(3, whole.Entries.Length);
        Assert.False(whole.More);
    }

    [Fact]
    public async Task Pages_carry_the_applied_point_and_the_floor()
    {
        await WriteAsync(Store, 1, Put("a", "1"), Delete("b"), Put("c", "1"));
        Time.Advance(TimeSpan.FromHours(1));
        await Store.CollectTombstonesAsync(Time.GetUtcNow(), long.MaxValue);
        await AppendAsync(Store, 1, Put("d", "1"));

        KeyPage page = await Store.ScanAsync(All);
        ChangePage changes = await Store.ReadChangesAsync(0, int.MaxValue);

        Assert.Equal((new LogPoint(1, 3), 2), (page.Applied, page.Floor));
        Assert.Equal((new LogPoint(1, 3), 2), (changes.Applied, changes.Floor));
        Assert.Equal([new EpochStart(1, 1)], changes.Epochs.Starts.AsEnumerable());
    }

    [Fact]
    public async Task Changes_give_each_keys_latest_only_in_sequence_order()
    {
        await WriteAsync(Store, 1, Put("a", "1"), Put("b", "1"), Put("c", "1"));
        await WriteAsync(Store, 2, Put("a", "2"), Delete("c"));

        ChangePage page = await Store.ReadChangesAsync(0, int.MaxValue);

        Assert.Equal([("b", 2L), ("a", 4L), ("c", 5L)], page.Entries.Select(entry => (entry.Key, entry.Version.Sequence)));
        Assert.Equal((5L, true), (page.Upto, page.IsWhole));
        Assert.True(page.Entries[^1].IsTombstone);
        Assert.Equal(["a", "c"], (await Store.ReadChangesAsync(2, int.MaxValue)).Entries.Select(entry => entry.Key));
        ChangePage nothing = await Store.ReadChangesAsync(5, int.MaxValue);
        Assert.Empty(nothing.Entries);
        Assert.Equal((5L, true), (nothing.Upto, nothing.IsWhole));
    }

    [Fact]
    public async Task Changes_come_in_pages_of_at_least_one()
    {
        await WriteAsync(Store, 1, Put("a", "1"), Put("b", "1"), Put("a", "2"));

        ChangePage first = await Store.ReadChangesAsync(0, 1);
        ChangePage second = await Store.ReadChangesAsync(first.Upto, 1);

        Assert.Equal(("b", 2L, false), (Assert.Single(first.Entries).Key, first.Upto, first.IsWhole));
        Assert.Equal(("a", 3L, true), (Assert.Single(second.Entries).Key, second.Upto, second.IsWhole));
    }

    [Fact]
    public async Task The_change_index_names_what_the_changes_give()
    {
        await WriteAsync(Store, 1, Put("a", "1"), Put("\u00e4", "1"), Put("c", new string('x', 5000)));
        await WriteAsync(Store, 2, Put("a", "2"), Delete("c"));
        await AppendAsync(Store, 2, Put("pending", "1"));

        ChangePage changes = await Store.ReadChangesAsync(0, int.MaxValue);
        ChangeIndexPage index = await Store.ReadChangeIndexAsync(0, int.MaxValue);
        ChangeIndexPage first = await Store.ReadChangeIndexAsync(0, 1);
        ChangeIndexPage rest = await Store.ReadChangeIndexAsync(first.Upto, 2);
        ChangeIndexPage nothing = await Store.ReadChangeIndexAsync(rest.Upto, 1);

        Assert.Equal([(2L, "\u00e4"), (4L, "a"), (5L, "c")], index.Rows.Select(static row => (row.Sequence, row.Key)));
        Assert.Equal(changes.Entries.Select(static entry => (entry.Version.Sequence, entry.Key)), index.Rows.Select(static row => (row.Sequence, row.Key)));
        Assert.Equal((changes.Upto, true, changes.Applied, changes.Floor), (index.Upto, index.IsWhole, index.Applied, index.Floor));
        Assert.Equal(changes.Epochs.Starts.AsEnumerable(), index.Epochs.Starts.AsEnumerable());
        Assert.Equal(("\u00e4", 2L, false), (Assert.Single(first.Rows).Key, first.Upto, first.IsWhole));
        Assert.Equal((2, 5L, true), (rest.Rows.Length, rest.Upto, rest.IsWhole));
        Assert.Equal((0, 5L, true), (nothing.Rows.Length, nothing.Upto, nothing.IsWhole));
    }

    [Fact]
    public async Task A_page_of_the_change_index_is_bounded_in_bytes()
    {
        const int KeyBytes = 1000, Keys = ChangeIndexPage.MaxBytes / (sizeof(char) * KeyBytes);
        foreach (int[] part in Enumerable.Range(0, Keys + 10).Chunk(100))
        {
            await WriteAsync(Store, 1, [.. part.Select(static i => Put($"{i:0000}".PadRight(KeyBytes, 'x'), "1"))]);
        }

        ChangeIndexPage page = await Store.ReadChangeIndexAsync(0, int.MaxValue);

        Assert.Equal((Keys + 1, false), (page.Rows.Length, page.IsWhole));
        Assert.Equal(9, (await Store.ReadChangeIndexAsync(page.Upto, int.MaxValue)).Rows.Length);
    }

    [Fact]
    public async Task Counts_follow_creations_deletions_and_replacements()
    {
        await WriteAsync(Store, 1, Put("a", "1"), Put("b", "1"), Put("a", "2"));
        Assert.Equal(2, Store.State.Entries);
        await WriteAsync(Store, 1, Delete("a"), Delete("a"), Delete("x"));
        Assert.Equal(1, Store.State.Entries);
        Assert.True((await Store.ReadAsync("a"))!.IsTombstone);
        await WriteAsync(Store, 1, Put("a", ""));
        Assert.Equal(2, Store.State.Entries);
        Assert.Equal("", Text(await Store.ReadAsync("a")));
    }

    [Fact]
    public async Task Collecting_forgets_old_tombstones_and_raises_the_floor_past_them()
    {
        await WriteAsync(Store, 1, Put("a", "1"), Delete("a"), Delete("b"));
        Time.Advance(TimeSpan.FromMinutes(1));
        await WriteAsync(Store, 1, Delete("c"), Put("b", "2"), Put("d", "1"));

        await Store.CollectTombstonesAsync(Time.GetUtcNow(), long.MaxValue);

        Assert.Null(await Store.ReadAsync("a"));
        Assert.Equal("b c d", await KeysAsync(All));
        Assert.Equal(2, Store.State.Floor); // b's tombstone was the third, but a write replaced it
        Assert.Equal([4L, 5L, 6L], (await Store.ReadChangesAsync(0, int.MaxValue)).Entries.Select(entry => entry.Version.Sequence));
        Store = await ReopenTrackedAsync(Store);
        Assert.Equal(2, Store.State.Floor);
        await Store.CollectTombstonesAsync(Time.GetUtcNow().AddTicks(1), long.MaxValue);
        Assert.Equal("b d", await KeysAsync(All));
        Assert.Equal(4, Store.State.Floor);
    }

    [Fact]
    public async Task Collecting_keeps_what_someone_still_syncs_from()
    {
        await WriteAsync(Store, 1, Delete("a"), Delete("b"), Delete("c"));
        Time.Advance(TimeSpan.FromMinutes(1));

        await Store.CollectTombstonesAsync(Time.GetUtcNow(), keepFrom: 2);
        Assert.Equal("b c", await KeysAsync(All));
        Assert.Equal(1, Store.State.Floor);
        await Store.CollectTombstonesAsync(Time.GetUtcNow(), keepFrom: 1);
        Assert.Equal(1, Store.State.Floor);
        await Store.CollectTombstonesAsync(Time.GetUtcNow(), keepFrom: 4);
        Assert.Equal("", await KeysAsync(All));
        Assert.Equal(3, Store.State.Floor);
    }

    [Fact]
    public async Task A_tombstones_age_counts_from_when_the_primary_ordered_it()
    {
        Batch batch = await AppendAsync(Store, 1, Delete("a"));
        Time.Advance(TimeSpan.FromHours(1));
        await Store.ApplyAsync(batch.Last);

        await Store.CollectTombstonesAsync(Time.GetUtcNow().AddMinutes(-1), long.MaxValue);

        Assert.Null(await Store.ReadAsync("a"));
    }

    [Fact]
    public async Task Local_only_entries_are_a_space_of_their_own()
    {
        await WriteAsync(Store, 1, Put("a", "1"));
        await Store.PutLocalAsync(Local("b", "1"));
        await Store.PutLocalAsync(Local("a", "local"));
        await Store.PutLocalAsync(Local("b", "2"));

        Assert.Equal("1", Text(await Store.ReadAsync("a")));
        Assert.Equal("local", Text(await Store.ReadLocalAsync("a")));
        Assert.Equal("2", Text(await Store.ReadLocalAsync("b")));
        Assert.Null(await Store.ReadAsync("b"));
        Assert.Null(await Store.ReadLocalAsync("c"));
        Assert.Equal(["a", "b"], (await Store.ScanLocalAsync(null, null, int.MaxValue)).Keys);
        Assert.Equal("a", await KeysAsync(All));
        Assert.Equal((1L, 2L), (Store.State.Entries, Store.State.LocalEntries));
    }

    [Fact]
    public async Task Reads_from_other_threads_never_see_a_page_from_between_two_writes()
    {
        // Each batch writes the same number to both keys, so any page must show one number and the point that goes with it.
        const int Writes = 500;
        using var stop = new CancellationTokenSource();
        Task[] readers = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                KeyPage page = await Store.ScanAsync(All);
                ChangePage changes = await Store.ReadChangesAsync(0, int.MaxValue);
                Assert.True(page.Entries.Length is 0 or 2);
                Assert.True(page.Entries.Select(Text).Distinct().Count() <= 1);
                Assert.Equal(page.Applied, page.Entries.Select(entry => entry.Version).DefaultIfEmpty().Max());
                Assert.Equal(changes.Applied, changes.Entries.Select(entry => entry.Version).DefaultIfEmpty().Max());

                // What the state names as applied is there to be read.
                long applied = Store.State.Applied.Sequence;
                Assert.True(applied == 0 || (await Store.ReadAsync("b"))!.Version.Sequence >= applied);
            }
        }))];

        for (int i = 0; i < Writes; i++)
        {
            await WriteAsync(Store, 1, Put("a", $"{i}"), Put("b", $"{i}"));
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers);
    }

    [Fact]
    public async Task Many_keys_read_at_once_show_no_half_of_a_batch_however_much_is_written()
    {
        // Each batch writes its number to all keys but some, which it deletes together; values lie in their rows and apart from them.
        string[] keys = [.. Enumerable.Range(0, 40).Select(static i => $"k{i}")];
        string padding = new('.', 3000);
        const int MinStates = 50; // of both readers
        using var stop = new CancellationTokenSource();
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        int states = 0;
        Task[] readers = [.. Enumerable.Range(0, 2).Select(reader => Task.Run(async () =>
        {
            var seen = new HashSet<string>();
            while (!stop.IsCancellationRequested)
            {
                // A single read first, so that the newest of one key is at hand in whatever keeps what was read.
                _ = await Store.ReadAsync(keys[(reader + seen.Count) % keys.Length]);
                IReadOnlyList<Entry?> entries = (await Store.ReadSnapshotAsync(keys, long.MaxValue)).Entries;
                string[] numbers = [.. entries.Where(static entry => entry is { IsTombstone: false }).Select(static entry => Text(entry)!.TrimEnd('.'))];
                Assert.True(numbers.Distinct().Count() <= 1, string.Join(' ', numbers));
                Assert.True(numbers.Length is 0 or 20 or 40, $"{numbers.Length}");
                Assert.All(entries.OfType<Entry>(), entry => Assert.True(entry.Version.Sequence > entries[0]!.Version.Sequence - keys.Length));
                Interlocked.Add(ref states, seen.Add(numbers.FirstOrDefault("none")) ? 1 : 0);
            }
        }))];

        for (int i = 0; Volatile.Read(ref states) < MinStates && !readers.Any(static reader => reader.IsCompleted); i++)
        {
            deadline.Token.ThrowIfCancellationRequested();
            await WriteAsync(Store, 1, [.. keys.Select((key, at) =>
                i % 3 == 2 && at % 2 == 1 ? Delete(key) : Put(key, at % 4 < 2 ? $"{i}" : $"{i}{padding}"))]);
            await Task.Yield();
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers);
    }

    private protected async Task<string> KeysAsync(KeyScan scan)
    {
        KeyPage page = await Store.ScanAsync(scan);
        return string.Join(' ', page.Entries.Select(entry => entry.Key));
    }

    private protected static async Task<ImmutableArray<Entry>> ContentAsync(IStore store) => (await store.ScanAsync(All)).Entries;
}
