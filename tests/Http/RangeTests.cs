namespace Diststore.Http.Tests;

/// <summary>Ranges of a value (RFC 9110, section 14), and what caches on the way are told (RFC 9111).</summary>
public sealed class RangeTests : IAsyncLifetime
{
    private TestServer _server = null!;

    public async Task InitializeAsync()
    {
        _server = await TestServer.StartAsync();
        Assert.Equal(201, (await _server.SendAsync("PUT", "/v1/kv/k", body: "0123456789")).Status);
        Assert.Equal(201, (await _server.SendAsync("PUT", "/v1/kv/empty", "Content-Length: 0\r\n")).Status);
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    // The key k has ten bytes and the version 1-1.
    [Theory]
    [InlineData("bytes=0-0", "0", "0-0")]
    [InlineData("bytes=2-5", "2345", "2-5")]
    [InlineData("bytes=2-", "23456789", "2-9")]
    [InlineData("bytes=9-", "9", "9-9")]
    [InlineData("bytes=-3", "789", "7-9")]
    [InlineData("bytes=-30", "0123456789", "0-9")]
    [InlineData("bytes=4-400", "456789", "4-9")]
    [InlineData("bytes=4-9223372036854775807", "456789", "4-9")]
    [InlineData("Bytes=2-5", "2345", "2-5")]
    [InlineData("bytes=2-5\r\nIf-Range: \"1-1\"", "2345", "2-5")]
    [InlineData("bytes=2-5\r\nIf-None-Match: \"9-9\"", "2345", "2-5")]
    public async Task A_range_is_given(string range, string body, string content)
    {
        foreach (string route in new[] { "/v1/kv/k", "/get/k", "/getlocal/k" })
        {
            Answer answer = await _server.SendAsync("GET", route, $"Range: {range}\r\n");
            Assert.Equal((206, body), (answer.Status, answer.Body));
            Assert.Contains($"\r\nContent-Range: bytes {content}/10\r\n", answer.Headers + "\r\n", StringComparison.Ordinal);
            Assert.Contains("\r\nETag: \"1-1\"", answer.Headers, StringComparison.Ordinal);
            Assert.Contains("\r\nAccept-Ranges: bytes", answer.Headers, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("GET", "k", "Range: bytes=0-1,3-4", "0123456789")]
    [InlineData("GET", "k", "Range: bytes=0-1\r\nRange: bytes=3-4", "0123456789")]
    [InlineData("GET", "k", "Range: lines=0-1", "0123456789")]
    [InlineData("GET", "k", "Range: bytes=", "0123456789")]
    [InlineData("GET", "k", "Range: bytes=5-2", "0123456789")]
    [InlineData("GET", "k", "Range: bytes=x-2", "0123456789")]
    [InlineData("GET", "k", "Range: bytes=0-99999999999999999999", "0123456789")]
    [InlineData("GET", "k", "Range: 0-1", "0123456789")]
    [InlineData("GET", "k", "Range: bytes=0-1\r\nIf-Range: \"1-2\"", "0123456789")]
    [InlineData("GET", "k", "Range: bytes=0-1\r\nIf-Range: W/\"1-1\"", "0123456789")]
    [InlineData("GET", "k", "Range: bytes=0-1\r\nIf-Range: Wed, 21 Oct 2015 07:28:00 GMT", "0123456789")]
    [InlineData("GET", "empty", "Range: bytes=-5", "")]
    [InlineData("HEAD", "k", "Range: bytes=0-1", "")]
    [InlineData("HEAD", "k", "Range: bytes=50-", "")]
    public async Task Otherwise_the_whole(string method, string key, string headers, string body)
    {
        Answer answer = await _server.SendAsync(method, "/v1/kv/" + key, headers + "\r\n");
        Assert.Equal((200, body), (answer.Status, answer.Body));
        Assert.DoesNotContain("Content-Range", answer.Headers, StringComparison.Ordinal);
        Assert.Contains($"\r\nContent-Length: {(key == "k" ? 10 : 0)}", answer.Headers, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("k", "bytes=10-", 10)]
    [InlineData("k", "bytes=10-20", 10)]
    [InlineData("k", "bytes=-0", 10)]
    [InlineData("empty", "bytes=0-", 0)]
    public async Task A_range_without_a_byte_in_it_is_416(string key, string range, int size)
    {
        Answer answer = await _server.SendAsync("GET", "/v1/kv/" + key, $"Range: {range}\r\n");
        Assert.Equal(416, answer.Status);
        Assert.Contains($"\r\nContent-Range: bytes */{size}", answer.Headers, StringComparison.Ordinal);
        Assert.Contains("\"urn:diststore:problem:range\"", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Conditions_come_before_the_range()
    {
        const string Range = "Range: bytes=50-\r\n";
        Assert.Equal(304, (await _server.SendAsync("GET", "/v1/kv/k", Range + "If-None-Match: \"1-1\"\r\n")).Status);
        Assert.Equal(412, (await _server.SendAsync("GET", "/v1/kv/k", Range + "If-Match: \"9-9\"\r\n")).Status);
        Assert.Equal(404, (await _server.SendAsync("GET", "/v1/kv/none", Range)).Status);
        Assert.Equal(416, (await _server.SendAsync("GET", "/v1/kv/k", Range)).Status);
    }

    [Fact]
    public async Task What_one_node_alone_has_has_no_tag_for_If_Range()
    {
        Assert.Equal(200, (await _server.SendAsync("POST", "/local/own", body: "0123456789")).Status);
        Assert.Equal(206, (await _server.SendAsync("GET", "/get/own", "Range: bytes=0-1\r\n")).Status);
        Assert.Equal(200, (await _server.SendAsync("GET", "/get/own", "Range: bytes=0-1\r\nIf-Range: \"0-0\"\r\n")).Status);
    }

    [Theory]
    [InlineData("/v1/kv/k", "", "no-cache")]
    [InlineData("/v1/kv/k", "If-None-Match: \"1-1\"\r\n", "no-cache")]
    [InlineData("/v1/kv/k", "Range: bytes=0-1\r\n", "no-cache")]
    [InlineData("/v1/kv/none", "", "no-cache")]
    [InlineData("/get/k", "", "no-cache")]
    [InlineData("/get/none", "", "no-cache")]
    [InlineData("/getlocal/k", "", "no-cache")]
    [InlineData("/v1/kv/%zz", "", "no-store")]
    [InlineData("/v1/kv", "", "no-store")]
    [InlineData("/v1/cluster", "", "no-store")]
    [InlineData("/v1/nothing", "", "no-store")]
    public async Task Caches_ask_whether_a_value_stands_and_keep_nothing_else(string target, string headers, string expected)
    {
        Assert.Contains($"\r\nCache-Control: {expected}\r\n", (await _server.SendAsync("GET", target, headers)).Headers + "\r\n", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_it_takes_a_token_no_cache_that_many_share_keeps_a_value()
    {
        await using TestServer server = await TestServer.StartAsync(static options => options.Tokens = ["secret"]);
        const string Token = "Authorization: Bearer secret\r\n";
        Assert.Equal(201, (await server.SendAsync("PUT", "/v1/kv/k", Token, "v")).Status);
        foreach (string key in new[] { "k", "none" })
        {
            Answer answer = await server.SendAsync("GET", "/v1/kv/" + key, Token);
            Assert.Contains("\r\nCache-Control: private, no-cache\r\n", answer.Headers + "\r\n", StringComparison.Ordinal);
        }
    }
}
