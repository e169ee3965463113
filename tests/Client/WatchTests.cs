using System.IO.Pipelines;
using System.Text;

namespace Diststore.Client.Tests;

/// <summary>Changes over connections that break, servers that go away, and points that are gone.</summary>
public sealed class WatchTests
{
    private const string Lines = "application/x-ndjson";

    [Fact]
    public async Task A_watch_goes_on_at_the_next_server_after_the_last_whole_change()
    {
        Script script = new Script()
            .Refuses(503, "not-known", ("Retry-After", "1"))
            .Answers(200, Stream(Put("1-1", "a", "1"), "", Put("1-2", "b", "2"), "{\"id\":\"1-3\",\"key\":\"c"), Lines)
            .Loses()
            .Answers(200, Stream(Put("1-3", "c", "3"), """{"id":"1-9"}"""), Lines)
            .Answers(200, new BrokenStream(Encoding.UTF8.GetBytes("""{"id":"1-10","key":"a","version":"1-10","deleted":true}""" + "\n")), Lines)
            .Answers(200, Stream(Put("1-11", "d", "4")), Lines);
        using DiststoreClient client = script.Client();

        Change[] changes = await TakeAsync(client.WatchAsync(), 5);

        Assert.Equal(["1-1 a", "1-2 b", "1-3 c", "1-10 a", "1-11 d"], changes.Select(static change => $"{change.Id} {change.Key}"));
        Assert.Equal([null, null, "1-2", "1-2", "1-9", "1-10"], script.Sent.Select(static sent => Since(sent.Target)));
        Assert.Equal(["a", "b", "a", "b", "a", "b"], script.Sent.Select(static sent => sent.Uri.Host));
        Assert.All(script.Sent, static sent => Assert.Equal(Lines, sent.Header("Accept")));
        Assert.Equal((ChangeKind.Put, "1", "text/plain"), (changes[0].Kind, changes[0].Entry!.GetText(), changes[0].Info!.ContentType));
        Assert.Equal((ChangeKind.Delete, "1-10", (EntryInfo?)null), (changes[3].Kind, changes[3].Version.ToString(), changes[3].Info));
    }

    [Fact]
    public async Task What_is_asked_for_is_said()
    {
        Script script = new Script().Answers(200, Stream(Put("1-1", "a", null)), Lines).Answers(200, Stream(), Lines).Answers(200, Stream(), Lines);
        using DiststoreClient client = script.Client();

        Change put = await client.WatchAsync(new WatchOptions { Prefix = "a/ä", Values = false, Live = false, Since = "1-0.5" }).SingleAsync();
        Assert.Empty(await client.WatchAsync(new WatchOptions { Key = "k&k", Live = false }).ToListAsync());
        Assert.Empty(await client.WatchAsync(new WatchOptions { Live = false }).ToListAsync());

        Assert.Equal((ChangeKind.Put, (DiststoreEntry?)null, 1L), (put.Kind, put.Entry, put.Info!.Size));
        Assert.Equal(
            ["/v1/changes?since=1-0.5&live=false&values=false&prefix=a%2F%C3%A4", "/v1/changes?live=false&key=k%26k", "/v1/changes?live=false"],
            script.Sent.Select(static sent => sent.Target));
        await Assert.ThrowsAsync<ArgumentException>(async () => await client.WatchAsync(new WatchOptions { Key = "k", Prefix = "k" }).ToListAsync());
    }

    [Fact]
    public async Task Positions_are_told_to_who_asks_for_them()
    {
        Script script = new Script().Answers(200, Stream("""{"id":"1-4"}""", Put("1-5", "a", "1")), Lines);
        using DiststoreClient client = script.Client();

        Change[] changes = await client.WatchAsync(new WatchOptions { ReportPositions = true, Live = false }).ToArrayAsync();

        Assert.Equal([(ChangeKind.Position, "1-4"), (ChangeKind.Put, "1-5")], changes.Select(static change => (change.Kind, change.Id)));
    }

    [Fact]
    public async Task What_is_cut_does_not_look_whole()
    {
        Script script = new Script().Answers(200, Stream(Put("1-1", "a", "1"), "{\"id\""), Lines).Answers(200, Stream(Put("1-2", "b", "2")), Lines);
        using DiststoreClient client = script.Client();

        Assert.Equal(["a", "b"], await client.WatchAsync(new WatchOptions { Live = false }).Select(static change => change.Key).ToListAsync());
    }

