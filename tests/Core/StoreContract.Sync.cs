using System.Collections.Immutable;

namespace Diststore.Core.Tests;

/// <content>What a learner writes.</content>
public abstract partial class StoreContract
{
    [Fact]
    public async Task Starting_a_full_sync_clears_the_mark_and_the_pending_batches()
    {
        await WriteAsync(Store, 1, Put("a", "1"));
        await AppendAsync(Store, 1, Put("a", "2"));
        await Store.PutLocalAsync(Local("l", "1"));

        Assert.True(await Store.StartSyncAsync(1, SyncKind.Full, History));

        StoreState state = Store.State;
        Assert.False(state.IsWhole);
        Assert.Equal((LogPoint.Zero, LogPoint.Zero, History), (state.Applied, state.Last, state.History));
        Assert.Empty(state.Epochs.Starts);
        Assert.Null(state.Cursor);
        Assert.Equal((1L, 1L), (state.Entries, state.LocalEntries));
        Assert.Equal("1", Text(await Store.ReadAsync("a")));
    }

    [Fact]
    public async Task Starting_to_pull_changes_drops_the_pending_batches_only()
    {
        await Store.AdoptAsync(View(1), asPrimary: true);
        Batch batch = await WriteAsync(Store, 1, Put("a", "1"));
        StoreState before = Store.State;
        await AppendAsync(Store, 1, Put("a", "2"));

        Assert.True(await Store.StartSyncAsync(1, SyncKind.Changes, History));

        Assert.Equal(before with { Pending = Store.State.Pending }, Store.State);
        Assert.Equal(batch.Last, Store.State.Last);
    }

    [Fact]
    public async Task Every_step_of_a_sync_is_refused_in_a_lower_epoch()
    {
        await Store.AdoptAsync(View(5), asPrimary: false);
        StoreState before = Store.State;
        Assert.False(await Store.StartSyncAsync(4, SyncKind.Full, History));
        Assert.False(await Store.StartSyncAsync(4, SyncKind.Changes, History));
        Assert.False(await Store.WriteChangesAsync(4, Changes(5, true, 5, Applied("a", 5))));
        Assert.Equal(before, Store.State);

        await Store.StartSyncAsync(5, SyncKind.Full, History);
        before = Store.State;
        Assert.Equal(PageOutcome.Refused, await Store.WritePageAsync(4, null, Page(5, more: true, Applied("a", 5))));
        Assert.Equal(before, Store.State);
        Assert.Null(await Store.ReadAsync("a"));
    }

    [Fact]
    public async Task A_page_replaces_what_is_there_whatever_its_version_and_removes_the_unnamed_keys_of_its_range()
    {
        await WriteAsync(Store, 7, Put("a", "old"), Put("b", "old"), Put("c", "old"), Put("d", "old"), Delete("e"), Put("z", "old"));
        await Store.StartSyncAsync(7, SyncKind.Full, History);

        Assert.Equal(PageOutcome.Taken, await Store.WritePageAsync(7, null, Page(9, more: true, Applied("b", 1), Applied("d", 2))));

        // "e" and "z" lie beyond the page. "d" has a lower version than the one it replaced.
        Assert.Equal(["b", "d", "e", "z"], (await ContentAsync(Store)).Select(entry => entry.Key));
        Assert.Equal("2", Text(await Store.ReadAsync("d")));
        Assert.Equal(new SyncCursor("d", 9), Store.State.Cursor);
        Assert.Equal(3, Store.State.Entries);

        Assert.Equal(PageOutcome.Taken, await Store.WritePageAsync(7, "d", Page(12, more: false, Applied("f", 11)) with { Floor = 4 }));

        Assert.Equal(["b", "d", "f"], (await ContentAsync(Store)).Select(entry => entry.Key));
        Assert.Equal(new SyncCursor("f", 9), Store.State.Cursor);
        Assert.Equal((3L, 4L), (Store.State.Entries, Store.State.Floor));
        Assert.False(Store.State.IsWhole);
        Assert.Equal(LogPoint.Zero, Store.State.Applied);
    }

