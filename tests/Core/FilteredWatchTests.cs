using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>What the primary shows to who watches some keys only: what matches, and up to where it scanned; and what that costs.</summary>
public sealed class FilteredWatchTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly NodeScheduler _scheduler = new();
    private readonly OneNode _transport = new();
    private readonly FailingStore _store = new();
    private Node? _node;

    private Node Node => _node!;

    private long Epoch => Node.KnownView!.Epoch;

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync()
    {
        _store.Gate?.TrySetResult();
        return _node?.StopAsync() ?? Task.CompletedTask;
    }

    [Fact]
    public async Task A_page_shows_what_matches_and_says_up_to_where_it_scanned()
    {
        await StartAsync("a/1", "b", "a/2", "a", "c");

        ChangesResult prefix = await ReadAsync(At(0), ChangeFilter.OfPrefix("a/"));
        ChangesResult key = await ReadAsync(At(0), ChangeFilter.OfKey("a"));
        ChangesResult none = await ReadAsync(At(0), ChangeFilter.OfPrefix("z"));

        Assert.Equal(["a/1", "a/2"], Keys(prefix));
        Assert.All(prefix.Entries, static entry => Assert.Equal([7], entry.Value!));
        Assert.Equal(["a"], Keys(key));
        Assert.Empty(Keys(none));
        Assert.All([prefix, key, none], page => Assert.Equal((At(5), At(5)), (page.Upto, page.ReadAt)));
        Assert.Equal(At(5), none.IdOf(none.Upto));
        Assert.Equal(new ChangeId(At(1), PassUpto: At(5)), prefix.IdOf(prefix.Entries[0].Version));
        ChangesResult later = await ReadAsync(At(1), ChangeFilter.OfPrefix("a/"));
        Assert.Equal(new ChangeId(At(3), ReadAt: At(5)), later.IdOf(Assert.Single(later.Entries).Version));
    }

    [Fact]
    public async Task Without_values_there_are_heads()
    {
        await StartAsync("a", "b");
        await Node.WriteAsync(new Write("b", null));

        ChangesResult page = await ReadAsync(At(0), new ChangeFilter(null, OmitsValues: true));
        ChangesResult one = await ReadAsync(At(0), ChangeFilter.OfPrefix("b") with { OmitsValues = true });

        Assert.Empty(page.Entries);
        Assert.Equal(2, page.Count);
        Assert.Equal([("a", 1, false), ("b", 0, true)], page.Heads!.Select(static head => (head.Key, head.ValueBytes, head.IsTombstone)));
        Assert.Equal(At(3), page.Last);
        Assert.Equal("b", Assert.Single(one.Heads!).Key);
    }

    [Fact]
    public async Task Internal_rows_are_never_shown_and_are_scanned_past()
    {
        await SeedAsync("a", "\0void", "\0" + new string('f', 64));
        await StartAsync();

        foreach (ChangeFilter filter in new[] { default, new ChangeFilter(null, OmitsValues: true), ChangeFilter.OfPrefix("a"), ChangeFilter.OfPrefix("\0") })
        {
            ChangesResult after = await ReadAsync(new LogPoint(1, 1), filter);
            Assert.Equal((ChangesOutcome.Page, 0, 3), (after.Outcome, after.Count, after.Upto.Sequence));
            ChangesResult all = await ReadAsync(ChangeId.Start, filter);
            Assert.Equal((filter.Text == "\0" ? 0 : 1, 3), (all.Count, all.Upto.Sequence));
        }
    }

    [Fact]
    public async Task Who_resumes_where_was_scanned_sees_what_comes_after_and_the_rest_is_not_scanned_again()
    {
        await StartAsync("b", "c", "d");
        ChangesResult nothing = await ReadAsync(At(0), ChangeFilter.OfPrefix("a"));
        await PutAsync("e", "a/1");

        ChangesResult page = await ReadAsync(nothing.IdOf(nothing.Upto), ChangeFilter.OfPrefix("a"));

        Assert.Equal(At(3), nothing.Upto);
        Assert.Equal(["a/1"], Keys(page));
        Assert.Equal([0L, 3L], _store.IndexReadsFrom);
    }

    [Fact]
    public async Task A_scanned_point_is_judged_like_any_other()
    {
        await SeedAsync("a", "b", "c");
        await StartAsync("d");
        ChangeFilter filter = ChangeFilter.OfPrefix("z");

        Assert.True((await WatchAsync(new LogPoint(Epoch - 1, 1000), filter)).IsGone); // beyond the end of an epoch that is over
        Assert.True((await WatchAsync(new LogPoint(Epoch + 1000, 1), filter)).IsGone); // nobody has given that epoch
        Assert.True((await WatchAsync(new LogPoint(Epoch - 1, 4), filter)).IsGone); // not of this history
        WatchReply ahead = await WatchAsync(At(1000), filter);
        Assert.Equal((false, 0), (ahead.IsGone, ahead.Page!.Count));
        Assert.Equal(ahead.Page.IdOf(ahead.Page.Upto), At(1000));

        // On a first pass an id carries what has to be passed, where pages show nothing too.
        _store.MaxIndexRows = 2;
        ChangesResult first = await ReadAsync(ChangeId.Start, filter);
        ChangeId second = first.IdOf(first.Upto);
        Assert.Equal(new ChangeId(new LogPoint(1, 2), PassUpto: At(4)), second);
        ChangesResult last = await ReadAsync(second, filter);
        Assert.Equal(At(4), last.IdOf(last.Upto));
    }

    [Fact]
    public async Task A_look_reads_no_more_rows_than_it_may_and_one_that_waits_looks_on()
    {
        const int Rows = 3 * ChangeReads.MaxRows;
        await SeedAsync([.. Enumerable.Range(0, Rows).Select(static i => $"b{i}"), "a"]);
        await StartAsync();
        ChangeFilter filter = ChangeFilter.OfPrefix("a");

        ChangesResult look = await ReadAsync(ChangeId.Start, filter);
        Assert.Equal((0, ChangeReads.MaxRows), (look.Count, look.Upto.Sequence));
        Assert.Equal(1, _store.IndexReads);

        ChangesResult waited = await ReadAsync(look.IdOf(look.Upto), filter, ChangesQuery.MaxWait);
        Assert.Equal(["a"], Keys(waited));
        Assert.Equal(4, _store.IndexReads);
        Assert.Equal(0, _store.Reads.Entries);
    }

    [Fact]
    public async Task A_page_of_many_matches_ends_at_its_bounds_and_the_next_one_goes_on()
    {
        await SeedAsync([.. Enumerable.Range(0, (2 * ChangeReads.MaxFound) + 10).Select(static i => $"{(i % 2 == 0 ? 'a' : 'b')}{i}")]);
        await StartAsync();
        await Node.WriteAsync(new Write("along", new byte[ChangesQuery.MaxBytes]));
        await Node.WriteAsync(new Write("along2", new byte[ChangesQuery.MaxBytes]));
        ChangeFilter filter = ChangeFilter.OfPrefix("a");

        var counts = new List<int>();
        var seen = new List<string>();
        ChangeId id = ChangeId.Start;
        while ((await ReadAsync(id, filter)) is { Count: > 0 } page)
        {
            counts.Add(page.Count);
            seen.AddRange(Keys(page));
            id = page.IdOf(page.Upto);
        }

        Assert.Equal([.. Enumerable.Range(0, ChangeReads.MaxFound + 5).Select(static i => $"a{2 * i}"), "along", "along2"], seen);
        Assert.Equal(ChangeReads.MaxFound, counts[0]);
        Assert.Equal([5, 1, 1], counts[1..]);
    }

    [Fact]
    public async Task A_key_that_changes_again_while_it_is_read_is_shown_with_its_later_change_once()
    {
        await StartAsync("a", "a/b");
        bool isChanged = false;
        _store.AfterIndexRead = async () =>
        {
            if (!isChanged)
            {
                isChanged = true;
                await PutAsync("a");
            }
        };

        ChangesResult first = await ReadAsync(At(0), ChangeFilter.OfPrefix("a"));
        ChangesResult second = await ReadAsync(first.IdOf(first.Upto), ChangeFilter.OfPrefix("a"));

        Assert.Equal([("a/b", 2L)], first.Entries.Select(static entry => (entry.Key, entry.Version.Sequence)));
        Assert.Equal((At(2), At(3)), (first.Upto, first.ReadAt)); // it has seen that of 3: should that be lost, it has to know
        Assert.Equal([("a", 3L)], second.Entries.Select(static entry => (entry.Key, entry.Version.Sequence)));
    }

    [Fact]
    public async Task A_delete_that_is_forgotten_while_it_is_looked_for_ends_who_would_miss_it()
    {
        await StartAsync("a", "b");
        await Node.WriteAsync(new Write("a", null));
        bool isForgotten = false;
        _store.AfterIndexRead = async () =>
        {
            if (!isForgotten)
            {
                isForgotten = true;
                await _store.CollectTombstonesAsync(DateTimeOffset.MaxValue, long.MaxValue);
            }
        };

        Assert.True((await WatchAsync(At(1), ChangeFilter.OfKey("a"))).IsGone);
    }

    [Fact]
    public async Task Who_looks_from_one_point_shares_the_scan_and_each_gets_its_own()
    {
        const int Watchers = 300;
        await StartAsync([.. Enumerable.Range(0, Watchers).Select(static i => $"k{i:000}")]);
        _store.CloseGate();
        Task<WatchReply>[] asked = [.. Enumerable.Range(0, Watchers).Select(i => WatchAsync(At(0), ChangeFilter.OfPrefix($"k{i:000}")))];
        await _store.UntilAtGateAsync(1, Deadline);
        await SettleAsync();
        Assert.Equal(1, _store.AtGate);
        _store.Gate!.SetResult();

        WatchReply[] replies = await Task.WhenAll(asked).WaitAsync(Deadline);
        Assert.Equal(Enumerable.Range(0, Watchers).Select(static i => $"k{i:000}"), replies.Select(static reply => Assert.Single(Keys(reply.Page!))));
        Assert.Equal(1, _store.IndexReads);
    }

    [Fact]
    public async Task Scans_from_different_points_take_turns_and_other_requests_go_on()
    {
        const int Watchers = 30;
        await StartAsync([.. Enumerable.Range(0, Watchers).Select(static i => $"k{i}")]);
        _store.CloseGate();
        Task<WatchReply>[] asked = [.. Enumerable.Range(0, Watchers).Select(i => WatchAsync(At(i), ChangeFilter.OfPrefix("z")))];
        await _store.UntilAtGateAsync(ChangeReads.MaxScans, Deadline);
        await SettleAsync();
        Assert.Equal(ChangeReads.MaxScans, _store.AtGate);
        Assert.Equal(WriteOutcome.Created, (await Node.WriteAsync(new Write("meanwhile", [1])).AsTask().WaitAsync(Deadline)).Outcome);
        WatchReply[] busy = await Task.WhenAll(asked.Skip(ChangeReads.MaxScans)).WaitAsync(Deadline);
        Assert.All(busy, static reply => Assert.True(reply.IsBusy));
        _store.Gate!.SetResult();
        Assert.All(await Task.WhenAll(asked.Take(ChangeReads.MaxScans)).WaitAsync(Deadline), static reply => Assert.Equal(0, reply.Page!.Count));
    }

    [Fact]
    public async Task Narrow_watchers_of_a_busy_store_are_answered_once_and_scan_with_the_time_not_with_the_batches()
    {
        const int Watchers = 200;
        await StartAsync("first");
        long began = Stopwatch.GetTimestamp();
        Task<WatchReply>[] asked = [.. Enumerable.Range(0, Watchers).Select(
            i => WatchAsync(At(1), ChangeFilter.OfPrefix($"watched-{i}-"), ChangesQuery.MaxWait))];
        Task all = Task.WhenAll(asked);
        int batches = 0;
        while (!all.IsCompleted)
        {
            await PutAsync($"other-{batches++ % 10}");
        }

        TimeSpan took = Stopwatch.GetElapsedTime(began);
        WatchReply[] replies = await Task.WhenAll(asked);
        Assert.All(replies, static reply => Assert.Equal(0, reply.Page!.Count));
        Assert.True(replies.Min(static reply => reply.Page!.Upto.Sequence) > batches / 4, "the scanned point comes with the answer");
        Assert.True(took >= ChangesQuery.MaxWait * 0.99, $"answered after {took}");

        // Those who come while one round passes by have one of their own first.
        int rounds = 3 + (int)(took / ChangeWatch.LookEvery);
        Assert.True(_store.IndexReads <= rounds, $"{_store.IndexReads} scans in {took}, {batches} batches");
    }

    [Fact]
    public async Task A_match_ends_the_wait_of_who_watches_for_it_and_of_nobody_else()
    {
        await StartAsync("first");
        Task<WatchReply> hit = WatchAsync(At(1), ChangeFilter.OfKey("a"), ChangesQuery.MaxWait);
        Task<WatchReply> miss = WatchAsync(At(1), ChangeFilter.OfKey("b"), ChangesQuery.MaxWait);
        await PutAsync("x", "y", "a");

        Assert.Equal(["a"], Keys((await hit.WaitAsync(Deadline)).Page!));
        WatchReply missed = await miss.WaitAsync(Deadline);
        Assert.Equal((0, At(4)), (missed.Page!.Count, missed.Page.Upto));
    }

    [Theory]
    [InlineData("a", false, "a", true)]
    [InlineData("a", false, "ab", true)]
    [InlineData("ab", false, "a", false)]
    [InlineData("a", false, "b", false)]
    [InlineData("a", true, "a", true)]
    [InlineData("a", true, "ab", false)]
    [InlineData("\uffff", false, "\uffff", true)]
    [InlineData("\ud800\udc00", false, "\ud800\udc00x", true)]
    [InlineData("", false, "x", true)]
    [InlineData("", false, "\0x", false)]
    [InlineData("\0", false, "\0x", false)]
    [InlineData("\0x", true, "\0x", false)]
    public void A_filter_shows_what_it_says(string text, bool isKey, string key, bool isShown) =>
        Assert.Equal(isShown, (isKey ? ChangeFilter.OfKey(text) : ChangeFilter.OfPrefix(text)).Shows(key));

    [Fact]
    public void An_index_that_many_search_gives_each_what_it_would_find_alone()
    {
        string[] parts = ["\ud83d\ude00", "\uffee", "\u00e4", "b", "\0", "a"];
        var random = new Random(1);
        string[] keys = [.. Enumerable.Range(0, 500).Select(_ => Key(random.Next(1, 5))).Distinct()];
        var page = new ChangeIndexPage(
            [.. keys.Select(static (key, i) => new IndexedChange(i + 1, key))], keys.Length, true, new LogPoint(1, keys.Length), EpochHistory.Empty, 0);
        var index = new SearchedIndex(page);
        for (int i = 0; i < 1000; i++)
        {
            string text = Key(random.Next(1, 4));
            ChangeFilter filter = i % 2 == 0 ? ChangeFilter.OfPrefix(text) : ChangeFilter.OfKey(text);
            Assert.Equal(page.Rows.Where(row => filter.Shows(row.Key)), index.Find(filter));
        }

        string Key(int length) => string.Concat(Enumerable.Range(0, length).Select(_ => random.GetItems(parts, 1)[0]));
    }

    private static IEnumerable<string> Keys(ChangesResult page) => page.Entries.Select(static entry => entry.Key);

    private LogPoint At(long sequence) => new(sequence == 0 ? 0 : Epoch, sequence);

    private async Task<ChangesResult> ReadAsync(ChangeId since, ChangeFilter filter, TimeSpan wait = default) =>
        (await WatchAsync(since, filter, wait)).Page!;

    private Task<WatchReply> WatchAsync(ChangeId since, ChangeFilter filter, TimeSpan wait = default) =>
        Node.WatchAsync(new ChangesQuery(since, wait, filter)).WaitAsync(Deadline);

    // What was there before the node began, of epoch 1.
    private async Task SeedAsync(params string[] keys)
    {
        foreach (string[] part in keys.Chunk(500))
        {
            LogPoint last = _store.State.Last;
            var batch = new Batch(
                last,
                [.. part.Select((key, i) => new Entry(key, [7], null, new LogPoint(1, last.Sequence + 1 + i)))],
                DateTimeOffset.UnixEpoch);
            await _store.AppendAsync(1, batch);
            await _store.ApplyAsync(batch.Last);
        }
    }

    private async Task StartAsync(params string[] keys)
    {
        // So long that no call ends on a busy machine, but for those that wait for their turn.
        var settings = new NodeSettings { Name = OneNode.Name, ReplyTimeout = TimeSpan.FromSeconds(4) };
        _node = new Node(settings, _store, _transport, _scheduler, TimeProvider.System, new Random(1), NullLogger<Node>.Instance);
        _transport.Node = _node;
        _node.Start();
        await PutAsync(keys);
        if (keys.Length == 0)
        {
            // Nothing is asked of a node that is no primary yet.
            Assert.Equal(ChangesOutcome.Page, (await _node.ReadChangesAsync(new ChangesQuery(ChangeId.Start, TimeSpan.Zero))).Outcome);
        }
    }

    private async Task PutAsync(params string[] keys)
    {
        foreach (string key in keys)
        {
            Assert.True((await Node.WriteAsync(new Write(key, [7])).AsTask().WaitAsync(Deadline)).Outcome is WriteOutcome.Created or WriteOutcome.Replaced);
        }
    }

    // All that was queued on the node's scheduler before, and what that queued in turn, has run.
    private async Task SettleAsync()
    {
        for (int i = 0; i < 100; i++)
        {
            await Task.Factory.StartNew(static () => { }, CancellationToken.None, TaskCreationOptions.None, _scheduler);
        }
    }
}