    [Fact]
    public async Task A_point_that_is_gone_says_to_start_over()
    {
        Script script = new Script().Refuses(410, "gone").Answers(200, Stream(Put("1-1", "a", "1"), """{"gone":true}"""), Lines);
        using DiststoreClient client = script.Client();

        var first = await Assert.ThrowsAsync<DiststoreChangesGoneException>(
            async () => await client.WatchAsync(new WatchOptions { Since = "0-9" }).ToListAsync());
        Assert.Equal(("0-9", DiststoreProblem.Gone, 410), (first.Id, first.Problem, first.StatusCode));
        await using IAsyncEnumerator<Change> changes = client.WatchAsync().GetAsyncEnumerator();
        Assert.True(await changes.MoveNextAsync());
        Assert.Equal("1-1", (await Assert.ThrowsAsync<DiststoreChangesGoneException>(async () => await changes.MoveNextAsync())).Id);
    }

    [Fact]
    public async Task To_follow_is_to_hold_what_is_there_over_again_where_the_point_is_gone()
    {
        Script script = new Script()
            .Answers(200, Page(next: "b", id: "1-5", ("a", "1")))
            .Answers(200, Page(next: null, id: "1-7", ("c", "3")))
            .Answers(200, Stream(Put("1-6", "c", "3"), """{"gone":true}"""), Lines)
            .Answers(200, Page(next: null, id: "2-1"))
            .Refuses(410, "gone")
            .Answers(200, Page(next: null, id: "2-2", ("d", "4")))
            .Answers(200, Stream(Put("2-3", "d", "5")), Lines);
        using DiststoreClient client = script.Client();

        Change[] changes = await TakeAsync(client.FollowAsync(new WatchOptions { Prefix = "p" }), 11);

        Assert.Equal(
            ["Reset  ", "Put a ", "Put c ", "Ready  1-5", "Put c 1-6", "Reset  ", "Ready  2-1", "Reset  ", "Put d ", "Ready  2-2", "Put d 2-3"],
            changes.Select(static change => $"{change.Kind} {change.Key} {change.Id}"));
        Assert.Equal("1", changes[1].Entry!.GetText());
        Assert.Equal(
            [
                "/v1/kv?limit=1000&values=true&prefix=p", "/v1/kv?limit=1000&values=true&prefix=p&after=b", "/v1/changes?since=1-5&prefix=p",
                "/v1/kv?limit=1000&values=true&prefix=p", "/v1/changes?since=2-1&prefix=p",
                "/v1/kv?limit=1000&values=true&prefix=p", "/v1/changes?since=2-2&prefix=p",
            ],
            script.Sent.Select(static sent => sent.Target));
    }

    [Fact]
    public async Task To_follow_from_a_point_that_is_there_begins_with_what_changed()
    {
        Script script = new Script().Answers(200, Stream(Put("1-6", "c", "3")), Lines);
        using DiststoreClient client = script.Client();

        Assert.Equal(["1-6"], (await TakeAsync(client.FollowAsync(new WatchOptions { Since = "1-5" }), 1)).Select(static change => change.Id));
        await Assert.ThrowsAsync<ArgumentException>(async () => await client.FollowAsync(new WatchOptions { Values = false }).ToListAsync());
    }

    [Fact]
    public async Task A_server_that_falls_silent_is_left()
    {
        var silent = new Pipe();
        await silent.Writer.WriteAsync(Encoding.UTF8.GetBytes(Put("1-1", "a", "1") + "\n"));
        Script script = new Script().Answers(200, silent.Reader.AsStream(), Lines).Answers(200, Stream(Put("1-2", "b", "2")), Lines);
        using DiststoreClient client = script.Client(static options => options.WatchSilence = TimeSpan.FromMilliseconds(50));

        Assert.Equal(["1-1", "1-2"], (await TakeAsync(client.WatchAsync(), 2)).Select(static change => change.Id));
    }

