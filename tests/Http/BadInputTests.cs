using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Diststore.Core;

namespace Diststore.Http.Tests;

/// <summary>Whatever is wrong with a request is named by a 4xx, and nothing is stored.</summary>
public sealed class BadInputTests : IAsyncLifetime
{
    private const int Limit = 64 * 1024;

    private TestServer _server = null!;

    public async Task InitializeAsync() => _server = await TestServer.StartAsync(options => options.MaxValueBytes = Limit);

    public async Task DisposeAsync()
    {
        Assert.Empty(_server.Store.Replicated);
        Assert.Empty(_server.Store.LocalOnly);
        await _server.DisposeAsync();
    }

    public static TheoryData<string, string, int, string> BadTargets()
    {
        var data = new TheoryData<string, string, int, string>();
        foreach ((string suffix, string word) in new[]
        {
            ("", "empty"), ("%00", "NUL"), ("a%00b", "NUL"), ("%zz", "percent-encoding"), ("%4", "percent-encoding"), ("%ff", "UTF-8"),
            (new string('x', 1025), "1024 bytes"), (string.Concat(Enumerable.Repeat("%61", 1025)), "1024 bytes"), ("a#b", "%23"),
            ("k?nonsense=1", "nonsense"),
        })
        {
            foreach ((string method, string route) in new[]
            {
                ("GET", "/get/"), ("GET", "/getlocal/"), ("POST", "/local/"), ("GET", "/v1/kv/"), ("PUT", "/v1/kv/"), ("DELETE", "/v1/kv/"),
            })
            {
                data.Add(method, route + suffix, 400, word);
            }

            if (suffix.Length > 0)
            {
                data.Add("POST", "/" + suffix, 400, word);
            }
        }

        data.Add("GET", "/get/\u00e4", 400, "ASCII");
        data.Add("GET", "/v1/kv/k?ttl=5", 400, "ttl");
        foreach (string ttl in new[] { "", "0", "-1", "+1", "x", "1e3", "1,5", "0.00000001", "3153600001", "99999999999999999999999999999999" })
        {
            data.Add("PUT", "/v1/kv/k?ttl=" + Uri.EscapeDataString(ttl), 400, "ttl");
        }

        data.Add("PUT", "/v1/kv/k?ttl=1&ttl=1", 400, "ttl");
        data.Add("DELETE", "/v1/kv/k?ttl=5", 400, "ttl");
        data.Add("POST", "/k?ttl=5", 400, "ttl");
        data.Add("GET", "/v1/changes?live=1", 400, "live");
        foreach (string id in new[] { "1", "1-", "-1", "01-2", "1-2-3", "x-y", "1--2" })
        {
            data.Add("GET", "/v1/changes?since=" + id, 400, "since");
        }

        foreach ((string query, string word) in new[]
        {
            ("prefix=a&key=a", "prefix and key"), ("prefix=&key=a", "prefix and key"), ("key=", "key is empty"), ("key", "key is empty"),
            ("key=a%00b", "key contains NUL"), ("key=%ff", "UTF-8"), ("key=" + new string('x', 1025), "1024 bytes"), ("key=a&key=b", "twice"),
            ("prefix=%00", "prefix contains NUL"), ("prefix=%ff", "UTF-8"), ("prefix=%zz", "percent-encoding"),
            ("prefix=" + new string('x', 1025), "1024 bytes"), ("values=maybe", "values takes true or false"), ("values=", "values takes true or false"),
        })
        {
            data.Add("GET", "/v1/changes?" + query, 400, word);
        }

        data.Add("GET", "/v1/kv?limit=0", 400, "limit");
        data.Add("GET", "/v1/kv?limit=1001", 400, "limit");
        data.Add("GET", "/v1/kv?limit=x", 400, "limit");
        data.Add("GET", "/v1/kv?limit=-1", 400, "limit");
        data.Add("GET", "/v1/kv?prefix=%ff", 400, "UTF-8");
        data.Add("GET", "/v1/kv?after=%", 400, "percent-encoding");
        data.Add("GET", "/get/" + new string('x', 9000), 414, "too long");
        data.Add("GET", "/v1/nothing", 404, "no such route");
        data.Add("GET", "/nothing", 404, "no such route");
        data.Add("POST", "/orleans/x", 404, "no such route");
        data.Add("POST", "/%76%31/x", 404, "no such route");
        data.Add("GET", "/", 404, "no such route");
        data.Add("GET", "/list?node=nobody", 404, "nobody");
        data.Add("GET", "/getlocal/k?node=nobody", 404, "nobody");
        data.Add("POST", "/local/k?node=nobody", 404, "nobody");
        return data;
    }