    [Fact]
    public async Task An_empty_last_page_removes_all_that_follows()
    {
        await WriteAsync(Store, 1, Put("a", "old"), Put("b", "old"));
        await Store.StartSyncAsync(1, SyncKind.Full, History);
        await Store.WritePageAsync(1, null, Page(9, more: true, Applied("a", 1)));

        Assert.Equal(PageOutcome.Taken, await Store.WritePageAsync(1, "a", Page(9, more: false)));

        Assert.Equal(["a"], (await ContentAsync(Store)).Select(entry => entry.Key));
        Assert.Equal(new SyncCursor("a", 9), Store.State.Cursor);
    }

    [Fact]
    public async Task An_empty_only_page_removes_everything()
    {
        await WriteAsync(Store, 1, Put("a", "old"), Delete("b"));
        await Store.StartSyncAsync(1, SyncKind.Full, History);

        Assert.Equal(PageOutcome.Taken, await Store.WritePageAsync(1, null, Page(0, more: false)));
        Assert.True(await Store.WriteChangesAsync(1, new ChangePage([], 0, true, LogPoint.Zero, EpochHistory.Empty, 0)));

        Assert.Empty(await ContentAsync(Store));
        Assert.True(Store.State.IsWhole);
        Assert.Equal(0, Store.State.Entries);
    }

    [Fact]
    public async Task A_page_is_refused_where_it_does_not_go_on_from_the_cursor_or_no_full_sync_is_under_way()
    {
        Assert.Equal(PageOutcome.Refused, await Store.WritePageAsync(1, null, Page(9, more: true, Applied("a", 1))));
        await Store.StartSyncAsync(1, SyncKind.Full, History);
        Assert.Equal(PageOutcome.Refused, await Store.WritePageAsync(1, "a", Page(9, more: true, Applied("b", 1))));
        await Store.WritePageAsync(1, null, Page(9, more: true, Applied("a", 1)));
        Assert.Equal(PageOutcome.Refused, await Store.WritePageAsync(1, "b", Page(9, more: true, Applied("c", 2))));

        // From the start again is always possible; the first sequence is then another.
        Assert.Equal(PageOutcome.Taken, await Store.WritePageAsync(1, null, Page(10, more: true, Applied("a", 1))));
        Assert.Equal(new SyncCursor("a", 10), Store.State.Cursor);
    }

    [Fact]
    public async Task A_full_sync_that_the_floor_has_overtaken_starts_over()
    {
        await Store.StartSyncAsync(1, SyncKind.Full, History);
        await Store.WritePageAsync(1, null, Page(9, more: true, Applied("a", 1)));

        // What was deleted after the ninth write can no longer be told by changes since the ninth.
        Assert.Equal(PageOutcome.Taken, await Store.WritePageAsync(1, "a", Page(20, more: true, Applied("b", 2)) with { Floor = 9 }));
        Assert.Equal(PageOutcome.Refused, await Store.WritePageAsync(1, "b", Page(20, more: false) with { Floor = 10 }));
        await Store.StartSyncAsync(1, SyncKind.Full, History);

        Assert.Null(Store.State.Cursor);
        Assert.Equal(PageOutcome.Taken, await Store.WritePageAsync(1, null, Page(20, more: false, Applied("a", 1)) with { Floor = 10 }));
        Assert.Equal(new SyncCursor("a", 20), Store.State.Cursor);
    }

    [Fact]
    public async Task A_full_sync_of_the_same_history_goes_on_where_it_stood()
    {
        await Store.StartSyncAsync(1, SyncKind.Full, History);
        await Store.WritePageAsync(1, null, Page(9, more: true, Applied("a", 1)));
        Store = await ReopenTrackedAsync(Store);

        await Store.StartSyncAsync(1, SyncKind.Full, History);
        Assert.Equal(new SyncCursor("a", 9), Store.State.Cursor);
        Assert.False(Store.State.IsWhole);

        await Store.StartSyncAsync(1, SyncKind.Full, OtherHistory);
        Assert.Null(Store.State.Cursor);
        Assert.Equal(OtherHistory, Store.State.History);
    }

