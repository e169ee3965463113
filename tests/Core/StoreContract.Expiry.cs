using System.Text;

namespace Diststore.Core.Tests;

/// <content>What expires, and how many bytes live.</content>
public abstract partial class StoreContract
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task What_expired_is_given_earliest_first_and_no_more_than_asked_for()
    {
        await ApplyAsync(Mortal("c", 30), Mortal("a", 20), Mortal("d", 10), Mortal("b", 20), Local("immortal", "1"), Mortal("later", 41));

        IReadOnlyList<EntryHead> expired = await Store.ReadExpiredAsync(Noon.AddSeconds(40), 100);

        Assert.Equal(["d", "a", "b", "c"], expired.Select(static entry => entry.Key));
        Assert.Equal(new int[] { 10, 20, 20, 30 }, expired.Select(static entry => (int)(entry.ExpiresAt!.Value - Noon).TotalSeconds));
        Assert.Equal(["d", "a"], (await Store.ReadExpiredAsync(Noon.AddSeconds(40), 2)).Select(static entry => entry.Key));
        Assert.Equal(["d"], (await Store.ReadExpiredAsync(Noon.AddSeconds(10), 100)).Select(static entry => entry.Key));
        Assert.Empty(await Store.ReadExpiredAsync(Noon.AddSeconds(10).AddTicks(-1), 100));
    }

    [Fact]
    public async Task What_is_pending_or_local_only_does_not_expire()
    {
        await Store.PutLocalAsync(Mortal("local", 1));
        Batch batch = Ordered(Mortal("a", 1));
        await Store.AppendAsync(1, batch);
        Assert.Empty(await Store.ReadExpiredAsync(DateTimeOffset.MaxValue, 100));

        Store = await ReopenTrackedAsync(Store);
        await Store.ApplyAsync(batch.Last);

        Assert.Equal(EntryHead.Of(batch.Entries[0]), Assert.Single(await Store.ReadExpiredAsync(DateTimeOffset.MaxValue, 100)));
    }

    [Fact]
    public async Task Who_is_replaced_or_deleted_expires_no_more_by_the_old_time()
    {
        await ApplyAsync(Mortal("later", 1), Mortal("never", 1), Mortal("gone", 1), Mortal("twice", 1), Mortal("twice", 5));
        await ApplyAsync(Mortal("later", 9), Local("never", "1"), new Entry("gone", null, null, LogPoint.Zero));

        Assert.Empty(await Store.ReadExpiredAsync(Noon.AddSeconds(4), 100));
        Assert.Equal(["twice", "later"], (await Store.ReadExpiredAsync(DateTimeOffset.MaxValue, 100)).Select(static entry => entry.Key));
    }

    [Fact]
    public async Task A_tombstone_does_not_expire()
    {
        await ApplyAsync(new Entry("a", null, null, LogPoint.Zero, Noon));

        Assert.Empty(await Store.ReadExpiredAsync(DateTimeOffset.MaxValue, 100));
        Assert.Equal(0, Store.State.LiveBytes);
        await Store.CollectTombstonesAsync(DateTimeOffset.MaxValue, long.MaxValue);
        Assert.Null(await Store.ReadAsync("a"));
    }

    [Fact]
    public async Task Pages_of_a_sync_bring_and_take_times_and_bytes()
    {
        await ApplyAsync(Mortal("a", 1), Mortal("b", 2), Local("z", "123"));
        await Store.StartSyncAsync(1, SyncKind.Full, History);
        Entry kept = Applied("a", 5) with { ExpiresAt = Noon.AddSeconds(7) };
        await Store.WritePageAsync(1, null, Page(5, more: false, kept));

        Assert.Equal([EntryHead.Of(kept)], await Store.ReadExpiredAsync(DateTimeOffset.MaxValue, 100));
        Assert.Equal(1 + 1, Store.State.LiveBytes);

        Entry changed = Applied("a", 6) with { ExpiresAt = Noon.AddSeconds(3) };
        Entry other = Applied("c", 7) with { ExpiresAt = Noon.AddSeconds(4) };
        await Store.WriteChangesAsync(1, Changes(7, true, 7, changed, other));
        Store = await ReopenTrackedAsync(Store);

        Assert.Equal([EntryHead.Of(changed), EntryHead.Of(other)], await Store.ReadExpiredAsync(DateTimeOffset.MaxValue, 100));
        Assert.Equal(4, Store.State.LiveBytes);
    }

    [Fact]
    public async Task Live_bytes_are_those_of_keys_and_values_that_are_there()
    {
        await WriteAsync(Store, 1, Put("a", "12345"), Put("ä", "1"), Put("a", "123"));
        Assert.Equal(4 + 3, Store.State.LiveBytes);
        await AppendAsync(Store, 1, Put("b", "12"));
        await Store.PutLocalAsync(Local("l", "1"));
        Assert.Equal(7, Store.State.LiveBytes);
        await Store.ApplyAsync(Store.State.Last);
        Assert.Equal(10, Store.State.LiveBytes);

        Store = await ReopenTrackedAsync(Store);
        Assert.Equal(10, Store.State.LiveBytes);
        await WriteAsync(Store, 1, Delete("a"));
        Assert.Equal(6, Store.State.LiveBytes);
        await Store.CollectTombstonesAsync(DateTimeOffset.MaxValue, long.MaxValue);
        Assert.Equal(6, Store.State.LiveBytes);
    }

    [Fact]
    public async Task Times_outlive_a_restart_with_the_entry()
    {
        await ApplyAsync(Mortal("a", 1) with { ContentType = null }, Mortal("b", 2));
        Entry before = (await Store.ReadAsync("a"))!;

        Store = await ReopenTrackedAsync(Store);

        Assert.Equal(before, await Store.ReadAsync("a"));
        Assert.Equal(Noon.AddSeconds(1), before.ExpiresAt);
        Assert.Equal(["a", "b"], (await Store.ReadExpiredAsync(DateTimeOffset.MaxValue, 100)).Select(static entry => entry.Key));
        await ApplyAsync(new Entry("a", null, null, LogPoint.Zero));
        Assert.Equal(["b"], (await Store.ReadExpiredAsync(DateTimeOffset.MaxValue, 100)).Select(static entry => entry.Key));
    }

    private static long LiveBytes(Entry entry) => entry.IsTombstone ? 0 : Encoding.UTF8.GetByteCount(entry.Key) + entry.Value!.Length;

    private static Entry Mortal(string key, int seconds) => Local(key, $"{seconds}") with { ExpiresAt = Noon.AddSeconds(seconds) };

    private Batch Ordered(params Entry[] entries)
    {
        LogPoint last = Store.State.Last;
        return new Batch(last, [.. entries.Select((entry, i) => entry with { Version = new LogPoint(1, last.Sequence + 1 + i) })], Time.GetUtcNow());
    }

    private async Task ApplyAsync(params Entry[] entries)
    {
        Batch batch = Ordered(entries);
        Assert.Equal(AppendStatus.Persisted, (await Store.AppendAsync(1, batch)).Status);
        await Store.ApplyAsync(batch.Last);
    }
}
