using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Diststore.Core;

namespace Diststore.Http.Tests;

/// <summary>Many watchers of changes: what they cost does not grow with their number.</summary>
public sealed class WatchersTests
{
    private const int Watchers = 1000;
    private const int Posts = 5;
    private const int ValueBytes = 20_000;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(180);

    [Fact]
    public async Task A_thousand_watchers_cost_one_read_per_position()
    {
        await using TestServer server = await TestServer.StartAsync();
        var opened = new HttpResponseMessage[Watchers];
        await Parallel.ForAsync(0, Watchers, new ParallelOptions { MaxDegreeOfParallelism = 50 }, async (i, cancellation) =>
            opened[i] = await server.Client.GetAsync(
                new Uri("/v1/changes", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, cancellation)).WaitAsync(Deadline);
        StreamReader[] readers = [.. await Task.WhenAll(opened.Select(
            static async answer => new StreamReader(await answer.Content.ReadAsStreamAsync())))];
        for (int post = 1; post <= Posts; post++)
        {
            server.Store.Change(new Entry($"k{post}", new byte[ValueBytes], null, new LogPoint(1, post)));
            string[] lines = await Task.WhenAll(readers.Select(NextAsync)).WaitAsync(Deadline);
            Assert.StartsWith($"{{\"id\":\"1-{post}\",\"key\":\"k{post}\"", lines[0], StringComparison.Ordinal);
            Assert.All(lines, line => Assert.Equal(lines[0], line));
        }

        Assert.Equal(Posts, server.Store.ChangeReads.Count);

        // On a machine that stands still for a second, someone may come when the page is gone.
        Assert.InRange(server.Store.ChangeReads.Values.Sum(), Posts, 2 * Posts);
        Array.ForEach(opened, static answer => answer.Dispose());
    }

    [Fact]
    public async Task Slow_watchers_are_let_go_and_the_quick_ones_get_everything()
    {
        const int Slow = 8, Quick = 4, Changes = 60;
        await using TestServer server = await TestServer.StartAsync(options =>
        {
            options.MaxWatchedBytes = 16 << 20;
            options.ChangeHoldGrace = TimeSpan.FromMilliseconds(300);
            options.ChangeReadPatience = Deadline; // so that this is not what ends them
            options.ChangeRoomPatience = Deadline;
        });
        byte[] value = new byte[1 << 20];
        server.Store.Changes = query => query.Since.Point.Sequence >= Changes ? null
            : new ChangesResult(ChangesOutcome.Page, [At(query.Since.Point.Sequence + 1)], "n1");
        TcpClient[] slow = await Task.WhenAll(Enumerable.Range(1, Slow).Select(since => OpenAsync(server.Port, since)));

        // The slow ones fill all the room, each with a page of its own.
        string log = await server.Log.FirstAsync(1003).WaitAsync(Deadline);
        Assert.Contains("Let go of a watcher", log, StringComparison.Ordinal);
        int[] got = await Task.WhenAll(Enumerable.Range(0, Quick).Select(_ => CountAsync(server, Changes))).WaitAsync(Deadline);
        Assert.All(got, count => Assert.Equal(Changes, count));

        // Who was let go is cut off, in the middle of a change.
        await (await Task.WhenAny(slow.Select(UntilCutAsync)).WaitAsync(Deadline));
        Array.ForEach(slow, static client => client.Dispose());

        Entry At(long sequence) => new($"k{sequence}", value, null, new LogPoint(1, sequence));
    }

    [Theory]
    [InlineData(50, 1 << 20, 12 << 20)]
    [InlineData(20, 3 << 20, 24 << 20)] // beyond what a page has as a rule
    public async Task What_streams_hold_of_pages_stays_within_the_bound(int streams, int valueBytes, int maxBytes)
    {
        var store = new FakeStore
        {
            Changes = query => new ChangesResult(
                ChangesOutcome.Page, [new Entry("k", new byte[valueBytes], null, new LogPoint(1, query.Since.Point.Sequence + 1))], "n1"),
        };
        var options = new DiststoreHttpOptions { MaxWatchedBytes = maxBytes, ChangeHoldGrace = TimeSpan.FromMilliseconds(100), ChangeRoomPatience = Deadline };
        using var stopping = new CancellationTokenSource();
        var feed = new ChangeFeed(store, options, TimeProvider.System, stopping.Token);
        var all = new TaskCompletionSource();
        long most = 0;
        int got = 0, letGo = 0;
        await Task.WhenAll(Enumerable.Range(0, streams).Select(HoldAsync)).WaitAsync(Deadline);
        Assert.InRange(most, valueBytes, maxBytes);
        Assert.InRange(letGo, streams / 2, streams - 1);

        // Each holds its page until others want the room.
        async Task HoldAsync(int i)
        {
            using var ends = new CancellationTokenSource();
            var watcher = new ChangeWatcher(ends);
            var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using CancellationTokenRegistration registration = ends.Token.Register(ended.SetResult);
            FeedPage? page = await feed.ReadAsync(watcher, new LogPoint(1, i), TimeSpan.Zero, Timeout.InfiniteTimeSpan, CancellationToken.None);
            Assert.Equal(i + 1, page!.Result.Entries.Single().Version.Sequence);
            Assert.Equal(1, (await page.InAsync(ChangeFormat.Lines)).Count);
            lock (all)
            {
                most = Math.Max(most, feed.Bytes);
                if (++got == streams)
                {
                    all.SetResult();
                }
            }

            await Task.WhenAny(all.Task, ended.Task);
            feed.Release(watcher);
            Interlocked.Add(ref letGo, watcher.IsLetGo ? 1 : 0);
        }
    }

    [Fact]
    public async Task That_nothing_has_changed_is_said_of_a_moment_after_it_was_asked()
    {
        var store = new FakeStore();
        var feed = new ChangeFeed(store, new DiststoreHttpOptions(), TimeProvider.System, CancellationToken.None);
        using var ends = new CancellationTokenSource();
        var early = new TaskCompletionSource();
        var answer = new TaskCompletionSource<FeedPage?>();
        int asked = 0;
        store.Changes = query =>
        {
            // The first read has looked, and its answer is on its way.
            if (Interlocked.Increment(ref asked) == 1)
            {
                early.SetResult();
                _ = answer.Task.WaitAsync(Deadline).Result;
                return new ChangesResult(ChangesOutcome.Page, [], "n1");
            }

            return null;
        };
        Task<FeedPage?> first = Task.Run(() => Read(new ChangeWatcher(ends)));
        await early.Task.WaitAsync(Deadline);
        store.Change(new Entry("k", [1], null, new LogPoint(1, 1)));
        Task<FeedPage?> second = Read(new ChangeWatcher(ends));
        answer.SetResult(null);
        Assert.Empty((await first.WaitAsync(Deadline))!.Result.Entries);
        Assert.Single((await second.WaitAsync(Deadline))!.Result.Entries);

        Task<FeedPage?> Read(ChangeWatcher watcher) =>
            feed.ReadAsync(watcher, LogPoint.Zero, TimeSpan.Zero, Timeout.InfiniteTimeSpan, ends.Token).AsTask();
    }

    [Fact]
    public async Task Where_nothing_follows_though_others_are_further_it_is_waited_for_without_room()
    {
        var ahead = new LogPoint(1, 999_999_999);
        var waits = new List<TimeSpan>();
        var store = new FakeStore();
        var feed = new ChangeFeed(store, new DiststoreHttpOptions(), TimeProvider.System, CancellationToken.None);
        using var ends = new CancellationTokenSource();
        store.Change(new Entry("k", [1], null, new LogPoint(3, 100)));
        var watcher = new ChangeWatcher(ends);
        Assert.Single((await ReadAsync(LogPoint.Zero))!.Result.Entries);
        feed.Release(watcher);
        long held = feed.Bytes;
        long whileWaiting = -1;
        store.Changes = query =>
        {
            waits.Add(query.Wait);
            whileWaiting = feed.Bytes;
            return new ChangesResult(ChangesOutcome.Page, [], "n1");
        };
        Assert.Empty((await ReadAsync(ahead))!.Result.Entries);
        Assert.Equal([TimeSpan.Zero, ChangesQuery.MaxWait], waits);
        Assert.InRange(whileWaiting, 0, held);

        Task<FeedPage?> ReadAsync(LogPoint since) =>
            feed.ReadAsync(watcher, since, ChangesQuery.MaxWait, Timeout.InfiniteTimeSpan, ends.Token).AsTask();
    }

    [Fact]
    public async Task A_store_that_says_at_once_that_there_is_nothing_is_not_asked_without_end()
    {
        const int Reads = 10;
        await using TestServer server = await TestServer.StartAsync();
        int asked = 0;
        server.Store.Changes = _ => ++asked < Reads ? new ChangesResult(ChangesOutcome.Page, [], "n1") : new ChangesResult(ChangesOutcome.Gone, [], "n1");
        long began = TimeProvider.System.GetTimestamp();
        using HttpResponseMessage answer = await server.Client.GetAsync(new Uri("/v1/changes", UriKind.Relative)).WaitAsync(Deadline);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);

        // Two are asked without a wait; after each of the others there is a pause of a tenth of a second.
        Assert.InRange(TimeProvider.System.GetElapsedTime(began), TimeSpan.FromMilliseconds(90 * (Reads - 3)), Deadline);
    }