    [Fact]
    public async Task A_full_sync_that_ended_leaves_no_cursor_behind()
    {
        await Store.StartSyncAsync(1, SyncKind.Full, History);
        await Store.WritePageAsync(1, null, Page(9, more: false, Applied("a", 1)));
        await Store.WriteChangesAsync(1, Changes(9, true, 9));
        Assert.Null(Store.State.Cursor);

        await Store.StartSyncAsync(1, SyncKind.Full, History);

        Assert.Null(Store.State.Cursor);
    }

    [Fact]
    public async Task Half_a_store_neither_appends_nor_goes_on_with_changes_only()
    {
        await Store.StartSyncAsync(1, SyncKind.Full, History);

        AppendResult result = await Store.AppendAsync(1, Next(Store, 1, Put("a", "1")));

        Assert.Equal(new AppendResult(AppendStatus.Gap, LogPoint.Zero), result);
        Assert.False(await Store.StartSyncAsync(1, SyncKind.Changes, History));
        Assert.False(Store.State.IsWhole);
    }

    [Fact]
    public async Task Only_a_page_of_changes_that_is_whole_moves_the_mark()
    {
        await WriteAsync(Store, 1, Put("a", "1"), Put("b", "1"));
        await Store.StartSyncAsync(1, SyncKind.Changes, History);

        Assert.True(await Store.WriteChangesAsync(1, Changes(4, false, 6, Applied("b", 3), Applied("c", 4))));

        Assert.Equal(new LogPoint(1, 2), Store.State.Applied);
        Assert.Equal([new EpochStart(1, 1)], Store.State.Epochs.Starts.AsEnumerable());
        Assert.Equal("3", Text(await Store.ReadAsync("b")));

        // What the mark does not reach yet is no applied change.
        ChangePage read = await Store.ReadChangesAsync(0, int.MaxValue);
        Assert.Equal(["a"], read.Entries.Select(entry => entry.Key));
        Assert.Equal((2L, true), (read.Upto, read.IsWhole));

        Store = await ReopenTrackedAsync(Store);
        Assert.Equal(new LogPoint(1, 2), Store.State.Applied);
        ChangePage last = Changes(6, true, 6, Applied("a", 6)) with { Floor = 3 };
        Assert.True(await Store.WriteChangesAsync(1, last));

        Assert.Equal((last.Applied, 3L, 3L), (Store.State.Applied, Store.State.Floor, Store.State.Entries));
        Assert.Equal(last.Epochs.Starts.AsEnumerable(), Store.State.Epochs.Starts);
        Assert.Equal(["b", "c", "a"], (await Store.ReadChangesAsync(0, int.MaxValue)).Entries.Select(entry => entry.Key));
    }

    [Fact]
    public async Task A_pull_of_changes_that_broke_off_goes_on_from_its_last_page()
    {
        await Store.AdoptAsync(View(1), asPrimary: true);
        await WriteAsync(Store, 1, Put("a", "1"), Put("b", "1"));
        await Store.StartSyncAsync(1, SyncKind.Changes, History);
        Assert.Equal(new LogPoint(1, 2), Store.State.SyncsFrom);

        await Store.WriteChangesAsync(1, Changes(5, false, 9, Applied("a", 5)) with { Epochs = new EpochHistory([new(1, 1), new(2, 4)]) });

        Store = await ReopenTrackedAsync(Store);
        Assert.Equal((new LogPoint(1, 2), new LogPoint(2, 5)), (Store.State.Applied, Store.State.SyncsFrom));
        await Store.StartSyncAsync(1, SyncKind.Changes, History);
        Assert.Equal(new LogPoint(2, 5), Store.State.SyncsFrom);

        await Store.WriteChangesAsync(1, Changes(9, true, 9, Applied("b", 9)));
        Store = await ReopenTrackedAsync(Store);
        Assert.Equal((new LogPoint(2, 9), null), (Store.State.SyncsFrom, Store.State.Pulled));
    }

