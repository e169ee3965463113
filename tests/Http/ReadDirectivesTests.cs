using Diststore.Core;

namespace Diststore.Http.Tests;

/// <summary>What requests say of the freshness of their answers.</summary>
public sealed class ReadDirectivesTests : IAsyncLifetime
{
    private static readonly string[] Reads = ["GET /v1/kv/k", "HEAD /v1/kv/k", "GET /v1/kv/none", "GET /get/k", "HEAD /get/k", "GET /get/none"];

    private TestServer _server = null!;

    public async Task InitializeAsync()
    {
        _server = await TestServer.StartAsync();
        Assert.Equal(201, (await _server.SendAsync("PUT", "/v1/kv/k", body: "v")).Status);
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("", "")]
    [InlineData("Cache-Control: ", "")]
    [InlineData("Cache-Control: , ,", "")]
    [InlineData("Cache-Control: no-cache", "strong")]
    [InlineData("Cache-Control: NO-Cache", "strong")]
    [InlineData("Cache-Control: no-cache=\"ETag\"", "strong")]
    [InlineData("Cache-Control: max-age=5", "age<=5")]
    [InlineData("Cache-Control: max-age=\"5\"", "age<=5")]
    [InlineData("Cache-Control: max-age=007", "age<=7")]
    [InlineData("Cache-Control: max-age=0", "age<=0")]
    [InlineData("Cache-Control: max-age=99999999999999999999", "age<=any")]
    [InlineData("Cache-Control: max-age=922337203686", "age<=any")]
    [InlineData("Cache-Control: max-stale", "stale+any")]
    [InlineData("Cache-Control: max-stale=60", "stale+60")]
    [InlineData("Cache-Control: max-stale=99999999999999999999", "stale+any")]
    [InlineData("Cache-Control: max-stale=0", "")]
    [InlineData("Cache-Control: max-age=5, max-stale=60", "age<=5 stale+60")]
    [InlineData("Cache-Control: max-stale,max-age=5", "age<=5 stale+any")]
    [InlineData("Cache-Control: only-if-cached", "here")]
    [InlineData("Cache-Control: only-if-cached, max-stale", "stale+any here")]
    [InlineData("Cache-Control: no-store", "no-copy")]
    [InlineData("Cache-Control: no-store\r\nCache-Control: ,max-age=3 ,\r\nCache-Control: no-cache", "strong age<=3 no-copy")]
    [InlineData("Cache-Control: only-if-cached=1, no-store=\"a,b\"", "here no-copy")]
    // What has no effect here, or is not known.
    [InlineData("Cache-Control: min-fresh=5, no-transform, s-maxage=1, foo, bar=\"no-cache, max-age=0\", private=\"max-stale\"", "")]
    [InlineData("Cache-Control: x-max-age=1, max-agee=1, nocache", "")]
    // Malformed: a number that is none is 0, a header that is no list of directives asks for the freshest.
    [InlineData("Cache-Control: max-age", "age<=0")]
    [InlineData("Cache-Control: max-age=", "age<=0")]
    [InlineData("Cache-Control: max-age=\"\"", "age<=0")]
    [InlineData("Cache-Control: max-age=x, no-store", "age<=0 no-copy")]
    [InlineData("Cache-Control: max-age=-1", "age<=0")]
    [InlineData("Cache-Control: max-age=1.5", "age<=0")]
    [InlineData("Cache-Control: max-stale=", "")]
    [InlineData("Cache-Control: max-stale=-1", "")]
    [InlineData("Cache-Control: max-stale=\"\"", "")]
    [InlineData("Cache-Control: max-stale=soon", "")]
    [InlineData("Cache-Control: max-age 5", "strong")]
    [InlineData("Cache-Control: max-stale; x", "strong")]
    [InlineData("Cache-Control: max-stale=\"5", "strong")]
    [InlineData("Cache-Control: =5", "strong")]
    // Twice: the stricter one.
    [InlineData("Cache-Control: max-age=5, max-age=3", "age<=3")]
    [InlineData("Cache-Control: max-age=3\r\nCache-Control: max-age=5", "age<=3")]
    [InlineData("Cache-Control: max-age=3, max-age=x", "age<=0")]
    [InlineData("Cache-Control: max-stale, max-stale=9", "stale+9")]
    [InlineData("Cache-Control: max-stale=9, max-stale=x", "")]
    [InlineData("Pragma: no-cache", "strong")]
    [InlineData("Pragma: foo, No-Cache", "strong")]
    [InlineData("Pragma: foo", "")]
    [InlineData("Pragma: \"", "")]
    [InlineData("Pragma: no-cache\r\nCache-Control: max-age=5", "age<=5")]
    [InlineData("Diststore-Min-Sequence: 7", "min=7")]
    [InlineData("diststore-min-sequence: 9223372036854775807", "min=9223372036854775807")]
    [InlineData("Diststore-Min-Sequence: 0", "")]
    [InlineData("Diststore-Min-Sequence: 7\r\nCache-Control: max-stale=2", "stale+2 min=7")]
    [InlineData("Diststore-Min-Sequence: 7\r\nPragma: no-cache", "strong min=7")]
    public async Task A_read_is_asked_for_as_the_headers_say(string headers, string expected)
    {
        foreach (string read in Reads)
        {
            Assert.Equal(expected, await AskedAsync(read, headers));
        }

        Assert.Equal(expected, await AskedAsync("GET /v1/kv/k", "If-None-Match: \"1-1\"\r\n" + headers));
    }