    [Fact]
    public async Task A_store_that_takes_too_long_is_no_slow_client()
    {
        await using TestServer server = await TestServer.StartAsync();
        int asked = 0;
        server.Store.Changes = _ => ++asked < 3 ? new ChangesResult(ChangesOutcome.Page, [], "n1") : throw new TimeoutException("of the store");
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => server.Client.GetStringAsync(new Uri("/v1/changes", UriKind.Relative)).WaitAsync(Deadline));
        await server.Log.FirstAsync(1000).WaitAsync(Deadline);
        Assert.False(server.Log.FirstAsync(1001).IsCompleted, "no watcher was dropped");
    }

    [Fact]
    public async Task What_waits_for_room_is_not_read_for_those_who_have_gone()
    {
        var options = new DiststoreHttpOptions { MaxWatchedBytes = ChangeRoom.ReadBytes, ChangeHoldGrace = Deadline, ChangeRoomPatience = Deadline };
        var store = new FakeStore();
        var feed = new ChangeFeed(store, options, TimeProvider.System, CancellationToken.None);
        using var ends = new CancellationTokenSource();
        using var gone = new CancellationTokenSource();
        var asked = new ConcurrentQueue<LogPoint>();
        store.Changes = query =>
        {
            asked.Enqueue(query.Since.Point);
            return null;
        };
        store.Change(new Entry("k", [1], null, new LogPoint(1, 100)));
        var holder = new ChangeWatcher(ends);
        Assert.NotNull(await ReadAsync(holder, 1, ends.Token));
        Task<FeedPage?> second = ReadAsync(new ChangeWatcher(gone), 2, gone.Token);
        Task<FeedPage?> third = ReadAsync(new ChangeWatcher(ends), 3, ends.Token);
        Assert.False(second.IsCompleted || third.IsCompleted);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second.WaitAsync(Deadline));

        // There is room for one read at a time, in the order that they came.
        feed.Release(holder);
        Assert.Single((await third.WaitAsync(Deadline))!.Result.Entries);
        Assert.Equal([1L, 3L], asked.Select(static since => since.Sequence));

        Task<FeedPage?> ReadAsync(ChangeWatcher watcher, long since, CancellationToken ended) =>
            feed.ReadAsync(watcher, new LogPoint(1, since), TimeSpan.Zero, Timeout.InfiniteTimeSpan, ended).AsTask();
    }

    private static async Task<TcpClient> OpenAsync(int port, int since)
    {
        var client = new TcpClient { ReceiveBufferSize = 4096 };
        await client.ConnectAsync(IPAddress.Loopback, port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"GET /v1/changes?since=1-{since} HTTP/1.1\r\nHost: x\r\n\r\n"));
        return client;
    }

    private static async Task<int> CountAsync(TestServer server, int changes)
    {
        using HttpResponseMessage answer = await server.Client.GetAsync(
            new Uri("/v1/changes", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        int count = 0;
        while (count < changes)
        {
            string line = await NextAsync(reader);
            Assert.StartsWith($"{{\"id\":\"1-{++count}\",", line, StringComparison.Ordinal);
        }

        return count;
    }

    private static async Task UntilCutAsync(TcpClient client)
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            while (await client.GetStream().ReadAsync(buffer) > 0)
            {
            }
        }
        catch (IOException)
        {
            // Reset: this is a cut too.
        }
    }

    private static async Task<string> NextAsync(StreamReader reader)
    {
        string? line;
        do
        {
            line = await reader.ReadLineAsync() ?? throw new InvalidDataException("the stream has ended");
        }
        while (line.Length == 0);
        return line;
    }
}