    [Fact]
    public async Task Where_nobody_answers_for_long_it_ends_and_says_so()
    {
        var time = new StepTime();
        Script script = new Script().NoConnection().NoConnection().NoConnection();
        using DiststoreClient client = script.Client(options =>
        {
            options.TimeProvider = time;
            options.WatchTimeout = TimeSpan.FromSeconds(3);
            options.FirstRetryDelay = options.MaxRetryDelay = TimeSpan.FromSeconds(2);
        });

        Task<List<Change>> watch = client.WatchAsync().ToListAsync().AsTask();
        await time.FireAsync(TimeSpan.FromSeconds(1));
        await time.FireAsync(TimeSpan.FromSeconds(1));
        var error = await Assert.ThrowsAsync<DiststoreUnavailableException>(() => watch);
        Assert.Equal(3, error.Attempts);
    }

    [Fact]
    public async Task What_would_be_refused_again_ends_it()
    {
        Script script = new Script().Refuses(401, "unauthorized").Answers(200, Stream("[1]"), Lines).Answers(200, Stream("{"), Lines);
        using DiststoreClient client = script.Client();

        Assert.Equal(
            DiststoreProblem.Unauthorized,
            (await Assert.ThrowsAsync<DiststoreRequestException>(async () => await client.WatchAsync().ToListAsync())).Problem);
        await Assert.ThrowsAsync<DiststoreAnswerException>(async () => await client.WatchAsync().ToListAsync());
        await Assert.ThrowsAsync<DiststoreAnswerException>(async () => await client.WatchAsync().ToListAsync());
    }

    [Fact]
    public async Task A_change_that_is_longer_than_the_limit_ends_it_and_one_that_is_not_does_not()
    {
        const int Most = 64 * 1024;
        string longest = Put("1-1", "a", "1").PadRight(Most);
        Script script = new Script().Answers(200, Stream(longest, Put("1-2", "b", "2"), longest + " "), Lines);
        using DiststoreClient client = script.Client(static options => options.MaxChangeBytes = Most);
        await using IAsyncEnumerator<Change> changes = client.WatchAsync().GetAsyncEnumerator();

        Assert.True(await changes.MoveNextAsync());
        Assert.True(await changes.MoveNextAsync());
        Assert.Equal("1-2", changes.Current.Id);
        var error = await Assert.ThrowsAsync<DiststoreAnswerException>(async () => await changes.MoveNextAsync());
        Assert.Contains("MaxChangeBytes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_caller_s_cancellation_ends_it()
    {
        var silent = new Pipe();
        await silent.Writer.WriteAsync(Encoding.UTF8.GetBytes(Put("1-1", "a", "1") + "\n"));
        using DiststoreClient client = new Script().Answers(200, silent.Reader.AsStream(), Lines).Client();
        using var cancellation = new CancellationTokenSource();
        await using IAsyncEnumerator<Change> changes = client.WatchAsync(cancellationToken: cancellation.Token).GetAsyncEnumerator(CancellationToken.None);
        Assert.True(await changes.MoveNextAsync());
        ValueTask<bool> next = changes.MoveNextAsync();

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await next);
    }

    private static async Task<Change[]> TakeAsync(IAsyncEnumerable<Change> changes, int count)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        return await changes.Take(count).ToArrayAsync(deadline.Token);
    }

    private static string? Since(string target) => target.Contains("since=", StringComparison.Ordinal) ? target.Split("since=")[1].Split('&')[0] : null;

    private static MemoryStream Stream(params string[] lines) => new(Encoding.UTF8.GetBytes(
        lines is [.., ['{', .., not '}']] ? string.Join('\n', lines) : string.Concat(lines.Select(static line => line + "\n"))));

    private static string Put(string id, string key, string? value)
    {
        string shown = value is null ? "" : $",\"value\":\"{Convert.ToBase64String(Encoding.UTF8.GetBytes(value))}\"";
        return $$"""{"id":"{{id}}","key":"{{key}}","version":"{{id}}","deleted":false,"contentType":"text/plain","size":1{{shown}}}""";
    }

    private static string Page(string? next, string id, params (string Key, string Value)[] entries)
    {
        IEnumerable<string> keys = entries.Select(static entry =>
        {
            string value = Convert.ToBase64String(Encoding.UTF8.GetBytes(entry.Value));
            return $$"""{"key":"{{entry.Key}}","version":"1-1","size":1,"contentType":"t","value":"{{value}}"}""";
        });
        return $$"""{"keys":[{{string.Join(',', keys)}}],"next":{{(next is null ? "null" : $"\"{next}\"")}},"id":"{{id}}"}""";
    }

    private sealed class BrokenStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            await base.ReadAsync(buffer, cancellationToken) is > 0 and int read ? read : throw new IOException("reset");
    }
}
