using System.Text.Json;
using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http.Tests;

/// <summary>What answers say of their freshness, and writes of their place in the log.</summary>
public sealed class FreshnessTests : IAsyncLifetime
{
    private TestServer _server = null!;

    public async Task InitializeAsync()
    {
        _server = await TestServer.StartAsync();
        Assert.Equal(201, (await _server.SendAsync("PUT", "/v1/kv/k", body: "v")).Status);
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData(0.0, Forwarding.None, false, "0", "n1; hit")]
    [InlineData(0.999, Forwarding.None, false, "0", "n1; hit")]
    [InlineData(1.0, Forwarding.None, false, "1", "n1; hit")]
    [InlineData(86_400.5, Forwarding.None, false, "86400", "n1; hit")]
    [InlineData(-1.0, Forwarding.None, false, null, "n1; hit")]
    [InlineData(0.0, Forwarding.Miss, true, "0", "n1; fwd=uri-miss; stored")]
    [InlineData(0.0, Forwarding.Miss, false, "0", "n1; fwd=uri-miss")]
    [InlineData(0.2, Forwarding.Stale, true, "0", "n1; fwd=stale; stored")]
    [InlineData(2.2, Forwarding.Stale, false, "2", "n1; fwd=stale")]
    [InlineData(0.0, Forwarding.Request, true, "0", "n1; fwd=request; stored")]
    [InlineData(0.0, Forwarding.Request, false, "0", "n1; fwd=request")]
    public async Task An_answer_says_how_old_it_is_and_where_it_came_from(double seconds, Forwarding why, bool isKept, string? age, string status)
    {
        TimeSpan howOld = seconds < 0 ? TimeSpan.MaxValue : TimeSpan.FromSeconds(seconds);
        _server.Store.Shown = result => result with { Age = howOld, Forwarding = why, IsKept = isKept };
        Answer[] answers =
        [
            .. await Task.WhenAll(new[] { "GET", "HEAD" }.SelectMany(method => new[] { "/v1/kv/k", "/get/k" }.Select(
                target => _server.SendAsync(method, target)))),
            await _server.SendAsync("GET", "/v1/kv/k", "If-None-Match: \"1-1\"\r\n"),
            await _server.SendAsync("GET", "/v1/kv/k", "If-Match: \"9-9\"\r\n"),
            await _server.SendAsync("GET", "/getlocal/k"),
        ];
        Assert.Equal([200, 200, 200, 200, 304, 412, 200], answers.Select(static answer => answer.Status));
        foreach (Answer answer in answers)
        {
            AssertSays(answer, age, status);
            Assert.Equal(answer.Status == 412 ? null : "\"1-1\"", answer.Header("ETag"));
        }
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData(0.0001, "1")]
    [InlineData(1.0, "1")]
    [InlineData(1.0001, "2")]
    [InlineData(3_153_600_000.0, "3153600000")]
    [InlineData(0.0, "0")]
    [InlineData(-0.5, "0")] // it ended while the answer was made
    public async Task An_answer_says_what_remains_of_a_value_that_expires(double? seconds, string? left)
    {
        _server.Store.Shown = result => result with { Life = seconds is { } life ? TimeSpan.FromSeconds(life) : null };
        Answer[] answers =
        [
            .. await Task.WhenAll(new[] { "GET", "HEAD" }.SelectMany(method => new[] { "/v1/kv/k", "/get/k", "/getlocal/k" }.Select(
                target => _server.SendAsync(method, target)))),
            await _server.SendAsync("GET", "/v1/kv/k", "Range: bytes=0-0\r\n"),
            await _server.SendAsync("GET", "/v1/kv/k", "If-None-Match: \"1-1\"\r\n"),
        ];
        Assert.Equal([200, 200, 200, 200, 200, 200, 206, 304], answers.Select(static answer => answer.Status));
        Assert.All(answers, answer => Assert.Equal(left, answer.Header("Diststore-Expires-In")));
    }

    [Theory]
    [InlineData("GET", "/v1/kv/none")]
    [InlineData("HEAD", "/v1/kv/none")]
    [InlineData("GET", "/get/none")]
    public async Task So_does_one_that_there_is_no_such_key(string method, string target)
    {
        _server.Store.Shown = static result => result with { Age = TimeSpan.FromSeconds(1.5), Forwarding = Forwarding.Miss };
        Answer answer = await _server.SendAsync(method, target);
        Assert.Equal(404, answer.Status);
        AssertSays(answer, "1", "n1; fwd=uri-miss");

        _server.Store.Shown = static result => result with { Age = TimeSpan.MaxValue, Forwarding = Forwarding.Request };
        AssertSays(await _server.SendAsync(method, target), null, "n1; fwd=request");
    }

