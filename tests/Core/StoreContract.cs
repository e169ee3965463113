using System.Collections.Immutable;
using System.Text;

namespace Diststore.Core.Tests;

/// <summary>
/// What every store must do, see <see cref="IStore"/>. Derive once per store. The parts: the log here, reads, syncing
/// and random runs in the files beside this one.
/// </summary>
public abstract partial class StoreContract : IAsyncLifetime
{
    private protected static readonly Guid History = new("11111111-0000-0000-0000-000000000001");
    private protected static readonly Guid OtherHistory = new("22222222-0000-0000-0000-000000000002");
    private protected static readonly MasterId A = Master("a", 1);
    private protected static readonly MasterId B = Master("b", 2);

    private readonly List<IStore> _opened = [];

    private protected ManualTime Time { get; } = new();

    private protected IStore Store { get; private set; } = null!;

    public async Task InitializeAsync() => Store = await OpenAsync();

    public async Task DisposeAsync()
    {
        foreach (IStore store in _opened)
        {
            await store.DisposeAsync();
        }
    }

    /// <summary>A new, empty store.</summary>
    protected abstract ValueTask<IStore> CreateAsync(TimeProvider time);

    /// <summary>What a restart makes of the store; the same where its content lives in memory.</summary>
    protected abstract ValueTask<IStore> ReopenAsync(IStore store, TimeProvider time);

    [Fact]
    public async Task A_new_store_is_empty_and_whole()
    {
        Assert.Equal(StoreState.Empty, Store.State);
        Assert.NotEqual(Guid.Empty, Store.Id);
        Assert.Null(await Store.ReadAsync("a"));
        KeyPage page = await Store.ScanAsync(All);
        Assert.Empty(page.Entries);
        Assert.False(page.More);
        ChangePage changes = await Store.ReadChangesAsync(0, 1000);
        Assert.Empty(changes.Entries);
        Assert.True(changes.IsWhole);
    }

    [Fact]
    public async Task A_pending_batch_is_not_shown_until_it_is_applied()
    {
        Batch batch = Next(Store, 1, Put("a", "1"), Put("b", "2"));
        AppendResult result = await Store.AppendAsync(1, batch);

        Assert.Equal(new AppendResult(AppendStatus.Persisted, new LogPoint(1, 2)), result);
        Assert.Equal(LogPoint.Zero, Store.State.Applied);
        Assert.Equal(new LogPoint(1, 2), Store.State.Last);
        Assert.Single(Store.State.Pending);
        Assert.Null(await Store.ReadAsync("a"));
        Assert.Empty((await Store.ScanAsync(All)).Entries);
        Assert.Empty((await Store.ReadChangesAsync(0, 1000)).Entries);

        StoreState applied = await Store.ApplyAsync(batch.Last);

        Assert.Equal(Store.State, applied);
        Assert.Equal(batch.Last, applied.Applied);
        Assert.Empty(applied.Pending);
        Assert.Equal(2, applied.Entries);
        Assert.Equal(batch.Entries[0], await Store.ReadAsync("a"));
        Assert.Equal(batch.Entries.AsEnumerable(), (await Store.ScanAsync(All)).Entries);
        Assert.Equal(batch.Entries.AsEnumerable(), (await Store.ReadChangesAsync(0, 1000)).Entries);
    }

    [Fact]
    public async Task Apply_takes_all_batches_up_to_the_commit_and_no_more()
    {
        Batch first = await AppendAsync(Store, 1, Put("a", "1"));
        Batch second = await AppendAsync(Store, 1, Put("b", "1"));
        Batch third = await AppendAsync(Store, 2, Put("a", "2"));

        await Store.ApplyAsync(second.Last);

        Assert.Equal(second.Last, Store.State.Applied);
        Assert.Equal([third], Store.State.Pending);
        Assert.Equal(first.Entries[0], await Store.ReadAsync("a"));
        Assert.Equal([new EpochStart(1, 1)], Store.State.Epochs.Starts.AsEnumerable());
        Assert.Equal([new EpochStart(1, 1), new EpochStart(2, 3)], Store.State.EpochsWithPending.Starts.AsEnumerable());
    }

    [Theory]
    [InlineData(1, 1)] // inside a batch
    [InlineData(1, 4)] // beyond the log
    [InlineData(2, 2)] // of another epoch
    [InlineData(0, 0)]
    public async Task Apply_does_nothing_for_a_point_that_ends_no_pending_batch(long epoch, long sequence)
    {
        await AppendAsync(Store, 1, Put("a", "1"), Put("b", "1"));
        StoreState before = Store.State;

        Assert.Equal(before, await Store.ApplyAsync(new LogPoint(epoch, sequence)));
        Assert.Equal(before, Store.State);
    }

    [Fact]
    public async Task Apply_again_does_nothing()
    {
        Batch batch = await WriteAsync(Store, 1, Put("a", "1"));
        await WriteAsync(Store, 1, Put("a", "2"));
        StoreState before = Store.State;

        Assert.Equal(before, await Store.ApplyAsync(batch.Last));
    }

