using System.Text;

namespace Diststore.Core.Tests;

/// <content>Large values, many keys, and operations that are cut into steps.</content>
public abstract partial class StoreContract
{
    private const int Many = 3000; // more than one operation removes

    private static readonly string Large = new('L', 5000);

    [Fact]
    public async Task Heads_are_those_of_the_entries_in_order_without_tombstones()
    {
        await WriteAsync(Store, 1, Put("b", Large), Put("a", "1"), Put("c", "3"), Delete("c"), Put("d", Large));

        HeadPage page = await Store.ScanHeadsAsync(new HeadScan("", null, 10, int.MaxValue));

        Assert.Equal([("a", 1), ("b", 5000), ("d", 5000)], page.Heads.Select(static head => (head.Key, head.ValueBytes)));
        Assert.Equal((null, Store.State.Applied), (page.Next, page.Applied));
        Assert.All(page.Heads, head => Assert.False(head.IsTombstone));
        Assert.Equal("b", Assert.Single((await Store.ScanHeadsAsync(new HeadScan("b", null, 10, int.MaxValue))).Heads).Key);
        Assert.Equal("d", Assert.Single((await Store.ScanHeadsAsync(new HeadScan("", "b", 10, int.MaxValue))).Heads).Key);
    }

    [Fact]
    public async Task A_page_of_heads_goes_on_from_the_last_key_that_was_scanned()
    {
        await WriteAsync(Store, 1, Put("p/1", "1"), Put("p/2", "2"), Put("p/3", "3"), Put("q", "4"));

        HeadPage first = await Store.ScanHeadsAsync(new HeadScan("p/", null, 2, int.MaxValue));
        HeadPage second = await Store.ScanHeadsAsync(new HeadScan("p/", first.Next, 2, int.MaxValue));

        Assert.Equal(["p/1", "p/2"], first.Heads.Select(static head => head.Key));
        Assert.Equal("p/2", first.Next);
        Assert.Equal(("p/3", null), (Assert.Single(second.Heads).Key, second.Next));
        Assert.Equal("p/1", Assert.Single((await Store.ScanHeadsAsync(new HeadScan("p/", null, 9, 1))).Heads).Key);
        Assert.Null((await Store.ScanHeadsAsync(new HeadScan("p/", null, 3, int.MaxValue))).Next);
    }

    [Fact]
    public async Task What_has_expired_ends_no_listing()
    {
        await ApplyAsync(Mortal("p/a", 1), Local("p/b", "1"));

        HeadPage page = await Store.ScanHeadsAsync(new HeadScan("p/", null, 1, int.MaxValue, NotExpiredAt: Noon.AddSeconds(1)));

        Assert.Equal("p/b", Assert.Single(page.Heads).Key);
        Assert.Equal("p/a", Assert.Single((await Store.ScanHeadsAsync(new HeadScan("p/", null, 1, int.MaxValue, Noon))).Heads).Key);
    }

