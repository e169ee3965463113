namespace Diststore.Core.Tests;

/// <content>How what is void is removed: in steps, over restarts, and while others sync.</content>
public abstract partial class StoreContract
{
    [Fact]
    public async Task A_removing_that_a_restart_broke_off_goes_on_where_it_was()
    {
        await RememberAsync(ManyMemories);
        await WriteAsync(Store, 1, VoidUpto(ManyMemories));
        Assert.True(await Store.RemoveVoidAsync());
        (long left, long removed) = (Store.State.Memories, Store.State.VoidRemoved);
        Assert.InRange(left, 1, ManyMemories - 1);
        Assert.InRange(removed, 1, ManyMemories - 1);

        Store = await ReopenTrackedAsync(Store);
        Assert.Equal((left, removed), (Store.State.Memories, Store.State.VoidRemoved));
        await RemoveAllVoidAsync(Store);
        Assert.Equal((0L, (long)ManyMemories, false), (Store.State.Memories, Store.State.VoidRemoved, Store.State.HasVoid));

        Store = await ReopenTrackedAsync(Store);
        Assert.False(await Store.RemoveVoidAsync());
        Assert.Equal(ManyMemories, Store.State.VoidRemoved);
    }

    [Fact]
    public async Task Others_write_between_two_steps_and_what_they_remember_anew_stays()
    {
        await RememberAsync(ManyMemories);
        await WriteAsync(Store, 1, VoidUpto(ManyMemories));
        int steps = 1;
        while (await Store.RemoveVoidAsync())
        {
            await WriteAsync(Store, 1, Put("between", $"{++steps}"), Memory(ManyMemories - steps));
        }

        Assert.InRange(steps, 3, 100);
        Assert.Equal((1L, steps - 1L), (Store.State.Entries, Store.State.Memories));
        Assert.Equal($"{steps}", Text(await Store.ReadAsync("between")));
    }

    [Fact]
    public async Task What_users_have_stays_however_far_requests_are_forgotten()
    {
        await FillAsync(Many, tombstones: false);
        await WriteAsync(Store, 1, Delete(Numbered(0)), VoidUpto(Many));
        Assert.False(await Store.RemoveVoidAsync()); // nothing is remembered: nothing is looked at
        Assert.Equal(Many, Store.State.VoidRemoved);

        await WriteAsync(Store, 1, Memory(1), VoidUpto(Many + 3));
        await RemoveAllVoidAsync(Store);
        Assert.Equal((Many - 1L, 0L), (Store.State.Entries, Store.State.Memories));
        Assert.Equal(Many + 1, (await Store.ScanAsync(All)).Entries.Length); // and a tombstone, and the row that says so
    }

    [Fact]
    public async Task Scans_for_users_look_at_none_of_a_great_many_internal_rows()
    {
        await RememberAsync(HeadScan.MaxRows + 10);
        await WriteAsync(Store, 1, Put("\u0001", "1"), VoidUpto(1), Put("z", "2"));

        foreach (string? after in new[] { null, "\0", MemoryKey(3), InternalKeys.VoidUpto })
        {
            HeadPage page = await Store.ScanHeadsAsync(new HeadScan("", after, 10, int.MaxValue));
            Assert.Equal((null, "\u0001,z"), (page.Next, string.Join(',', page.Heads.Select(static head => head.Key))));
        }

        HeadPage none = await Store.ScanHeadsAsync(new HeadScan(MemoryKey(3), null, 10, int.MaxValue));
        Assert.Equal((0, null), (none.Heads.Length, none.Next));
    }