    [Theory]
    [InlineData(ReadOutcome.NotFound, 404)]
    [InlineData(ReadOutcome.NotHere, 504)]
    [InlineData(ReadOutcome.Unavailable, 503)]
    public async Task Who_says_nothing_of_the_clusters_state_says_nothing_of_its_age(ReadOutcome outcome, int status)
    {
        _server.Store.Read = new ReadResult(outcome, null, "n1", "because");
        foreach (string target in outcome == ReadOutcome.NotFound ? new[] { "/getlocal/k" } : ["/get/k", "/v1/kv/k"])
        {
            Answer answer = await _server.SendAsync("GET", target);
            Assert.Equal(status, answer.Status);
            Assert.Contains("because", answer.Body, StringComparison.Ordinal);
            AssertSays(answer, null, null);
        }
    }

    [Fact]
    public async Task Only_if_cached_is_504_where_the_node_has_nothing_to_show()
    {
        const string Header = "Cache-Control: only-if-cached\r\n";
        Assert.Equal(200, (await _server.SendAsync("GET", "/v1/kv/k", Header)).Status);
        Answer problem = await _server.SendAsync("GET", "/v1/kv/none", Header);
        Assert.Equal(504, problem.Status);
        Assert.Equal("application/problem+json", problem.Header("Content-Type"));
        Assert.Contains("\"status\":504", problem.Body, StringComparison.Ordinal);
        Answer line = await _server.SendAsync("GET", "/get/none", Header);
        Assert.Equal(504, line.Status);
        Assert.Equal("text/plain; charset=utf-8", line.Header("Content-Type"));
        Assert.Equal(504, (await _server.SendAsync("HEAD", "/v1/kv/none", Header)).Status);
    }

    [Fact]
    public async Task An_acknowledged_write_says_its_sequence()
    {
        Assert.Equal("2", (await _server.SendAsync("PUT", "/v1/kv/k", body: "w")).Header("Diststore-Sequence"));
        Assert.Equal("3", (await _server.SendAsync("POST", "/k", body: "w")).Header("Diststore-Sequence"));
        Answer form = await _server.SendAsync("POST", "/", "Content-Type: application/x-www-form-urlencoded\r\n", "key=l&value=w");
        Assert.Equal("4", form.Header("Diststore-Sequence"));
        Answer deleted = await _server.SendAsync("DELETE", "/v1/kv/k");
        Assert.Equal("5", deleted.Header("Diststore-Sequence"));
        Assert.Null(deleted.Header("ETag"));

        // Nothing was written, nothing went through the log, or nobody knows.
        Assert.Null((await _server.SendAsync("DELETE", "/v1/kv/k")).Header("Diststore-Sequence"));
        Assert.Null((await _server.SendAsync("PUT", "/v1/kv/l", "If-Match: \"9-9\"\r\n", "w")).Header("Diststore-Sequence"));
        Assert.Null((await _server.SendAsync("POST", "/local/k", body: "w")).Header("Diststore-Sequence"));
        _server.Store.Write = new WriteResult(WriteOutcome.Unknown, new LogPoint(1, 9), "n1");
        Assert.Null((await _server.SendAsync("PUT", "/v1/kv/l", body: "w")).Header("Diststore-Sequence"));
        _server.Store.Write = new WriteResult(WriteOutcome.Created, new LogPoint(7, long.MaxValue), "n1");
        Assert.Equal("9223372036854775807", (await _server.SendAsync("PUT", "/v1/kv/l", body: "w")).Header("Diststore-Sequence"));
    }

    [Theory]
    [InlineData("node-1", "node-1", "node-1")]
    [InlineData("rack/a:b.example", "rack/a:b.example", "rack/a:b.example")]
    [InlineData("10.0.0.1", "10.0.0.1", "\"10.0.0.1\"")]
    [InlineData("a b;hit", "a b;hit", "\"a b;hit\"")]
    [InlineData("a\"b\\c", "a\"b\\c", "\"a\\\"b\\\\c\"")]
    [InlineData("*", "*", "\"*\"")]
    [InlineData("n\u00e4", "n%C3%A4", "n%C3%A4")]
    [InlineData("\u00e4\r\n", "%C3%A4%0D%0A", "\"%C3%A4%0D%0A\"")]
    public async Task A_node_is_named_in_its_answers_whatever_its_name(string name, string node, string cache)
    {
        // The second time from what was kept of the first.
        for (int time = 0; time < 2; time++)
        {
            _server.Store.Shown = result => result with { Node = name };
            Answer answer = await _server.SendAsync("GET", "/v1/kv/k");
            Assert.Equal(node, answer.Header("Diststore-Node"));
            Assert.Equal(cache + "; hit", answer.Header("Cache-Status"));
        }
    }