    [Fact]
    public async Task The_changes_that_end_a_full_sync_go_on_where_they_broke_off_and_a_new_full_sync_forgets_them()
    {
        await Store.StartSyncAsync(1, SyncKind.Full, History);
        Assert.Equal(LogPoint.Zero, Store.State.SyncsFrom);
        await Store.WritePageAsync(1, null, Page(3, more: false, Applied("a", 1)));
        await Store.WriteChangesAsync(1, Changes(5, false, 9, Applied("b", 5)));
        Store = await ReopenTrackedAsync(Store);
        Assert.Equal((false, new LogPoint(2, 5)), (Store.State.IsWhole, Store.State.SyncsFrom));

        Assert.True(await Store.StartSyncAsync(1, SyncKind.Changes, History));
        await Store.WriteChangesAsync(1, Changes(7, false, 9, Applied("c", 7)));
        Assert.Equal((false, new LogPoint(2, 7)), (Store.State.IsWhole, Store.State.SyncsFrom));

        Assert.True(await Store.StartSyncAsync(1, SyncKind.Full, History));
        Store = await ReopenTrackedAsync(Store);
        Assert.Equal(LogPoint.Zero, Store.State.SyncsFrom);
        Assert.False(await Store.StartSyncAsync(1, SyncKind.Changes, History));
    }

    [Fact]
    public async Task The_log_goes_on_from_the_mark()
    {
        await Store.StartSyncAsync(1, SyncKind.Full, History);
        await Store.WritePageAsync(1, null, Page(9, more: false, Applied("a", 1)));
        await Store.WriteChangesAsync(1, Changes(9, true, 9, Applied("a", 9)));

        Batch next = await WriteAsync(Store, 3, Put("b", "1"));

        Assert.Equal(new LogPoint(3, 10), next.Last);
        Assert.Equal([new EpochStart(2, 1), new EpochStart(3, 10)], Store.State.Epochs.Starts.AsEnumerable());
        Assert.Equal(["a", "b"], (await Store.ReadChangesAsync(0, int.MaxValue)).Entries.Select(entry => entry.Key));

        // What was pulled is held, though no batch of it ever came.
        var pulled = new Batch(new LogPoint(2, 4), Versioned(2, 4, Put("a", "5")), Time.GetUtcNow());
        Assert.Equal(AppendStatus.Persisted, (await Store.AppendAsync(3, pulled)).Status);
    }

    [Fact]
    public async Task A_moved_mark_keeps_only_the_pending_batches_that_continue_it()
    {
        await WriteAsync(Store, 2, Put("a", "1"));
        await AppendAsync(Store, 2, Put("a", "2"));
        Batch continuing = await AppendAsync(Store, 2, Put("a", "3"));

        await Store.WriteChangesAsync(2, Changes(2, true, 2, Applied("a", 2)));
        Assert.Equal([continuing], Store.State.Pending);

        await Store.WriteChangesAsync(2, Changes(9, true, 9, Applied("a", 9)));
        Assert.Empty(Store.State.Pending);
        Assert.Equal(new LogPoint(2, 9), Store.State.Last);
    }

    [Fact]
    public async Task The_floor_never_falls_by_a_page_of_changes()
    {
        await WriteAsync(Store, 2, Delete("a"), Delete("b"));
        await Store.CollectTombstonesAsync(DateTimeOffset.MaxValue, long.MaxValue);
        Assert.Equal(2, Store.State.Floor);

        await Store.WriteChangesAsync(2, Changes(9, true, 9, Applied("a", 9)) with { Floor = 1 });

        Assert.Equal(2, Store.State.Floor);
    }