    [Theory]
    [MemberData(nameof(BadTargets))]
    public async Task A_bad_target_is_refused_with_what_is_wrong(string method, string target, int status, string word)
    {
        Answer answer = await _server.SendAsync(method, target);
        Assert.Equal(status, answer.Status);
        Assert.Contains(word, answer.Body, StringComparison.Ordinal);
        string type = status == 400 ? "bad-request" : status == 414 ? "malformed" : word == "nobody" ? "no-such-node" : "no-such-route";
        if (target.StartsWith("/v1/", StringComparison.Ordinal) && status != 414)
        {
            Assert.Contains("application/problem+json", answer.Headers, StringComparison.Ordinal);
            JsonElement problem = JsonDocument.Parse(answer.Body).RootElement;
            Assert.Equal(status, problem.GetProperty("status").GetInt32());
            Assert.Equal("urn:diststore:problem:" + type, problem.GetProperty("type").GetString());
            Assert.False(string.IsNullOrEmpty(problem.GetProperty("title").GetString()));
            Assert.Contains(word, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }
        else
        {
            Assert.Contains("text/plain", answer.Headers, StringComparison.Ordinal);
            Assert.Contains("Diststore-Problem: " + type, answer.Headers, StringComparison.Ordinal);
            Assert.Equal(1, answer.Body.Count(character => character == '\n'));
        }
    }

    [Theory]
    [InlineData("DELETE", "/get/k", "GET, HEAD")]
    [InlineData("POST", "/get/k", "GET, HEAD")]
    [InlineData("PUT", "/getlocal/k", "GET, HEAD")]
    [InlineData("POST", "/list", "GET, HEAD")]
    [InlineData("LINK", "/v1/kv/k", "GET, HEAD, PUT, DELETE, PATCH, POST")]
    [InlineData("PUT", "/v1/kv", "GET, HEAD, DELETE")]
    [InlineData("DELETE", "/v1/cluster", "GET, HEAD")]
    [InlineData("POST", "/health/live", "GET, HEAD")]
    [InlineData("POST", "/metrics", "GET, HEAD")]
    [InlineData("POST", "/v1/changes", "GET, HEAD")]
    [InlineData("GET", "/local", "POST")]
    [InlineData("GET", "/local/k", "POST, DELETE")]
    [InlineData("PUT", "/k", "POST")]
    [InlineData("DELETE", "/", "POST")]
    [InlineData("head", "/get/k", "GET, HEAD")]
    [InlineData("Put", "/v1/kv/k", "GET, HEAD, PUT, DELETE, PATCH, POST")]
    [InlineData("post", "/k", "POST")]
    public async Task A_wrong_method_is_told_the_right_ones(string method, string target, string allow)
    {
        Answer answer = await _server.SendAsync(method, target);
        Assert.Equal(405, answer.Status);
        Assert.Contains($"\r\nAllow: {allow}\r\n", answer.Headers + "\r\n", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("value=1", "key")]
    [InlineData("key=k", "value")]
    [InlineData("", "key")]
    [InlineData("key=&value=1", "empty")]
    [InlineData("key=a%00&value=1", "NUL")]
    [InlineData("key=%ff&value=1", "UTF-8")]
    [InlineData("key=k&value=%ff", "UTF-8")]
    [InlineData("key=%4&value=1", "percent-encoding")]
    [InlineData("key=k&value=1&key=l", "twice")]
    [InlineData("key=k&value=1&ttl=1%00", "ttl")]
    [InlineData("key=k&value=1&ttl=0", "ttl")]
    [InlineData("key=k&value=1&ttl=", "ttl")]
    [InlineData("key=k&value=1&ttl=1&ttl=1", "twice")]
    public async Task A_bad_form_is_refused(string form, string word)
    {
        foreach (string target in new[] { "/", "/local" })
        {
            Answer answer = await _server.SendAsync("POST", target, "Content-Type: application/x-www-form-urlencoded\r\n", form);
            Assert.Equal(400, answer.Status);
            Assert.Contains(word, answer.Body, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_bad_multipart_form_is_refused()
    {
        using var noValue = new MultipartFormDataContent { { new StringContent("k"), "key" } };
        using HttpResponseMessage answer = await _server.Client.PostAsync(new Uri("/", UriKind.Relative), noValue);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("value", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Answer cut = await _server.SendAsync("POST", "/", "Content-Type: multipart/form-data; boundary=b\r\n", "--b\r\nContent-Disp");
        Assert.Equal(400, cut.Status);
        Answer none = await _server.SendAsync("POST", "/", "Content-Type: multipart/form-data\r\n", "x");
        Assert.Equal(400, none.Status);
        Assert.Contains("boundary", none.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST", "/", "", 415, "form")]
    [InlineData("POST", "/", "Content-Type: application/json\r\n", 415, "form")]
    [InlineData("PUT", "/v1/kv/k", "Content-Encoding: gzip\r\n", 415, "Content-Encoding")]
    [InlineData("PUT", "/v1/kv/k", "Content-Range: bytes 0-1/2\r\n", 400, "Content-Range")]
    [InlineData("PUT", "/v1/kv/k", "Content-Type: te\u00c3\u00a4xt/plain\r\n", 400, "Content-Type")]
    [InlineData("PUT", "/v1/kv/k", "If-Match: 1-1\r\n", 400, "If-Match")]
    [InlineData("PUT", "/v1/kv/k", "If-Match: \r\n", 400, "If-Match")]
    [InlineData("PUT", "/v1/kv/k", "If-Match: , ,\r\n", 400, "If-Match")]
    [InlineData("DELETE", "/v1/kv/k", "If-Match: *, \"1-1\"\r\n", 400, "If-Match")]
    [InlineData("DELETE", "/v1/kv/k", "If-Match: \"1-1\", *\r\n", 400, "If-Match")]
    [InlineData("GET", "/v1/kv/k", "If-None-Match: \"1-1\r\n", 400, "If-None-Match")]
    [InlineData("GET", "/v1/kv/k", "If-None-Match: \"1-1\" \"1-2\"\r\n", 400, "If-None-Match")]
    [InlineData("GET", "/v1/kv/k", "If-None-Match: w/\"1-1\"\r\n", 400, "If-None-Match")]
    [InlineData("GET", "/v1/kv/k", "If-None-Match: W/ \"1-1\"\r\n", 400, "If-None-Match")]
    [InlineData("GET", "/v1/kv/k", "If-None-Match: \"a b\"\r\n", 400, "If-None-Match")]
    [InlineData("GET", "/v1/changes", "Last-Event-ID: 7\r\n", 400, "Last-Event-ID")]
    [InlineData("POST", "/k", "If-None-Match: *\r\n", 400, "If-None-Match")]
    public async Task Bad_headers_are_refused(string method, string target, string header, int status, string word)
    {
        Answer answer = await _server.SendAsync(method, target, header, "value");
        Assert.Equal(status, answer.Status);
        Assert.Contains(word, answer.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PUT", "/v1/kv/k", "application/octet-stream", 100_000_000)]
    [InlineData("PUT", "/v1/kv/k", "application/octet-stream", Limit + 1)]
    [InlineData("POST", "/k", "application/octet-stream", Limit + 1)]
    [InlineData("POST", "/local/k", "application/octet-stream", Limit + 1)]
    [InlineData("POST", "/", "application/x-www-form-urlencoded", 100_000_000)]
    public async Task A_body_announced_as_too_long_is_refused_before_any_of_it_is_sent(string method, string target, string type, int length)
    {
        Answer answer = await _server.SendAsync(
            $"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {type}\r\nContent-Length: {length}\r\n\r\n");
        Assert.Equal(413, answer.Status);
        Assert.Contains($"{Limit} bytes", answer.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PUT", "/v1/kv/k")]
    [InlineData("POST", "/k")]
    [InlineData("POST", "/local/k")]
    public async Task A_chunked_body_is_refused_once_it_is_over_the_limit(string method, string target)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _server.Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"{method} {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
        byte[] chunk = [.. "1000\r\n"u8, .. new byte[0x1000], .. "\r\n"u8];
        for (int sent = 0; sent <= Limit; sent += 0x1000)
        {
            await stream.WriteAsync(chunk);
        }

        // The body has not ended, and never will.
        Answer answer = await Answer.ReadAsync(stream);
        Assert.Equal(413, answer.Status);
        Assert.Contains($"{Limit} bytes", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_without_end_is_not_swallowed()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _server.Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync("PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray());
        byte[] chunk = [.. "10000\r\n"u8, .. new byte[0x10000], .. "\r\n"u8];
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        long sent = 0;
        await Assert.ThrowsAsync<IOException>(async () =>
        {
            while (sent < 1L << 30)
            {
                await stream.WriteAsync(chunk, deadline.Token);
                sent += chunk.Length;
            }
        });
        Assert.InRange(sent, 0, 64L << 20);
    }

    [Fact]
    public async Task A_body_cut_short_stores_nothing()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _server.Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync("PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"u8.ToArray());
        client.Client.Shutdown(SocketShutdown.Send);
        // Whether there is an answer, or the connection is reset, there must not be an entry; DisposeAsync looks.
        byte[] buffer = new byte[1024];
        int read = await stream.ReadAsync(buffer).AsTask().ContinueWith(task => task.IsCompletedSuccessfully ? task.Result : 0, TaskScheduler.Default);
        Assert.DoesNotContain("HTTP/1.1 2", Encoding.ASCII.GetString(buffer, 0, read), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "If-None-Match")]
    [InlineData("PUT", "If-Match")]
    public async Task Too_many_entity_tags_are_refused(string method, string name)
    {
        string tags = string.Join(", ", Enumerable.Range(1, VersionMatch.MaxVersions + 1).Select(static number => $"\"1-{number}\""));
        Answer answer = await _server.SendAsync(method, "/v1/kv/k", $"{name}: {tags}\r\n");
        Assert.Equal(400, answer.Status);
        Assert.Contains($"more than {VersionMatch.MaxVersions}", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_form_for_one_node_takes_no_ttl()
    {
        Answer answer = await _server.SendAsync("POST", "/local", "Content-Type: application/x-www-form-urlencoded\r\n", "key=k&value=1&ttl=5");
        Assert.Equal(400, answer.Status);
        Assert.Contains("ttl", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_without_host_is_told_so()
    {
        Answer answer = await _server.SendAsync("GET /get/k HTTP/1.1\r\n\r\n");
        Assert.Equal(400, answer.Status);
        Assert.Contains("Host", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_speaks_HTTP_2_is_told_in_HTTP_2_that_this_is_HTTP_1_1()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _server.Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        var answer = new MemoryStream();
        await stream.CopyToAsync(answer);
        // GOAWAY with HTTP_1_1_REQUIRED (RFC 9113, sections 6.8 and 7).
        Assert.Equal("000008" + "07" + "00" + "00000000" + "00000000" + "0000000D", Convert.ToHexString(answer.ToArray()));
        Assert.Equal(505, (await _server.SendAsync("GET /get/k HTTP/2.0\r\nHost: x\r\n\r\n")).Status);
    }

    [Fact]
    public async Task Odd_targets_are_refused()
    {
        Assert.Equal(400, (await _server.SendAsync("OPTIONS", "*")).Status);
        Assert.Equal(400, (await _server.SendAsync("GET", "*")).Status);
        Assert.Equal(405, (await _server.SendAsync("OPTIONS", "/get/k")).Status);
        Assert.Equal(400, (await _server.SendAsync("CONNECT", "x:80")).Status);
        Assert.Equal(400, (await _server.SendAsync("GET", "x:80")).Status);
    }
}
