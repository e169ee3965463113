using Diststore.Core;

namespace Diststore.Http.Tests;

/// <summary>Expiry, conditions and quotas, as they come over HTTP.</summary>
public sealed class ConditionTests : IAsyncLifetime
{
    private TestServer _server = null!;

    public async Task InitializeAsync()
    {
        _server = await TestServer.StartAsync();
        Assert.Equal(201, (await _server.SendAsync("PUT", "/v1/kv/k", body: "v")).Status);
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("5", 5)]
    [InlineData("0.25", 0.25)]
    [InlineData(".5", 0.5)]
    [InlineData("3153600000", 3153600000)]
    public async Task A_ttl_goes_with_the_write(string ttl, double seconds)
    {
        Assert.Equal(204, (await _server.SendAsync("PUT", $"/v1/kv/k?ttl={ttl}", body: "w")).Status);
        Assert.Equal(TimeSpan.FromSeconds(seconds), _server.Store.Asked!.TimeToLive);
        Assert.Equal(200, (await _server.SendAsync("POST", "/", "Content-Type: application/x-www-form-urlencoded\r\n", $"key=f&value=w&ttl={ttl}")).Status);
        Assert.Equal(TimeSpan.FromSeconds(seconds), _server.Store.Asked!.TimeToLive);
        Assert.Equal(204, (await _server.SendAsync("PUT", "/v1/kv/k", body: "w")).Status);
        Assert.Null(_server.Store.Asked!.TimeToLive);
    }

    // The key k has the version 1-1; there is no key none.
    [Theory]
    [InlineData("GET", "k", "If-None-Match: \"1-1\"", 304)]
    [InlineData("HEAD", "k", "If-None-Match: \"1-1\"", 304)]
    [InlineData("GET", "k", "If-None-Match: W/\"1-1\"", 304)]
    [InlineData("GET", "k", "If-None-Match: *", 304)]
    [InlineData("GET", "k", "If-None-Match: \"1-2\"", 200)]
    [InlineData("GET", "k", "If-None-Match: \"1-2\" ,,\t\"x,*\", \"1-1\"", 304)]
    [InlineData("GET", "k", "If-None-Match: \"1-2\"\r\nIf-None-Match: \"1-1\"", 304)]
    [InlineData("GET", "k", "If-None-Match: \"01-1\", \"1-1 \"", 400)]
    [InlineData("GET", "k", "If-None-Match: \"01-1\", \"0-0\", \"\", \"nonsense\"", 200)]
    [InlineData("GET", "k", "If-Match: \"1-1\"", 200)]
    [InlineData("GET", "k", "If-Match: *", 200)]
    [InlineData("GET", "k", "If-Match: \"1-2\"", 412)]
    [InlineData("HEAD", "k", "If-Match: \"1-2\"", 412)]
    [InlineData("GET", "k", "If-Match: W/\"1-1\"", 412)]
    [InlineData("GET", "k", "If-Match: \"1-2\"\r\nIf-None-Match: \"1-1\"", 412)]
    [InlineData("GET", "k", "If-Match: \"1-1\"\r\nIf-None-Match: \"1-1\"", 304)]
    [InlineData("GET", "none", "If-Match: *", 404)]
    [InlineData("GET", "none", "If-None-Match: *", 404)]
    [InlineData("PUT", "k", "If-None-Match: *", 412)]
    [InlineData("PUT", "none", "If-None-Match: *", 201)]
    [InlineData("PUT", "k", "If-Match: \"1-1\"", 204)]
    [InlineData("PUT", "k", "If-Match: W/\"1-1\"", 412)]
    [InlineData("PUT", "k", "If-Match: \"9-9\", \"1-1\"", 204)]
    [InlineData("PUT", "k", "If-Match: \"nonsense\"", 412)]
    [InlineData("PUT", "none", "If-Match: *", 412)]
    [InlineData("PUT", "k", "If-None-Match: W/\"1-1\"", 412)]
    [InlineData("PUT", "k", "If-None-Match: \"1-2\"", 204)]
    [InlineData("DELETE", "k", "If-Match: \"1-2\"", 412)]
    [InlineData("DELETE", "k", "If-Match: \"1-1\"", 204)]
    [InlineData("DELETE", "k", "If-None-Match: \"1-1\"", 412)]
    public async Task Conditions_are_judged(string method, string key, string headers, int status)
    {
        Answer answer = await _server.SendAsync(method, "/v1/kv/" + key, headers + "\r\n", method == "PUT" ? "new" : "");
        Assert.Equal(status, answer.Status);
        Assert.Equal(status is 201 || (key == "k" && !(method == "DELETE" && status == 204)), _server.Store.Replicated.ContainsKey(key));
        if (status is 304)
        {
            Assert.Contains("\r\nETag: \"1-1\"", answer.Headers, StringComparison.Ordinal);
            Assert.Contains("\r\nDiststore-Node: n1", answer.Headers, StringComparison.Ordinal);
            Assert.Equal("", answer.Body);
        }
        else if (status is 412 && method != "HEAD")
        {
            Assert.Contains("application/problem+json", answer.Headers, StringComparison.Ordinal);
            Assert.Contains("If-Match", answer.Body, StringComparison.Ordinal);
        }

        if (status is 412)
        {
            Assert.Equal(new LogPoint(1, 1), _server.Store.Replicated.GetValueOrDefault("k")?.Version);
        }
    }

    [Fact]
    public async Task As_many_entity_tags_as_may_be_are_taken()
    {
        string tags = string.Join(',', Enumerable.Range(1, VersionMatch.MaxVersions).Select(static number => $"\"1-{number}\""));
        Assert.Equal(304, (await _server.SendAsync("GET", "/v1/kv/k", $"If-None-Match: {tags}\r\n")).Status);
    }

    [Fact]
    public async Task Over_the_quota_is_507()
    {
        _server.Store.Write = new WriteResult(WriteOutcome.OverQuota, default, "n1", "the masters hold as much as Data:MaxBytes allows");
        Answer put = await _server.SendAsync("PUT", "/v1/kv/k", body: "w");
        Assert.Equal(507, put.Status);
        Assert.Contains("application/problem+json", put.Headers, StringComparison.Ordinal);
        Assert.Contains("Data:MaxBytes", put.Body, StringComparison.Ordinal);
        Answer post = await _server.SendAsync("POST", "/k", body: "w");
        Assert.Equal(507, post.Status);
        Assert.Contains("text/plain", post.Headers, StringComparison.Ordinal);
    }
}
