namespace Diststore.Core.Tests;

/// <content>Local-only entries: their count, their bytes, their quota, their end.</content>
public abstract partial class StoreContract
{
    [Fact]
    public async Task A_local_only_entry_that_is_removed_is_gone_and_the_others_stay()
    {
        await WriteAsync(Store, 1, Put("a", "1"));
        await Store.PutLocalAsync(Local("a", "local"));
        await Store.PutLocalAsync(Local("b", "1"));

        Assert.True(await Store.DeleteLocalAsync("a"));
        Assert.False(await Store.DeleteLocalAsync("a"));
        Assert.False(await Store.DeleteLocalAsync("never"));

        Store = await ReopenTrackedAsync(Store);
        Assert.Null(await Store.ReadLocalAsync("a"));
        Assert.Equal("1", Text(await Store.ReadAsync("a")));
        Assert.Equal(["b"], (await Store.ScanLocalAsync(null, null, int.MaxValue)).Keys);
        Assert.Equal((1L, 2L), (Store.State.LocalEntries, Store.State.LocalBytes));
        Assert.True(await Store.DeleteLocalAsync("b"));
        Assert.Equal((0L, 0L), (Store.State.LocalEntries, Store.State.LocalBytes));
        Assert.Equal(WriteOutcome.Created, await Store.PutLocalAsync(Local("b", "2")));
    }

    [Fact]
    public async Task The_bytes_of_local_only_entries_are_those_of_their_keys_as_utf8_and_their_values()
    {
        Assert.Equal(WriteOutcome.Created, await Store.PutLocalAsync(Local("é", "12345")));
        Assert.Equal(WriteOutcome.Created, await Store.PutLocalAsync(Local("b", "")));
        Assert.Equal(8, Store.State.LocalBytes);
        Assert.Equal(WriteOutcome.Replaced, await Store.PutLocalAsync(Local("é", "1")));
        Assert.Equal(4, Store.State.LocalBytes);
        await WriteAsync(Store, 1, Put("a", "1"));
        Store = await ReopenTrackedAsync(Store);
        Assert.Equal((2L, 4L), (Store.State.LocalEntries, Store.State.LocalBytes));
    }

    [Fact]
    public async Task Beyond_the_quota_no_local_only_entry_is_taken_and_none_grows()
    {
        Assert.Equal(WriteOutcome.OverQuota, await Store.PutLocalAsync(Local("a", "12"), maxBytes: 2));
        Assert.Equal(StoreState.Empty, Store.State);
        Assert.Equal(WriteOutcome.Created, await Store.PutLocalAsync(Local("a", "12"), maxBytes: 3));
        Assert.Equal(WriteOutcome.OverQuota, await Store.PutLocalAsync(Local("b", ""), maxBytes: 3));
        Assert.Equal(WriteOutcome.OverQuota, await Store.PutLocalAsync(Local("a", "123"), maxBytes: 3));
        Assert.Equal("12", Text(await Store.ReadLocalAsync("a")));

        // What does not grow is taken, also when the quota has become smaller.
        Assert.Equal(WriteOutcome.Replaced, await Store.PutLocalAsync(Local("a", "34"), maxBytes: 1));
        Assert.Equal(WriteOutcome.Replaced, await Store.PutLocalAsync(Local("a", "5"), maxBytes: 1));
        Assert.Equal(WriteOutcome.Created, await Store.PutLocalAsync(Local("b", ""), maxBytes: 3));
        Assert.Equal((2L, 3L), (Store.State.LocalEntries, Store.State.LocalBytes));
    }

    [Fact]
    public async Task Of_many_local_only_entries_at_once_no_more_are_taken_than_the_quota_holds_and_each_is_new_once()
    {
        // Ten bytes each, two puts of each key, room for twenty keys.
        WriteOutcome[] outcomes = await Task.WhenAll(Enumerable.Range(0, 100).Select(
            i => Task.Run(async () => await Store.PutLocalAsync(Local($"key{i % 50:D2}", "12345"), maxBytes: 200))));

        Assert.Equal((20L, 200L), (Store.State.LocalEntries, Store.State.LocalBytes));
        Assert.Equal(20, outcomes.Count(static outcome => outcome == WriteOutcome.Created));
        Assert.Equal(20, (await Store.ScanLocalAsync(null, null, int.MaxValue)).Keys.Count);
    }
}