    [Fact]
    public async Task A_pulled_tombstones_age_counts_from_when_it_was_taken()
    {
        Time.Advance(TimeSpan.FromHours(1));
        DateTimeOffset taken = Time.GetUtcNow();
        await Store.StartSyncAsync(1, SyncKind.Full, History);
        await Store.WritePageAsync(1, null, Page(9, more: false, Applied("a", 1) with { Value = null }, Applied("c", 4)));
        await Store.WriteChangesAsync(1, Changes(9, true, 9, Applied("b", 9) with { Value = null }));

        await Store.CollectTombstonesAsync(taken, long.MaxValue);
        Assert.Equal(3, (await ContentAsync(Store)).Length);
        await Store.CollectTombstonesAsync(taken.AddTicks(1), long.MaxValue);
        Assert.Equal(["c"], (await ContentAsync(Store)).Select(entry => entry.Key));
    }

    [Fact]
    public async Task Nothing_beyond_the_mark_is_collected()
    {
        await Store.StartSyncAsync(1, SyncKind.Full, History);
        await Store.WritePageAsync(1, null, Page(9, more: false, Applied("a", 5) with { Value = null }));

        await Store.CollectTombstonesAsync(DateTimeOffset.MaxValue, long.MaxValue);

        Assert.Single(await ContentAsync(Store));
        Assert.Equal(0, Store.State.Floor);
    }

    [Fact]
    public async Task Two_histories_with_the_same_sequences_do_not_hide_each_others_changes()
    {
        await WriteAsync(Store, 7, Put("x", "old"), Put("y", "old"));
        await Store.StartSyncAsync(7, SyncKind.Full, History);

        // Page by page the new "a" and "b" stand beside the old "x" and "y", both with the sequences 1 and 2.
        await Store.WritePageAsync(7, null, Page(2, more: true, Applied("a", 1), Applied("b", 2)));
        await Store.WritePageAsync(7, "b", Page(2, more: false));
        await Store.WriteChangesAsync(7, Changes(2, true, 2));

        Assert.Equal(["a", "b"], (await Store.ReadChangesAsync(0, int.MaxValue)).Entries.Select(entry => entry.Key));
        Assert.Equal(["a", "b"], (await ContentAsync(Store)).Select(entry => entry.Key));
    }

    [Fact]
    public async Task Half_a_store_that_becomes_the_start_of_a_history_gives_no_sequence_twice()
    {
        await Store.StartSyncAsync(3, SyncKind.Full, History);
        await Store.WritePageAsync(3, null, Page(9, more: true, Applied("a", 8), Applied("b", 2)));

        StoreState state = await Store.AdoptAsync(View(4, OtherHistory), asPrimary: true);

        Assert.True(state.IsWhole);
        Assert.Null(state.Cursor);
        Assert.Equal((new LogPoint(2, 8), 8L), (state.Applied, state.Floor));
        Assert.True(state.Epochs.Contains(state.Applied, state.Applied));
        Assert.Equal(new LogPoint(4, 9), (await WriteAsync(Store, 4, Put("c", "1"))).Last);
    }

    [Fact]
    public async Task A_store_that_was_pulling_changes_and_starts_a_history_gives_no_sequence_twice()
    {
        await WriteAsync(Store, 2, Put("a", "1"));
        await Store.StartSyncAsync(3, SyncKind.Changes, History);
        await Store.WriteChangesAsync(3, Changes(5, false, 9, Applied("b", 5)));

        StoreState state = await Store.AdoptAsync(View(4, OtherHistory), asPrimary: true);

        Assert.Equal((new LogPoint(2, 5), 5L, null), (state.Applied, state.Floor, state.Pulled));
    }

    /// <summary>An entry of epoch 2, whose value is its sequence.</summary>
    private protected static Entry Applied(string key, long sequence) => Local(key, $"{sequence}") with { Version = new LogPoint(2, sequence) };

    private protected static KeyPage Page(long applied, bool more, params Entry[] entries) =>
        new([.. entries], more, new LogPoint(2, applied), 0);

    private protected static ChangePage Changes(long upto, bool isWhole, long applied, params Entry[] entries) =>
        new([.. entries], upto, isWhole, new LogPoint(2, applied), new EpochHistory([new EpochStart(2, 1)]), 0);
}