    [Fact]
    public async Task Append_refuses_a_message_of_a_lower_epoch_than_was_seen()
    {
        await Store.AdoptAsync(View(5), asPrimary: false);

        AppendResult result = await Store.AppendAsync(4, Next(Store, 4, Put("a", "1")));

        Assert.Equal(new AppendResult(AppendStatus.StaleEpoch, LogPoint.Zero), result);
        Assert.Empty(Store.State.Pending);
    }

    [Fact]
    public async Task Append_takes_a_batch_of_an_older_epoch_in_a_message_of_the_current_one()
    {
        await Store.AdoptAsync(View(5), asPrimary: false);

        AppendResult result = await Store.AppendAsync(5, Next(Store, 3, Put("a", "1")));

        Assert.Equal(new AppendResult(AppendStatus.Persisted, new LogPoint(3, 1)), result);
    }

    [Fact]
    public async Task Append_answers_a_gap_with_the_end_of_the_log()
    {
        Batch first = await AppendAsync(Store, 1, Put("a", "1"));
        Batch second = Next(Store, 1, Put("a", "2"));
        Batch third = Follow(second, 1, Put("a", "3"));
        var fork = new Batch(new LogPoint(2, 1), Versioned(2, 1, Put("a", "x")), Time.GetUtcNow());

        Assert.Equal(new AppendResult(AppendStatus.Gap, first.Last), await Store.AppendAsync(1, third));
        Assert.Equal(new AppendResult(AppendStatus.Gap, first.Last), await Store.AppendAsync(1, fork));
        Assert.Equal([first], Store.State.Pending);
        Assert.Equal(AppendStatus.Persisted, (await Store.AppendAsync(1, second)).Status);
        Assert.Equal(AppendStatus.Persisted, (await Store.AppendAsync(1, third)).Status);
    }

    [Fact]
    public async Task Append_answers_a_batch_already_held_as_persisted()
    {
        Batch first = await WriteAsync(Store, 1, Put("a", "1"));
        Batch second = await WriteAsync(Store, 2, Put("a", "2"));
        Batch third = await AppendAsync(Store, 2, Put("a", "3"));
        Batch last = await AppendAsync(Store, 2, Put("a", "4"));
        StoreState before = Store.State;

        foreach (Batch held in new[] { first, second, third, last })
        {
            Assert.Equal(new AppendResult(AppendStatus.Persisted, last.Last), await Store.AppendAsync(2, held));
        }

        Assert.Equal(before, Store.State);
    }

    [Fact]
    public async Task Append_does_not_take_another_log_for_what_it_holds()
    {
        await WriteAsync(Store, 1, Put("a", "1"));
        await WriteAsync(Store, 3, Put("a", "2"));
        await AppendAsync(Store, 3, Put("a", "3"));

        // Sequences 2 and 3 were ordered in epoch 3 here, not in epoch 2.
        var fork = new Batch(new LogPoint(1, 1), Versioned(2, 1, Put("a", "x")), Time.GetUtcNow());
        Batch forkOn = Follow(fork, 2, Put("a", "y"));

        Assert.Equal(AppendStatus.Gap, (await Store.AppendAsync(3, fork)).Status);
        Assert.Equal(AppendStatus.Gap, (await Store.AppendAsync(3, forkOn)).Status);
    }

    [Fact]
    public async Task Align_drops_from_the_first_batch_that_is_not_in_the_given_history()
    {
        Batch first = await WriteAsync(Store, 1, Put("a", "1"));
        Batch second = await AppendAsync(Store, 1, Put("a", "2"));
        await AppendAsync(Store, 1, Put("a", "3"));
        await AppendAsync(Store, 1, Put("a", "4"));
        var history = new EpochHistory([new EpochStart(1, 1), new EpochStart(2, 3)]);

        Assert.True(await Store.AlignAsync(2, history, new LogPoint(2, 9)));

        Assert.Equal([second], Store.State.Pending);
        Assert.Equal(first.Last, Store.State.Applied);
        Assert.True(await Store.AlignAsync(2, history, new LogPoint(1, 1)));
        Assert.Empty(Store.State.Pending);
    }

    [Fact]
    public async Task Align_keeps_what_lies_in_the_history_and_refuses_a_lower_epoch()
    {
        Batch batch = await AppendAsync(Store, 1, Put("a", "1"));
        await Store.AdoptAsync(View(3), asPrimary: false);

        Assert.False(await Store.AlignAsync(2, EpochHistory.Empty, LogPoint.Zero));
        Assert.Equal([batch], Store.State.Pending);
        Assert.True(await Store.AlignAsync(3, new EpochHistory([new EpochStart(1, 1)]), batch.Last));
        Assert.Equal([batch], Store.State.Pending);
    }

    [Fact]
    public async Task Adopt_remembers_the_newest_view_only()
    {
        await Store.AdoptAsync(View(3), asPrimary: false);
        Assert.Equal(3, Store.State.HighestEpoch);

        StoreState state = await Store.AdoptAsync(View(2), asPrimary: true);

        Assert.Equal(View(3), state.View);
        Assert.Equal(3, state.HighestEpoch);
        Assert.Equal(Guid.Empty, state.History);
        Assert.Equal(View(4), (await Store.AdoptAsync(View(4), asPrimary: false)).View);
    }