    [Fact]
    public async Task A_full_sync_ends_alike_though_its_source_removes_what_is_void_meanwhile()
    {
        IStore learner = await OpenAsync();
        await WriteAsync(learner, 1, Memory(500), Memory(3), VoidUpto(1), Put("foreign", "1"));
        await RemoveAllVoidAsync(learner);
        await RememberAsync(300);
        await WriteAsync(Store, 1, Put("a", "1"), VoidUpto(200), Memory(1000));
        await learner.StartSyncAsync(1, SyncKind.Full, OtherHistory);
        Assert.Equal(0, learner.State.VoidRemoved);

        string? after = null;
        KeyPage page;
        do
        {
            page = await Store.ScanAsync(All with { After = after, MaxKeys = 40 });
            Assert.Equal(PageOutcome.Taken, await learner.WritePageAsync(1, after, page));
            after = page.LastKey(after);
            await Store.RemoveVoidAsync();

            // What comes may be older than what is void by now.
            Assert.False(await learner.RemoveVoidAsync());
        }
        while (page.More);
        await WriteAsync(Store, 1, VoidUpto(290), Memory(1001));
        await RemoveAllVoidAsync(Store);
        Assert.True(await learner.WriteChangesAsync(1, await Store.ReadChangesAsync(learner.State.Cursor!.FirstSequence, int.MaxValue)));

        // It took some that are gone by now.
        Assert.True(learner.State.Memories > Store.State.Memories);
        await RemoveAllVoidAsync(learner);
        Assert.Equal(await ContentAsync(Store), (await ContentAsync(learner)).AsEnumerable());
        Assert.Equal((290L, 12L, 1L), (learner.State.VoidUpto, learner.State.Memories, learner.State.Entries));
        Assert.Equal((await Store.ReadChangesAsync(0, int.MaxValue)).Entries.AsEnumerable(), (await learner.ReadChangesAsync(0, int.MaxValue)).Entries);
    }

    [Fact]
    public async Task A_sync_by_changes_lacks_what_was_void_and_the_learner_removes_its_own()
    {
        IStore learner = await OpenAsync();
        foreach (IStore store in new[] { Store, learner })
        {
            await WriteAsync(store, 1, Memory(1), Memory(2), Put("a", "1"));
        }

        await WriteAsync(Store, 1, Memory(3), Put("b", "1"));
        await WriteAsync(Store, 1, VoidUpto(4), Memory(4));
        await RemoveAllVoidAsync(Store);
        await learner.StartSyncAsync(1, SyncKind.Changes, learner.State.History);
        ChangePage page;
        long since = learner.State.Applied.Sequence;
        do
        {
            page = await Store.ReadChangesAsync(since, 1);
            since = page.Upto;
            Assert.True(await learner.WriteChangesAsync(1, page));
        }
        while (!page.IsWhole);

        Assert.Equal((3L, 4L, 2L), (learner.State.Memories, learner.State.VoidUpto, learner.State.Entries));
        await RemoveAllVoidAsync(learner);
        Assert.Equal(await ContentAsync(Store), (await ContentAsync(learner)).AsEnumerable());
        Assert.Equal((1L, 4L), (learner.State.Memories, learner.State.VoidRemoved));
    }

    [Fact]
    public async Task A_history_that_begins_with_changes_half_pulled_forgets_all_requests_those_that_pages_brought_among_them()
    {
        await WriteAsync(Store, 1, Memory(1), Put("a", "1"), VoidUpto(1));
        await RemoveAllVoidAsync(Store);
        await Store.StartSyncAsync(1, SyncKind.Changes, Store.State.History);
        Entry memory = Applied(MemoryKey(2), 5);
        Assert.True(await Store.WriteChangesAsync(1, Changes(5, false, 9, memory)));

        await Store.AdoptAsync(View(3, OtherHistory), asPrimary: true);
        await RemoveAllVoidAsync(Store);
        Assert.Equal((5L, 0L, 1L), (Store.State.VoidUpto, Store.State.Memories, Store.State.Entries));

        // Pages bring older ones than were ever removed here.
        await Store.StartSyncAsync(3, SyncKind.Full, History);
        await Store.WritePageAsync(3, null, Page(20, more: true, Applied(MemoryKey(3), 1), Applied(MemoryKey(4), 17)));
        await Store.AdoptAsync(View(4, new Guid("33333333-0000-0000-0000-000000000003")), asPrimary: true);
        await RemoveAllVoidAsync(Store);
        Assert.Equal((17L, 0L), (Store.State.VoidUpto, Store.State.Memories));
    }

    private static async Task RemoveAllVoidAsync(IStore store)
    {
        while (await store.RemoveVoidAsync())
        {
        }
    }

    private async Task RememberAsync(int count)
    {
        foreach (int[] part in Enumerable.Range(0, count).Chunk(1000))
        {
            await WriteAsync(Store, 1, [.. part.Select(Memory)]);
        }
    }
}