    [Theory]
    [InlineData("consistency=strong", "", "strong")]
    [InlineData("consistency=bounded", "", "")]
    [InlineData("consistency=bounded", "Cache-Control: no-cache", "strong")]
    [InlineData("consistency=strong", "Cache-Control: max-age=5, no-store", "strong age<=5 no-copy")]
    [InlineData("%63onsistency=stron%67&", "Diststore-Min-Sequence: 3", "strong min=3")]
    public async Task The_query_may_ask_for_it_too(string query, string headers, string expected)
    {
        foreach (string read in Reads)
        {
            Assert.Equal(expected, await AskedAsync($"{read}?{query}", headers));
        }
    }

    [Theory]
    [InlineData("", "", false)]
    [InlineData("", "Cache-Control: no-store, max-stale, only-if-cached", false)]
    [InlineData("?consistency=bounded&limit=1", "", false)]
    [InlineData("?consistency=strong", "", true)]
    [InlineData("?limit=1&prefix=k&consistency=strong", "", true)]
    [InlineData("", "Cache-Control: no-cache", true)]
    [InlineData("", "Pragma: no-cache", true)]
    [InlineData("", "Cache-Control: max-age=0", true)]
    [InlineData("", "Diststore-Min-Sequence: 1", true)]
    public async Task A_listing_is_strong_or_not(string query, string headers, bool isStrong)
    {
        foreach (string method in new[] { "GET", "HEAD" })
        {
            Assert.Equal(200, (await _server.SendAsync(method, "/v1/kv" + query, Lines(headers))).Status);
            Assert.Equal(isStrong, _server.Store.AskedList?.IsStrong);
        }
    }

    [Theory]
    [InlineData("?consistency=", "", "consistency")]
    [InlineData("?consistency=Strong", "", "consistency")]
    [InlineData("?consistency=eventual", "Cache-Control: no-cache", "consistency")]
    [InlineData("?consistency=strong&consistency=strong", "", "twice")]
    [InlineData("?consistency=%ff", "", "UTF-8")]
    [InlineData("?strong", "", "not known")]
    [InlineData("", "Diststore-Min-Sequence: ", "Diststore-Min-Sequence")]
    [InlineData("", "Diststore-Min-Sequence: -1", "Diststore-Min-Sequence")]
    [InlineData("", "Diststore-Min-Sequence: +1", "Diststore-Min-Sequence")]
    [InlineData("", "Diststore-Min-Sequence: 1.0", "Diststore-Min-Sequence")]
    [InlineData("", "Diststore-Min-Sequence: 1-7", "Diststore-Min-Sequence")]
    [InlineData("", "Diststore-Min-Sequence: 9223372036854775808", "Diststore-Min-Sequence")]
    [InlineData("", "Diststore-Min-Sequence: 1\r\nDiststore-Min-Sequence: 2", "Diststore-Min-Sequence")]
    public async Task What_says_nothing_clear_is_refused(string query, string headers, string word)
    {
        foreach (string target in new[] { "/v1/kv/k", "/v1/kv", "/get/k" })
        {
            Answer answer = await _server.SendAsync("GET", target + query, Lines(headers));
            Assert.Equal(400, answer.Status);
            Assert.Contains(word, answer.Body, StringComparison.Ordinal);
            Assert.Equal(400, (await _server.SendAsync("HEAD", target + query, Lines(headers))).Status);
        }

        Assert.Null(_server.Store.AskedRead);
        Assert.Null(_server.Store.AskedList);
    }

    [Theory]
    [InlineData("PUT", "/v1/kv/k")]
    [InlineData("DELETE", "/v1/kv/k")]
    [InlineData("POST", "/k")]
    [InlineData("GET", "/getlocal/k")]
    [InlineData("GET", "/list")]
    public async Task Only_reads_of_the_cluster_take_the_parameter(string method, string target)
    {
        Answer answer = await _server.SendAsync(method, target + "?consistency=strong");
        Assert.Equal(400, answer.Status);
        Assert.Contains("not known", answer.Body, StringComparison.Ordinal);
    }

    private async Task<string> AskedAsync(string read, string headers)
    {
        string[] parts = read.Split(' ');
        _server.Store.AskedRead = null;
        Answer answer = await _server.SendAsync(parts[0], parts[1], Lines(headers));
        Assert.True(answer.Status is 200 or 304 or 404 or 504, $"{read}: {answer}");
        ReadOptions asked = Assert.NotNull(_server.Store.AskedRead);
        Assert.Equal(parts[1].StartsWith("/get/", StringComparison.Ordinal) ? ReadScope.IncludingLocalOnly : ReadScope.Replicated, asked.Scope);
        return string.Join(' ', Describe(asked));
    }

    private static IEnumerable<string> Describe(ReadOptions asked)
    {
        if (asked.IsStrong)
        {
            yield return "strong";
        }

        if (asked.MaxAge is { } age)
        {
            yield return $"age<={Seconds(age)}";
        }

        if (asked.MaxStale != TimeSpan.Zero)
        {
            yield return $"stale+{Seconds(asked.MaxStale)}";
        }

        if (asked.OnlyHere)
        {
            yield return "here";
        }

        if (asked.KeepsNoCopy)
        {
            yield return "no-copy";
        }

        if (asked.MinSequence != 0)
        {
            yield return $"min={asked.MinSequence}";
        }
    }

    private static string Seconds(TimeSpan time) => time == TimeSpan.MaxValue ? "any" : time.TotalSeconds.ToString(provider: null);

    private static string Lines(string headers) => headers.Length == 0 ? "" : headers + "\r\n";
}
