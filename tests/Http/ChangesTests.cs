using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Diststore.Core;

namespace Diststore.Http.Tests;

/// <summary><c>GET /v1/changes</c>: a watcher sees every key's latest change once, in ascending order.</summary>
public sealed class ChangesTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    private TestServer _server = null!;

    public async Task InitializeAsync() => _server = await TestServer.StartAsync(options =>
    {
        options.MaxChangeStreams = 2;
        options.ChangeHeartbeat = TimeSpan.FromMilliseconds(200);
        options.ChangeReadPatience = TimeSpan.FromMilliseconds(500);
        options.ChangeSourcePatience = TimeSpan.FromSeconds(2);
    });

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task What_there_is_comes_as_lines_of_JSON()
    {
        byte[] longest = new byte[300_000];
        new Random(1).NextBytes(longest);
        Put("a", [], new LogPoint(1, 1));
        Put("\u00e4\n", longest, new LogPoint(1, 2), DateTimeOffset.UnixEpoch);
        _server.Store.Change(new Entry("gone", null, null, new LogPoint(2, 3)));

        JsonElement[] lines = await LinesAsync("/v1/changes?live=false");
        Assert.Equal(["1-1", "1-2", "2-3"], lines.Select(static line => line.GetProperty("id").GetString()));
        Assert.Equal(["a", "\u00e4\n", "gone"], lines.Select(static line => line.GetProperty("key").GetString()));
        Assert.Equal([false, false, true], lines.Select(static line => line.GetProperty("deleted").GetBoolean()));
        Assert.Equal([], lines[0].GetProperty("value").GetBytesFromBase64());
        Assert.Equal("text/x", lines[1].GetProperty("contentType").GetString());
        Assert.Equal(longest.Length, lines[1].GetProperty("size").GetInt32());
        Assert.Equal(longest, lines[1].GetProperty("value").GetBytesFromBase64());
        Assert.Equal("1970-01-01T00:00:00.000Z", lines[1].GetProperty("expiresAt").GetString());
        Assert.False(lines[2].TryGetProperty("value", out _));

        Assert.Equal(["1-2", "2-3"], (await LinesAsync("/v1/changes?live=false&since=1-1")).Select(static line => line.GetProperty("id").GetString()));
        Assert.Empty(await LinesAsync("/v1/changes?live=false&since=2-3"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("&since=")]
    [InlineData("&since=0")]
    [InlineData("&since=0-0")]
    public async Task The_beginning_has_several_names(string since)
    {
        Put("a", [], new LogPoint(1, 1));
        Assert.Equal(["1-1"], (await LinesAsync("/v1/changes?live=false" + since)).Select(static line => line.GetProperty("id").GetString()));
    }

    [Fact]
    public async Task An_empty_id_of_the_last_event_counts_as_none()
    {
        Put("a", [1], new LogPoint(1, 1));
        Put("b", [2], new LogPoint(1, 2));
        Answer answer = await _server.SendAsync("GET", "/v1/changes?since=1-1&live=false", "Last-Event-ID: \r\n");
        Assert.Equal(200, answer.Status);
        Assert.Contains("1-2", answer.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("1-1", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task On_a_first_pass_an_id_carries_what_has_to_be_passed_and_resumes_with_it()
    {
        Put("a", [1], new LogPoint(1, 1));
        Put("b", [2], new LogPoint(1, 3));
        List<string> asked = AnswerPages(upto: new LogPoint(1, 4), passUpto: new LogPoint(1, 3));

        JsonElement[] lines = await LinesAsync("/v1/changes?live=false");
        Assert.Equal(["1-1.1-3", "1-3"], lines.Select(static line => line.GetProperty("id").GetString()));
        Assert.Equal(["1-1", "1-3"], lines.Select(static line => line.GetProperty("version").GetString()));

        Assert.Equal(["1-3"], (await LinesAsync("/v1/changes?live=false&since=1-1.1-3")).Select(static line => line.GetProperty("id").GetString()));
        Assert.Contains("1-1.1-3", asked);

        // Where the page was looked at up to there is nothing to see, and that is where the stream stands then.
        Assert.Contains("1-4", asked);
    }

    [Fact]
    public async Task An_id_within_a_page_carries_what_was_applied_when_it_was_read_and_resumes_with_it()
    {
        Put("a", [1], new LogPoint(1, 1));
        Put("b", [2], new LogPoint(1, 3));
        List<string> asked = AnswerPages(upto: new LogPoint(1, 3), readAt: new LogPoint(1, 3));

        JsonElement[] lines = await LinesAsync("/v1/changes?live=false&since=1-0");
        Assert.Equal(["1-1~1-3", "1-3"], lines.Select(static line => line.GetProperty("id").GetString()));

        await LinesAsync("/v1/changes?live=false&since=1-1~1-3");
        Assert.Contains("1-1~1-3", asked);
        await LinesAsync("/v1/changes?live=false&since=1-1.1-2~1-3");
        Assert.Contains("1-1.1-2~1-3", asked);
    }

    [Theory]
    [InlineData("1-1.")]
    [InlineData("1-1.1")]
    [InlineData("1-3.1-3")]
    [InlineData("1-1.1-3.1-4")]
    [InlineData(".1-3")]
    [InlineData("01-1")]
    [InlineData("999999-1.2-100")]
    [InlineData("1-1~")]
    [InlineData("1-1~0-0")]
    [InlineData("1-3~1-3")]
    [InlineData("1-1.1-4~1-3")]
    [InlineData("1-1~1-4.1-3")]
    [InlineData("1-1~1-2~1-3")]
    [InlineData("999999-1~2-100")]
    public async Task What_is_no_id_is_refused(string since) =>
        Assert.Equal(400, (await _server.SendAsync("GET", $"/v1/changes?live=false&since={since}")).Status);

    [Fact]
    public async Task Events_go_on_live_and_resume()
    {
        Put("a", [1], new LogPoint(1, 1));
        Put("b", [2], new LogPoint(1, 2));
        using HttpResponseMessage answer = await OpenAsync("/v1/changes?since=0-0", ("Accept", "text/event-stream"), ("Last-Event-ID", "1-1"));
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("no-store", answer.Headers.CacheControl?.ToString());
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal(("1-2", "put", "b"), await Feed.EventAsync(reader));
        _server.Store.Change(new Entry("b", null, null, new LogPoint(1, 3)));
        Assert.Equal(("1-3", "delete", "b"), await Feed.EventAsync(reader));
        Put("c", [3], new LogPoint(4, 4));
        Assert.Equal(("4-4", "put", "c"), await Feed.EventAsync(reader));

        // Silence says up to where was scanned, as an event without data.
        Assert.Equal("id: 4-4", await Feed.LineAsync(reader, static _ => true));
        Assert.Equal("", await Feed.LineAsync(reader, static _ => true));
    }

    [Theory]
    [InlineData("text/event-stream", ": ")]
    [InlineData("application/x-ndjson", "")]
    public async Task Silence_has_no_id_where_nothing_is_scanned(string accept, string line)
    {
        using HttpResponseMessage answer = await OpenAsync("/v1/changes", ("Accept", accept));
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal(line, await Feed.LineAsync(reader, static _ => true));
    }

    [Fact]
    public async Task Silent_lines_have_nothing_but_the_id()
    {
        Put("a", [1], new LogPoint(1, 1));
        using HttpResponseMessage answer = await OpenAsync("/v1/changes?since=1-1");
        Assert.Equal("application/x-ndjson", answer.Content.Headers.ContentType?.MediaType);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal("{\"id\":\"1-1\"}", await Feed.LineAsync(reader, static _ => true));
    }

    [Theory]
    [InlineData("text/event-stream", "text/event-stream")]
    [InlineData("Text/Event-Stream, */*;q=0.1", "text/event-stream")]
    [InlineData("text/event-stream;q=0.1, application/x-ndjson", "application/x-ndjson")]
    [InlineData("text/event-stream;q=0", "application/x-ndjson")]
    [InlineData("*/*", "application/x-ndjson")]
    [InlineData("nonsense", "application/x-ndjson")]
    public async Task Accept_chooses_the_format(string accept, string type)
    {
        Answer answer = await _server.SendAsync("HEAD", "/v1/changes", $"Accept: {accept}\r\n");
        Assert.Equal(200, answer.Status);
        Assert.Contains($"\r\nContent-Type: {type}\r\n", answer.Headers + "\r\n", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_point_that_is_gone_is_410_before_and_a_word_after_the_start()
    {
        var gone = new ChangesResult(ChangesOutcome.Gone, [], "n1");
        _server.Store.Changes = _ => gone;
        Answer before = await _server.SendAsync("GET", "/v1/changes?since=1-1");
        Assert.Equal(410, before.Status);
        Assert.Contains("application/problem+json", before.Headers, StringComparison.Ordinal);
        Assert.Equal(410, (await _server.SendAsync("HEAD", "/v1/changes?since=1-1")).Status);

        Put("a", [1], new LogPoint(1, 1));
        _server.Store.Changes = query => query.Since == LogPoint.Zero ? null : gone;
        using HttpResponseMessage lines = await OpenAsync("/v1/changes");
        Assert.EndsWith("\n{\"gone\":true}\n", await lines.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using HttpResponseMessage events = await OpenAsync("/v1/changes", ("Accept", "text/event-stream"));
        Assert.EndsWith("\n\nevent: gone\ndata: {\"gone\":true}\n\n", await events.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_who_knows_is_503_before_and_waited_for_after_the_start()
    {
        var unavailable = new ChangesResult(ChangesOutcome.Unavailable, [], "n1", "no primary answers");
        _server.Store.Changes = _ => unavailable;
        Answer before = await _server.SendAsync("GET", "/v1/changes");
        Assert.Equal(503, before.Status);
        Assert.Contains("no primary answers", before.Body, StringComparison.Ordinal);

        Put("a", [1], new LogPoint(1, 1));
        int asked = 0;
        _server.Store.Changes = query => query.Since == LogPoint.Zero || (query.Since.Point.Sequence == 1 && ++asked > 2) ? null : unavailable;
        using HttpResponseMessage answer = await OpenAsync("/v1/changes", ("Accept", "text/event-stream"));
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal(("1-1", "put", "a"), await Feed.EventAsync(reader));
        Put("b", [1], new LogPoint(2, 2));
        Assert.Equal(("2-2", "put", "b"), await Feed.EventAsync(reader));

        // From here on nobody answers: the stream ends, for a client to ask again.
        Assert.Null(await Feed.LineAsync(reader, static line => line.StartsWith("event:", StringComparison.Ordinal)));

        // What was asked for whole may not look whole.
        _server.Store.ListedUpTo = new LogPoint(2, 2);
        _server.Store.Changes = query => query.Since == LogPoint.Zero
            ? new ChangesResult(ChangesOutcome.Page, [_server.Store.Replicated["a"]], "n1") : unavailable;
        await Assert.ThrowsAnyAsync<Exception>(async () => await LinesAsync("/v1/changes?live=false"));
    }

    [Fact]
    public async Task What_does_not_ascend_is_left_out()
    {
        Entry At(long sequence) => new("k" + sequence, [1], null, new LogPoint(1, sequence));
        _server.Store.Changes = query => query.Since.Point.Sequence switch
        {
            0 => new ChangesResult(ChangesOutcome.Page, [At(1), At(3), At(3), At(2)], "n1"),
            3 => new ChangesResult(ChangesOutcome.Page, [At(2), At(3), At(4)], "n1"),
            _ => new ChangesResult(ChangesOutcome.Page, [], "n1"),
        };
        _server.Store.ListedUpTo = new LogPoint(1, 4);
        Assert.Equal(["1-1", "1-3", "1-4"], (await LinesAsync("/v1/changes?live=false")).Select(static line => line.GetProperty("id").GetString()));
    }

    [Fact]
    public async Task Too_many_streams_are_refused_until_one_ends()
    {
        HttpResponseMessage first = await OpenAsync("/v1/changes");
        using HttpResponseMessage second = await OpenAsync("/v1/changes");
        Assert.Equal(503, (await _server.SendAsync("GET", "/v1/changes")).Status);
        first.Dispose();
        using var deadline = new CancellationTokenSource(Deadline);
        while ((await _server.SendAsync("HEAD", "/v1/changes")).Status != 200)
        {
            deadline.Token.ThrowIfCancellationRequested();
        }
    }

    [Fact]
    public async Task A_client_that_does_not_read_is_dropped()
    {
        byte[] value = new byte[1 << 20];
        int asked = 0;
        _server.Store.Changes = query =>
        {
            Interlocked.Increment(ref asked);
            return new ChangesResult(ChangesOutcome.Page, [new Entry("k", value, null, new LogPoint(1, query.Since.Point.Sequence + 1))], "n1");
        };
        using var client = new TcpClient { ReceiveBufferSize = 4096 };
        await client.ConnectAsync(IPAddress.Loopback, _server.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("GET /v1/changes HTTP/1.1\r\nHost: x\r\n\r\n"));
        Assert.Contains("has read nothing", await _server.Log.FirstAsync(1001).WaitAsync(Deadline), StringComparison.Ordinal);
        Assert.InRange(asked, 1, 50);
        int sent = asked;
        await Assert.ThrowsAnyAsync<IOException>(async () => await client.GetStream().CopyToAsync(Stream.Null).WaitAsync(Deadline));
        Assert.Equal(sent, asked);
    }

    [Fact]
    public async Task A_server_that_stops_ends_its_streams()
    {
        using HttpResponseMessage answer = await OpenAsync("/v1/changes");
        Task stopping = _server.StopAsync();
        Assert.Equal("", (await answer.Content.ReadAsStringAsync().WaitAsync(Deadline)).Trim());
        await stopping.WaitAsync(Deadline);
    }

    // Gives what the store holds after what is asked for, as of those points; notes what is asked for.
    private List<string> AnswerPages(LogPoint upto, LogPoint passUpto = default, LogPoint readAt = default)
    {
        var asked = new List<string>();
        _server.Store.ListedUpTo = new LogPoint(1, 5);
        _server.Store.Changes = query =>
        {
            asked.Add(query.Since.ToString());
            Entry[] after = [.. _server.Store.Replicated.Values.Where(entry => entry.Version > query.Since.Point).OrderBy(static entry => entry.Version)];
            return new ChangesResult(ChangesOutcome.Page, after, FakeStore.Name, Upto: upto, PassUpto: passUpto, ReadAt: readAt);
        };
        return asked;
    }

    private void Put(string key, byte[] value, LogPoint version, DateTimeOffset? expiresAt = null) =>
        _server.Store.Change(new Entry(key, value, "text/x", version, expiresAt));

    private Task<HttpResponseMessage> OpenAsync(string target, params (string Name, string Value)[] headers) => Feed.OpenAsync(_server, target, headers);

    private Task<JsonElement[]> LinesAsync(string target) => Feed.LinesAsync(_server, target);
}