    [Fact]
    public async Task Adopt_as_the_primary_makes_the_content_the_start_of_the_views_history()
    {
        await WriteAsync(Store, 1, Put("a", "1"));
        await AppendAsync(Store, 1, Put("a", "2"));
        StoreState before = Store.State;

        await Store.AdoptAsync(View(3), asPrimary: false);
        Assert.Equal(Guid.Empty, Store.State.History);
        StoreState state = await Store.AdoptAsync(View(4), asPrimary: true);

        Assert.Equal(before with { HighestEpoch = 4, View = View(4), History = History }, state);
    }

    [Fact]
    public async Task A_candidate_is_remembered_until_a_higher_epoch_than_its_own()
    {
        await Store.AdoptAsync(View(3), asPrimary: true);
        await Store.RememberCandidateAsync(3, B);
        Store = await ReopenTrackedAsync(Store);

        Assert.Equal(B, Store.State.Candidate);
        Assert.Equal(B, (await Store.AdoptAsync(View(3), asPrimary: true)).Candidate);
        Assert.Null((await Store.AdoptAsync(View(4), asPrimary: true)).Candidate);
        await Store.RememberCandidateAsync(3, B);
        Assert.Null(Store.State.Candidate);
    }

    [Fact]
    public async Task All_of_the_state_outlives_a_restart()
    {
        await Store.AdoptAsync(View(3), asPrimary: true);
        await WriteAsync(Store, 3, Put("a", "1"), Put("b", "1"), Delete("b"));
        Batch pending = await AppendAsync(Store, 3, Put("c", "1"));
        await Store.PutLocalAsync(Local("l", "1"));
        (StoreState before, Guid id) = (Store.State, Store.Id);

        Store = await ReopenTrackedAsync(Store);

        Assert.Equal(id, Store.Id);
        Assert.Equal(before with { Epochs = Store.State.Epochs, Pending = Store.State.Pending }, Store.State);
        Assert.Equal(before.Epochs.Starts, Store.State.Epochs.Starts.AsEnumerable());
        Assert.Equal(pending.Entries.AsEnumerable(), Assert.Single(Store.State.Pending).Entries);
        Assert.Equal("1", Text(await Store.ReadAsync("a")));
        Assert.Equal("1", Text(await Store.ReadLocalAsync("l")));
        await Store.ApplyAsync(pending.Last);
        Assert.Equal("1", Text(await Store.ReadAsync("c")));
    }

    private protected static MasterId Master(string name, byte seed) =>
        new(name, new Guid(seed, 0, 0, new byte[8]), new Guid(seed, 1, 0, new byte[8]), Durable: true);

    private protected static MasterView View(long epoch, Guid? history = null) => new(epoch, history ?? History, A, B, OtherInSync: true);

    private protected static (string Key, byte[]? Value) Put(string key, string value) => (key, Encoding.UTF8.GetBytes(value));

    private protected static (string Key, byte[]? Value) Delete(string key) => (key, null);

    private protected static Entry Local(string key, string value) => new(key, Encoding.UTF8.GetBytes(value), "text/plain", LogPoint.Zero);

    private protected static string? Text(Entry? entry) => entry?.Value is null ? null : Encoding.UTF8.GetString(entry.Value);

    private protected static ImmutableArray<Entry> Versioned(long epoch, long before, params (string Key, byte[]? Value)[] writes) =>
        [.. writes.Select((write, i) => new Entry(write.Key, write.Value, "text/plain", new LogPoint(epoch, before + 1 + i)))];

    private protected Batch Next(IStore store, long epoch, params (string Key, byte[]? Value)[] writes) =>
        new(store.State.Last, Versioned(epoch, store.State.Last.Sequence, writes), Time.GetUtcNow());

    private protected Batch Follow(Batch batch, long epoch, params (string Key, byte[]? Value)[] writes) =>
        new(batch.Last, Versioned(epoch, batch.Last.Sequence, writes), Time.GetUtcNow());

    /// <summary>Appends a batch that continues the log.</summary>
    private protected async Task<Batch> AppendAsync(IStore store, long epoch, params (string Key, byte[]? Value)[] writes)
    {
        Batch batch = Next(store, epoch, writes);
        Assert.Equal(new AppendResult(AppendStatus.Persisted, batch.Last), await store.AppendAsync(Math.Max(epoch, store.State.HighestEpoch), batch));
        return batch;
    }

    /// <summary>Appends and applies a batch.</summary>
    private protected async Task<Batch> WriteAsync(IStore store, long epoch, params (string Key, byte[]? Value)[] writes)
    {
        Batch batch = await AppendAsync(store, epoch, writes);
        await store.ApplyAsync(batch.Last);
        return batch;
    }

    private protected async Task<IStore> OpenAsync()
    {
        IStore store = await CreateAsync(Time);
        _opened.Add(store);
        return store;
    }

    private protected async Task<IStore> ReopenTrackedAsync(IStore store)
    {
        _opened.Remove(store);
        IStore reopened = await ReopenAsync(store, Time);
        _opened.Add(reopened);
        return reopened;
    }
}
