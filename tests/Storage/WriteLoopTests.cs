namespace Diststore.Storage.Tests;

/// <summary>Syncs, quotas, closing.</summary>
public sealed class WriteLoopTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Appends_that_come_together_share_a_sync()
    {
        const int Count = 500;
        await using RocksStore store = _folder.Open();
        LogPoint last = LogPoint.Zero;
        var answers = new List<Task<AppendResult>>();
        for (int i = 0; i < Count; i++)
        {
            Batch batch = Writes.Next(last, ($"k{i}", "1"));
            answers.Add(store.AppendAsync(1, batch).AsTask());
            last = batch.Last;
        }

        AppendResult[] results = await Task.WhenAll(answers);

        Assert.All(results, result => Assert.Equal(AppendStatus.Persisted, result.Status));
        Assert.Equal(Enumerable.Range(1, Count).Select(i => (long)i), results.Select(result => result.Last.Sequence));
        Assert.Equal((last, Count), (store.State.Last, store.State.Pending.Count));
        Assert.InRange(store.Instruments.Fsyncs, 1, Count / 4);
        Assert.Equal(Count, store.Instruments.Batches);
    }

    [Fact]
    public async Task Appends_one_after_the_other_are_each_synced_and_appliings_are_not()
    {
        await using RocksStore store = _folder.Open();
        for (int i = 1; i <= 10; i++)
        {
            await store.WriteAsync(("a", $"{i}"));
            Assert.Equal(i, store.Instruments.Fsyncs);
        }
    }

    [Fact]
    public async Task A_view_that_is_known_already_is_written_again_to_see_whether_the_store_still_can()
    {
        await using RocksStore store = _folder.Open();
        var view = new MasterView(3, Guid.NewGuid(), new MasterId("a", store.Id, Guid.NewGuid(), true), null, false);
        await store.AdoptAsync(view, asPrimary: true);
        long syncs = store.Instruments.Fsyncs;
        Assert.Equal(view, (await store.AdoptAsync(view, asPrimary: true)).View);
        Assert.Equal(syncs + 1, store.Instruments.Fsyncs);
    }

    [Fact]
    public async Task Operations_that_were_not_awaited_take_effect_in_the_order_they_were_called()
    {
        await using RocksStore store = _folder.Open();
        Batch first = Writes.Next(LogPoint.Zero, ("a", "1"));
        Batch second = Writes.Next(first.Last, ("a", "2"));
        Task append = store.AppendAsync(1, first).AsTask();
        Task<StoreState> apply = store.ApplyAsync(first.Last).AsTask();
        Task<AppendResult> next = store.AppendAsync(1, second).AsTask();
        Task<bool> align = store.AlignAsync(1, EpochHistory.Empty, LogPoint.Zero).AsTask();

        Assert.Equal(first.Last, (await apply).Applied);
        Assert.True(append.IsCompletedSuccessfully); // an applying whose batch is not synced waits for it
        Assert.Equal(AppendStatus.Persisted, (await next).Status);
        Assert.True(await align);
        Assert.Empty(store.State.Pending);
        Assert.Equal("1", (await store.ReadAsync("a")).Text());
    }

    [Fact]
    public async Task Closing_answers_what_was_queued_and_refuses_what_comes_later()
    {
        RocksStore store = _folder.Open();
        Batch batch = Writes.Next(LogPoint.Zero, ("a", "1"));
        Task<AppendResult> append = store.AppendAsync(1, batch).AsTask();
        await store.DisposeAsync();
        await store.DisposeAsync();

        Assert.Equal(AppendStatus.Persisted, (await append).Status);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.ApplyAsync(batch.Last));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.ReadAsync("a"));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.ScanAsync(new KeyScan("", null, 1, 1, true)));
    }

    [Fact]
    public async Task Closing_waits_for_readers()
    {
        RocksStore store = _folder.Open();
        await store.FillAsync(20_000);
        Task<KeyPage>[] scans = [.. Enumerable.Range(0, 20).Select(_ => store.ScanAsync(new KeyScan("", null, int.MaxValue, int.MaxValue, true)).AsTask())];
        await store.DisposeAsync();
        foreach (Task<KeyPage> scan in scans)
        {
            try
            {
                Assert.Equal(20_000, (await scan).Entries.Length);
            }
            catch (ObjectDisposedException)
            {
                // It had not begun.
            }
        }
    }

    [Fact]
    public async Task A_hot_entry_is_answered_at_once_and_never_older_than_what_was_applied()
    {
        await using RocksStore store = _folder.Open();
        await store.WriteAsync(("a", "0"));
        using var stop = new CancellationTokenSource();
        Task[] readers = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            long newest = 0;
            while (!stop.IsCancellationRequested)
            {
                long applied = store.State.Applied.Sequence;
                long read = (await store.ReadAsync("a"))!.Version.Sequence;
                Assert.True(read >= applied && read >= newest, $"read {read} after {newest}, applied {applied}");
                newest = read;
            }
        }))];
        for (int i = 1; i < 300; i++)
        {
            await store.WriteAsync(("a", $"{i}"));
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers);
        await store.ReadAsync("a");
        Task<Entry?> hot = store.ReadAsync("a").AsTask();
        Assert.True(hot.IsCompletedSuccessfully);
    }
}