    [Fact]
    public async Task A_scan_over_many_tombstones_ends_after_a_bounded_number_and_says_where_to_go_on()
    {
        await FillAsync(HeadScan.MaxRows + 10, tombstones: true);
        await WriteAsync(Store, 1, Put("z", "1"));

        HeadPage first = await Store.ScanHeadsAsync(new HeadScan("", null, 10, int.MaxValue));
        HeadPage second = await Store.ScanHeadsAsync(new HeadScan("", first.Next, 10, int.MaxValue));

        Assert.Empty(first.Heads);
        Assert.Equal(Numbered(HeadScan.MaxRows - 1), first.Next);
        Assert.Equal(("z", null), (Assert.Single(second.Heads).Key, second.Next));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Many_keys_are_read_in_their_order_up_to_a_number_of_bytes(bool atOnce)
    {
        await WriteAsync(Store, 1, Put("a", "1"), Put("b", Large), Put("c", Large), Put("e", "5"), Delete("e"));

        ManyEntries all = await ReadAsync(["c", "none", "a", "e", "b"], long.MaxValue);
        ManyEntries some = await ReadAsync(["a", "b", "c"], 6000);

        Assert.Equal([Large, null, "1", null, Large], all.Entries.Select(Text));
        Assert.True(all.Entries[3]!.IsTombstone);
        Assert.Equal(["1", Large], some.Entries.Select(Text));
        Assert.Equal("1", Text(Assert.Single((await ReadAsync(["a", "b"], 1)).Entries)));
        Assert.Empty((await ReadAsync([], 1)).Entries);

        async Task<ManyEntries> ReadAsync(string[] keys, long maxBytes) =>
            atOnce ? await Store.ReadSnapshotAsync(keys, maxBytes) : await Store.ReadManyAsync(keys, maxBytes);
    }

    [Fact]
    public async Task Heads_of_many_keys_say_all_but_the_value()
    {
        Batch batch = await WriteAsync(Store, 1, Put("a", "1"), Put("b", Large), Put("c", "1"), Delete("c"));
        string[] keys = [.. Enumerable.Range(0, 500).Select(static i => $"none-{i}"), "c", "b", "a"];

        IReadOnlyList<EntryHead?> heads = await Store.ReadHeadsAsync(keys);

        Assert.All(heads.Take(500), Assert.Null);
        Assert.Equal([EntryHead.Of(batch.Entries[3]), EntryHead.Of(batch.Entries[1]), EntryHead.Of(batch.Entries[0])], heads.Skip(500));
    }

    [Fact]
    public async Task A_value_may_grow_and_shrink()
    {
        foreach (string value in (string[])["1", Large, "22", Large + "x", Large, "3"])
        {
            await WriteAsync(Store, 1, Put("a", value));
            Assert.Equal(value, Text(await Store.ReadAsync("a")));
            Assert.Equal(1 + value.Length, Store.State.LiveBytes);
            Assert.Equal(value, Text(Assert.Single((await Store.ReadChangesAsync(0, int.MaxValue)).Entries)));
        }

        await WriteAsync(Store, 1, Put("a", Large));
        Store = await ReopenTrackedAsync(Store);
        Assert.Equal(Large, Text(Assert.Single((await Store.ScanAsync(All)).Entries)));
        await WriteAsync(Store, 1, Delete("a"));
        Assert.Equal((0L, 0L), (Store.State.Entries, Store.State.LiveBytes));
    }

    [Fact]
    public async Task Many_tombstones_are_forgotten_in_steps_between_which_others_write()
    {
        await FillAsync(Many, tombstones: true);
        Time.Advance(TimeSpan.FromHours(1));
        int steps = 1;
        while (await Store.CollectTombstonesAsync(Time.GetUtcNow(), long.MaxValue))
        {
            steps++;
            await WriteAsync(Store, 1, Put("between", $"{steps}"));
        }

        Assert.InRange(steps, 3, 100);
        Assert.Equal(Many, Store.State.Floor);
        Assert.Equal("between", Assert.Single((await Store.ScanAsync(All)).Entries).Key);
        Assert.False(await Store.CollectTombstonesAsync(Time.GetUtcNow(), long.MaxValue));
    }

    [Fact]
    public async Task A_tombstone_that_was_replaced_since_it_was_found_is_not_taken_for_one()
    {
        await FillAsync(Many, tombstones: true);
        Time.Advance(TimeSpan.FromHours(1));
        Assert.True(await Store.CollectTombstonesAsync(Time.GetUtcNow(), long.MaxValue));
        await WriteAsync(Store, 1, Put(Numbered(Many - 1), "back"));
        while (await Store.CollectTombstonesAsync(Time.GetUtcNow(), long.MaxValue))
        {
        }

        Assert.Equal("back", Text(Assert.Single((await Store.ScanAsync(All)).Entries)));
    }

    [Fact]
    public async Task What_a_page_does_not_name_is_removed_in_steps()
    {
        await FillAsync(Many, tombstones: false);
        await Store.StartSyncAsync(1, SyncKind.Full, OtherHistory);
        KeyPage page = Page(9, more: false, Applied(Numbered(7), 5), Applied("new", 6));

        int steps = 1;
        PageOutcome outcome;
        while ((outcome = await Store.WritePageAsync(1, null, page)) == PageOutcome.Partly)
        {
            steps++;
            await Store.PutLocalAsync(Local($"local-{steps}", "1"));
        }

        Assert.Equal(PageOutcome.Taken, outcome);
        Assert.InRange(steps, 3, 100);
        Assert.Equal([Numbered(7), "new"], (await Store.ScanAsync(All)).Entries.Select(static entry => entry.Key));
        Assert.Equal(2, Store.State.Entries);
    }

    [Fact]
    public async Task A_page_that_was_half_taken_is_refused_under_a_higher_epoch()
    {
        await FillAsync(Many, tombstones: false);
        await Store.StartSyncAsync(1, SyncKind.Full, OtherHistory);
        KeyPage page = Page(9, more: false);
        Assert.Equal(PageOutcome.Partly, await Store.WritePageAsync(1, null, page));

        await Store.AdoptAsync(View(5, OtherHistory), asPrimary: false);

        Assert.Equal(PageOutcome.Refused, await Store.WritePageAsync(1, null, page));
        Assert.Equal(PageOutcome.Partly, await Store.WritePageAsync(5, null, page));
    }

    [Fact]
    public async Task Local_keys_come_in_pages()
    {
        foreach (string key in (string[])["c", "a", "b"])
        {
            await Store.PutLocalAsync(Local(key, "1"));
        }

        LocalKeysPage first = await Store.ScanLocalAsync(null, null, 3);
        LocalKeysPage second = await Store.ScanLocalAsync("b", null, 3);

        Assert.Equal(["a", "b"], first.Keys);
        Assert.Equal(["c"], second.Keys);
        Assert.Equal((true, false), (first.More, second.More));
        Assert.Empty((await Store.ScanLocalAsync("c", null, 3)).Keys);
        Assert.Equal(["b"], (await Store.ScanLocalAsync("a", "b", 100)).Keys);
        Assert.Empty((await Store.ScanLocalAsync(null, "0", 100)).Keys);
    }

    private static string Numbered(int number) => $"k{number:000000}";

    // In one batch for each thousand.
    private async Task FillAsync(int count, bool tombstones)
    {
        foreach (int[] part in Enumerable.Range(0, count).Chunk(1000))
        {
            await WriteAsync(Store, 1, [.. part.Select(i => tombstones ? Delete(Numbered(i)) : Put(Numbered(i), "1"))]);
        }
    }
}