    [Fact]
    public void A_hit_without_directives_costs_no_memory()
    {
        var request = new HeaderDictionary { ["Host"] = "x" };
        var answer = new HeaderDictionary();
        var read = new ReadResult(ReadOutcome.Found, new Entry("k", [], null, new LogPoint(1, 1)), "n1", Age: TimeSpan.FromSeconds(1));
        Assert.True(RequestTarget.TryParse("/v1/kv/k", out RequestTarget target, out _));
        bool all = Pass();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int time = 0; time < 100; time++)
        {
            all &= Pass();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(all);

        bool Pass()
        {
            NodeTexts.Set(answer, read);
            return ReadDirectives.TryRead(request, target, ReadScope.Replicated, out ReadOptions asked, out _) && asked.TakesAnyHit;
        }
    }

    [Theory]
    [InlineData("GET", "/v1/kv/{key}", "", 200)]
    [InlineData("HEAD", "/v1/kv/{key}", "", 200)]
    [InlineData("GET", "/v1/kv/{key}", "If-None-Match: *", 304)]
    [InlineData("HEAD", "/v1/kv/{key}", "If-None-Match: *", 304)]
    [InlineData("GET", "/v1/kv/{key}", "If-Match: \"9-9\"", 412)]
    [InlineData("HEAD", "/v1/kv/{key}", "If-Match: \"9-9\"", 412)]
    [InlineData("GET", "/v1/kv/{key}", "", 404)]
    [InlineData("HEAD", "/v1/kv/{key}", "", 404)]
    [InlineData("GET", "/v1/kv/{key}", "Cache-Control: only-if-cached", 504)]
    [InlineData("HEAD", "/v1/kv/{key}", "Cache-Control: only-if-cached", 504)]
    [InlineData("GET", "/get/{key}", "", 200)]
    [InlineData("HEAD", "/get/{key}", "", 200)]
    [InlineData("GET", "/get/{key}", "", 404)]
    [InlineData("HEAD", "/get/{key}", "", 404)]
    [InlineData("GET", "/get/{key}", "Cache-Control: only-if-cached", 504)]
    [InlineData("HEAD", "/get/{key}", "Cache-Control: only-if-cached", 504)]
    [InlineData("GET", "/getlocal/{key}", "", 200)]
    [InlineData("HEAD", "/getlocal/{key}", "", 200)]
    [InlineData("GET", "/v1/kv", "", 200)]
    [InlineData("GET", "/list", "", 200)]
    [InlineData("PUT", "/v1/kv/{key}", "", 204)]
    [InlineData("PUT", "/v1/kv/{key}", "", 201)]
    [InlineData("DELETE", "/v1/kv/{key}", "", 204)]
    [InlineData("DELETE", "/v1/kv/{key}", "", 404)]
    [InlineData("POST", "/{key}", "", 200)]
    [InlineData("POST", "/", "Content-Type: application/x-www-form-urlencoded", 200)]
    [InlineData("POST", "/local/{key}", "", 200)]
    public async Task The_description_has_what_answers_say(string method, string path, string headers, int status)
    {
        string key = status is 201 or 404 or 504 ? "none" : "k";
        TimeSpan? life = status == 404 ? null : TimeSpan.FromSeconds(1);
        _server.Store.Shown = result => result with { Forwarding = status == 404 ? Forwarding.Miss : Forwarding.None, Life = life };
        string body = method is not ("PUT" or "POST") ? "" : path == "/" ? "key=k&value=v" : "v";
        string target = path.Replace("{key}", key, StringComparison.Ordinal);
        headers = headers.Length == 0 ? "" : headers + "\r\n";
        if (method is not ("GET" or "HEAD") && path is not ("/local" or "/local/{key}"))
        {
            // Sent a second time, an answer has all that it can say.
            headers += "Idempotency-Key: once\r\n";
            await _server.SendAsync(method, target, headers, body);
        }

        Answer answer = await _server.SendAsync(method, target, headers, body);
        Assert.Equal(status, answer.Status);

        string[] sent =
        [
            .. new[] { "Age", "Cache-Status", "Diststore-Expires-In", "Diststore-Sequence", "ETag", "Idempotency-Replayed" }
                .Where(name => answer.Header(name) is not null),
        ];
        JsonElement description = JsonDocument.Parse((await _server.SendAsync("GET", "/openapi/v1.json")).Body).RootElement;
        JsonElement response = description.GetProperty("paths").GetProperty(path).EnumerateObject()
            .Single(operation => operation.Name.Equals(method, StringComparison.OrdinalIgnoreCase)).Value
            .GetProperty("responses").GetProperty(status.ToString(provider: null));
        string[] described = response.TryGetProperty("headers", out JsonElement all) ? [.. all.EnumerateObject().Select(static header => header.Name)] : [];
        Assert.Equal(sent, described.Order(StringComparer.Ordinal));
        Assert.All(described, name => Assert.True(description.GetProperty("components").GetProperty("headers").TryGetProperty(name, out _)));
    }

    private static void AssertSays(Answer answer, string? age, string? status)
    {
        Assert.Equal(age, answer.Header("Age"));
        Assert.Equal(status, answer.Header("Cache-Status"));
        Assert.Equal("n1", answer.Header("Diststore-Node"));
    }
}
