using System.Globalization;
using System.Text;

namespace Diststore.Core.Tests;

/// <content>Rows that the masters keep for themselves: carried by everything, shown and counted by nothing.</content>
public abstract partial class StoreContract
{
    // More than one step removes.
    private const int ManyMemories = 3000;

    [Fact]
    public async Task Internal_rows_are_kept_and_not_shown()
    {
        await WriteAsync(Store, 1, Memory(1), Put("a", "1"), VoidUpto(0), Put("b", "2"), Memory(2), Delete("c"));

        await CheckAsync();
        Store = await ReopenTrackedAsync(Store);
        await CheckAsync();

        async Task CheckAsync()
        {
            Assert.Equal((2, 4, 2), (Store.State.Entries, Store.State.LiveBytes, Store.State.Memories));
            foreach (string? after in new[] { null, "", "\0", "\0zzz" })
            {
                HeadPage heads = await Store.ScanHeadsAsync(new HeadScan("", after, 100, int.MaxValue));
                Assert.Equal(["a", "b"], heads.Heads.Select(static head => head.Key));
            }

            Assert.Empty((await Store.ScanHeadsAsync(new HeadScan("\0", null, 100, int.MaxValue))).Heads);
            Assert.Equal(MemoryKey(1), (await Store.ReadAsync(MemoryKey(1)))!.Key);
            KeyPage page = await Store.ScanAsync(new KeyScan("", null, 100, int.MaxValue, Tombstones: true));
            Assert.Equal([MemoryKey(1), MemoryKey(2), InternalKeys.VoidUpto, "a", "b", "c"], page.Entries.Select(static entry => entry.Key));
            Assert.Equal(6, (await Store.ReadChangesAsync(0, int.MaxValue)).Entries.Length);
        }
    }

    [Fact]
    public async Task A_row_that_is_replaced_counts_once_and_one_that_a_sync_does_not_name_no_more()
    {
        await WriteAsync(Store, 1, Memory(1), Memory(2));
        await WriteAsync(Store, 1, Memory(1));
        Assert.Equal((0, 2), (Store.State.Entries, Store.State.Memories));

        await Store.StartSyncAsync(1, SyncKind.Full, Guid.NewGuid());
        KeyPage page = new(Versioned(1, 10, Memory(2), Put("a", "1")), More: false, new LogPoint(1, 12), 0);
        Assert.Equal(PageOutcome.Taken, await Store.WritePageAsync(1, null, page));
        Assert.Equal((1, 1), (Store.State.Entries, Store.State.Memories));
    }

    [Fact]
    public async Task What_is_void_goes_step_by_step_and_what_is_not_stays()
    {
        for (int i = 0; i < ManyMemories; i += 500)
        {
            await WriteAsync(Store, 1, [.. Enumerable.Range(i, 500).Select(Memory)]);
        }

        Assert.False(await Store.RemoveVoidAsync());
        long end = Store.State.Applied.Sequence;
        await WriteAsync(Store, 1, Memory(ManyMemories), Put("user", "1"), Memory(7), VoidUpto(end));
        Store = await ReopenTrackedAsync(Store);
        Assert.Equal((ManyMemories + 1, end), (Store.State.Memories, Store.State.VoidUpto));

        int steps = 1;
        while (await Store.RemoveVoidAsync())
        {
            steps++;
        }

        // The one that was used again in time is not void.
        Assert.InRange(steps, 3, ManyMemories);
        Assert.Equal((1, 2), (Store.State.Entries, Store.State.Memories));
        Assert.NotNull(await Store.ReadAsync(MemoryKey(7)));
        Assert.Null(await Store.ReadAsync(MemoryKey(8)));
        ChangePage left = await Store.ReadChangesAsync(0, int.MaxValue);
        Assert.Equal([MemoryKey(ManyMemories), "user", MemoryKey(7), InternalKeys.VoidUpto], left.Entries.Select(static entry => entry.Key));
        Assert.Equal(0, Store.State.Floor);
    }

    [Fact]
    public async Task A_sync_tells_what_is_void_and_brings_what_is_removed_here_by_itself()
    {
        await Store.StartSyncAsync(1, SyncKind.Full, History);
        await Store.WritePageAsync(1, null, new KeyPage(Versioned(1, 0, Memory(1), Memory(2), Put("a", "1")), false, new LogPoint(1, 3), 0));
        await Store.WriteChangesAsync(1, new ChangePage([], 3, true, new LogPoint(1, 3), new EpochHistory([new EpochStart(1, 1)]), 0, VoidUpto: 1));

        Assert.Equal((2, 1), (Store.State.Memories, Store.State.VoidUpto));
        Assert.False(await Store.RemoveVoidAsync());
        Assert.Equal(1, Store.State.Memories);
        Assert.NotNull(await Store.ReadAsync(MemoryKey(2)));
    }

    [Fact]
    public async Task A_history_that_begins_on_a_part_forgets_all_requests_and_one_on_the_whole_none()
    {
        await WriteAsync(Store, 1, Memory(1), Put("a", "1"));
        await Store.AdoptAsync(View(5, Guid.NewGuid()), asPrimary: true);
        Assert.Equal(0, Store.State.VoidUpto);

        await Store.StartSyncAsync(5, SyncKind.Full, Guid.NewGuid());
        await Store.WritePageAsync(5, null, new KeyPage(Versioned(5, 6, Memory(3), Put("b", "1")), true, new LogPoint(5, 9), 0));
        await Store.AdoptAsync(View(6, Guid.NewGuid()), asPrimary: true);
        Assert.Equal(8, Store.State.VoidUpto);
    }

    [Fact]
    public void The_sequence_only_grows()
    {
        StoreState state = StoreState.Empty with { VoidUpto = 5 };
        Batch batch = new(LogPoint.Zero, Versioned(1, 0, VoidUpto(3)), Time.GetUtcNow());
        Assert.Equal(5, state.WithAppended(batch).ApplyUpTo(batch.Last).Next.VoidUpto);
    }

    private static string MemoryKey(int number)
    {
        byte[] hash = new byte[32];
        BitConverter.TryWriteBytes(hash, number);
        return InternalKeys.Memory(hash);
    }

    private static (string Key, byte[]? Value) Memory(int number) => Put(MemoryKey(number), "remembered");

    private static (string Key, byte[]? Value) VoidUpto(long sequence) =>
        (InternalKeys.VoidUpto, Encoding.ASCII.GetBytes(sequence.ToString(CultureInfo.InvariantCulture)));
}
