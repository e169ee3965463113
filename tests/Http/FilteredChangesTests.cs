using System.Collections.Concurrent;
using System.Text.Json;
using Diststore.Core;

namespace Diststore.Http.Tests;

/// <summary><c>GET /v1/changes</c> of some keys, or without values: what is not asked for is not there, and what was scanned is told.</summary>
public sealed class FilteredChangesTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    private TestServer _server = null!;

    public async Task InitializeAsync() =>
        _server = await TestServer.StartAsync(static options => options.ChangeHeartbeat = TimeSpan.FromMilliseconds(200));

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("prefix=a/", "a/1 a/2")]
    [InlineData("prefix=a", "a/1 ab a a/2")]
    [InlineData("prefix=a%2F2", "a/2")]
    [InlineData("prefix=%C3%A4", "\u00e4")]
    [InlineData("prefix=z", "")]
    [InlineData("prefix=", "a/1 ab b a \u00e4 a/2")]
    [InlineData("key=a", "a")]
    [InlineData("key=a%2F1", "a/1")]
    [InlineData("key=%C3%A4", "\u00e4")]
    [InlineData("key=c", "")]
    public async Task Only_what_is_asked_for_is_there(string query, string keys)
    {
        PutSome();
        foreach (string values in new[] { "", "&values=false", "&values=true" })
        {
            JsonElement[] lines = await LinesAsync($"/v1/changes?live=false&{query}{values}");
            Assert.Equal(keys, string.Join(' ', lines.Select(static line => line.GetProperty("key").GetString())));
        }
    }

    [Fact]
    public async Task Without_values_all_else_is_there()
    {
        byte[] value = new byte[300];
        Put("a", value, 1, DateTimeOffset.UnixEpoch);
        Put("empty", [], 2);
        _server.Store.Change(new Entry("gone", null, null, new LogPoint(1, 3)));

        JsonElement[] lines = await LinesAsync("/v1/changes?live=false&values=false");

        Assert.All(lines, static line => Assert.False(line.TryGetProperty("value", out _)));
        Assert.Equal(["a", "empty", "gone"], lines.Select(static line => line.GetProperty("key").GetString()));
        Assert.Equal([false, false, true], lines.Select(static line => line.GetProperty("deleted").GetBoolean()));
        Assert.Equal("text/x", lines[0].GetProperty("contentType").GetString());
        Assert.Equal(300, lines[0].GetProperty("size").GetInt32());
        Assert.Equal("1970-01-01T00:00:00.000Z", lines[0].GetProperty("expiresAt").GetString());
        Assert.Equal(0, lines[1].GetProperty("size").GetInt32());
        Assert.False(lines[2].TryGetProperty("size", out _));
        Assert.Equal("1-1", lines[0].GetProperty("version").GetString());

        using HttpResponseMessage answer = await OpenAsync("/v1/changes?values=false&since=1-1", ("Accept", "text/event-stream"));
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal(("put", "empty"), await TypeAndKeyAsync(reader));
        Assert.Equal(("delete", "gone"), await TypeAndKeyAsync(reader));
    }

    [Theory]
    [InlineData("prefix=a/")]
    [InlineData("key=a/3")]
    public async Task Silence_says_what_was_scanned_and_whoever_resumes_there_sees_what_comes_after(string query)
    {
        Put("b", [1], 1);
        Put("b", [1], 2);
        var asked = new ConcurrentQueue<LogPoint>();
        _server.Store.Changes = request =>
        {
            asked.Enqueue(request.Since.Point);
            return null;
        };

        using HttpResponseMessage lines = await OpenAsync($"/v1/changes?since=1-1&{query}");
        using var reader = new StreamReader(await lines.Content.ReadAsStreamAsync());
        string? line = await Feed.LineAsync(reader, static line => line.Contains("1-2", StringComparison.Ordinal));
        JsonElement heartbeat = JsonDocument.Parse(line!).RootElement;
        Assert.Equal("id", Assert.Single(heartbeat.EnumerateObject()).Name);
        lines.Dispose();

        using HttpResponseMessage events = await OpenAsync($"/v1/changes?since=1-1&{query}", ("Accept", "text/event-stream"));
        using var eventReader = new StreamReader(await events.Content.ReadAsStreamAsync());
        Assert.Equal("id: 1-2", await Feed.LineAsync(eventReader, static line => line.Contains("1-2", StringComparison.Ordinal)));
        Assert.Equal("", await Feed.LineAsync(eventReader, static _ => true));
        events.Dispose();

        asked.Clear();
        string id = heartbeat.GetProperty("id").GetString()!;
        using HttpResponseMessage resumed = await OpenAsync($"/v1/changes?{query}", ("Accept", "text/event-stream"), ("Last-Event-ID", id));
        using var resumedReader = new StreamReader(await resumed.Content.ReadAsStreamAsync());
        Put("c", [1], 3);
        Put("a/3", [1], 4);
        Assert.Equal(("put", "a/3"), await TypeAndKeyAsync(resumedReader));
        Assert.All(asked, static from => Assert.True(from.Sequence >= 2, $"scanned again from {from}"));
    }

    [Fact]
    public async Task What_ends_goes_by_what_was_scanned()
    {
        const int Pages = 5;
        int asked = 0;
        _server.Store.ListedUpTo = new LogPoint(1, Pages);

        // Pages that show nothing, and lead on.
        _server.Store.Changes = query =>
        {
            var upto = new LogPoint(1, Math.Min(query.Since.Point.Sequence + 1, Pages));
            Interlocked.Increment(ref asked);
            return new ChangesResult(ChangesOutcome.Page, [], FakeStore.Name, Upto: upto, ReadAt: new LogPoint(1, Pages));
        };

        Assert.Empty(await LinesAsync("/v1/changes?live=false&prefix=a"));
        Assert.InRange(asked, Pages, Pages + 1);
    }

    [Fact]
    public async Task What_is_far_back_is_scanned_without_pauses_and_told_in_heartbeats()
    {
        const int Pages = 3000;
        _server.Store.Changes = query => query.Since.Point.Sequence >= Pages ? null
            : new ChangesResult(
                ChangesOutcome.Page, [], FakeStore.Name, Upto: new LogPoint(1, query.Since.Point.Sequence + 1), ReadAt: new LogPoint(1, Pages));
        using HttpResponseMessage answer = await OpenAsync("/v1/changes?prefix=a");
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());

        // A pause of a tenth of a second after each would take five minutes.
        string? line = await Feed.LineAsync(reader, static line => line.Contains($"\"1-{Pages}\"", StringComparison.Ordinal));

        Assert.Equal($"{{\"id\":\"1-{Pages}\"}}", line);
    }

    [Fact]
    public async Task On_a_first_pass_silence_carries_what_has_to_be_passed()
    {
        _server.Store.Changes = query => query.Since.Point.Sequence >= 2 ? new ChangesResult(ChangesOutcome.Page, [], FakeStore.Name)
            : new ChangesResult(
                ChangesOutcome.Page, [], FakeStore.Name, Upto: new LogPoint(1, 2), PassUpto: new LogPoint(2, 9), ReadAt: new LogPoint(2, 9));
        using HttpResponseMessage answer = await OpenAsync("/v1/changes?prefix=a");
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal("{\"id\":\"1-2.2-9\"}", await Feed.LineAsync(reader, static line => line.Length > 0));
    }

    [Fact]
    public async Task Who_watches_the_same_shares_what_is_read_and_who_watches_something_else_does_not_get_it()
    {
        var store = new FakeStore();
        var feed = new ChangeFeed(store, new DiststoreHttpOptions(), TimeProvider.System, CancellationToken.None);
        using var ends = new CancellationTokenSource();
        store.Change(new Entry("a", [1], null, new LogPoint(1, 1)));
        store.Change(new Entry("b", [1], null, new LogPoint(1, 2)));
        var asked = new ConcurrentQueue<ChangeFilter>();
        store.Changes = query =>
        {
            asked.Enqueue(query.Filter);
            return null;
        };

        Assert.Equal(["a"], await KeysAsync(ChangeFilter.OfPrefix("a")));
        Assert.Equal(["a"], await KeysAsync(ChangeFilter.OfPrefix("a")));
        Assert.Equal(["b"], await KeysAsync(ChangeFilter.OfKey("b")));
        Assert.Equal(["a", "b"], await KeysAsync(default));
        Assert.Equal(["a"], await KeysAsync(ChangeFilter.OfPrefix("a")));
        Assert.Equal([ChangeFilter.OfPrefix("a"), ChangeFilter.OfKey("b"), default], asked);

        async Task<string[]> KeysAsync(ChangeFilter filter)
        {
            FeedPage? page = await feed.ReadAsync(
                new ChangeWatcher(ends, filter), ChangeId.Start, TimeSpan.Zero, Timeout.InfiniteTimeSpan, CancellationToken.None);
            return [.. page!.Result.Entries.Select(static entry => entry.Key)];
        }
    }

    [Fact]
    public async Task Who_has_seen_all_that_there_was_waits_without_room_though_others_are_further()
    {
        var store = new FakeStore();
        var feed = new ChangeFeed(store, new DiststoreHttpOptions(), TimeProvider.System, CancellationToken.None);
        using var ends = new CancellationTokenSource();
        var narrow = new ChangeWatcher(ends, ChangeFilter.OfPrefix("a"));
        var source = new ChangeSource(store, feed, narrow, new LogPoint(1, 1), ends.Token);
        for (int i = 1; i <= 3; i++)
        {
            store.Change(new Entry($"b{i}", [1], null, new LogPoint(1, i)));
        }

        FeedPage? first = await source.ReadAsync(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        Assert.Equal((0, new LogPoint(1, 3)), (first!.Result.Count, first.Result.Upto));
        Assert.True(source.TryAdvance(first.Result.Upto));

        store.Change(new Entry("b4", [1], null, new LogPoint(1, 4)));
        var wide = new ChangeWatcher(ends);
        FeedPage? all = await feed.ReadAsync(wide, ChangeId.Start, TimeSpan.Zero, Timeout.InfiniteTimeSpan, ends.Token);
        Assert.Equal(4, all!.Result.Count);
        feed.Release(wide);
        long held = feed.Bytes;
        var asked = new ConcurrentQueue<(long Since, TimeSpan Wait, long Room)>();
        store.Changes = query =>
        {
            asked.Enqueue((query.Since.Point.Sequence, query.Wait, feed.Bytes));
            return new ChangesResult(ChangesOutcome.Page, [], FakeStore.Name, Upto: new LogPoint(1, 4), ReadAt: new LogPoint(1, 4));
        };

        await source.ReadAsync(ChangesQuery.MaxWait, Timeout.InfiniteTimeSpan);

        // A question without a wait, with room, would be asked again for each batch.
        (long since, TimeSpan wait, long room) = Assert.Single(asked);
        Assert.Equal((3, ChangesQuery.MaxWait), (since, wait));
        Assert.InRange(room, 0, held);
    }

    private void PutSome()
    {
        Put("a/1", [1], 1);
        Put("ab", [2], 2);
        Put("b", [3], 3);
        Put("a", [4], 4);
        Put("\u00e4", [5], 5);
        Put("a/2", [6], 6);
        _server.Store.ListedUpTo = new LogPoint(1, 6);
    }

    private void Put(string key, byte[] value, long sequence, DateTimeOffset? expiresAt = null) =>
        _server.Store.Change(new Entry(key, value, "text/x", new LogPoint(1, sequence), expiresAt));

    private static async Task<(string? Type, string? Key)> TypeAndKeyAsync(StreamReader reader)
    {
        string? type = await Feed.LineAsync(reader, static line => line.StartsWith("event: ", StringComparison.Ordinal)).WaitAsync(Deadline);
        string? data = await Feed.LineAsync(reader, static _ => true);
        return (type?["event: ".Length..], JsonDocument.Parse(data!["data: ".Length..]).RootElement.GetProperty("key").GetString());
    }

    private Task<HttpResponseMessage> OpenAsync(string target, params (string Name, string Value)[] headers) => Feed.OpenAsync(_server, target, headers);

    private Task<JsonElement[]> LinesAsync(string target) => Feed.LinesAsync(_server, target);
}
