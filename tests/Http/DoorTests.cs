using System.Net;
using System.Net.Sockets;
using System.Text;
using Diststore.Core;

namespace Diststore.Http.Tests;

/// <summary>Web pages of other origins, and what Kestrel lets through.</summary>
public sealed class DoorTests : IAsyncLifetime
{
    private TestServer _server = null!;

    public async Task InitializeAsync() => _server = await TestServer.StartAsync(
        options => options.AllowedHosts = DiststoreHttpOptions.HostsOf(IPAddress.Loopback, "Node-1"));

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.0.0.1:8181", true)]
    [InlineData("127.1.2.3:1", true)]
    [InlineData("[::1]:8181", true)]
    [InlineData("[::1]", true)]
    [InlineData("localhost", true)]
    [InlineData("LocalHost.:8181", true)]
    [InlineData("node-1:8181", true)]
    [InlineData("evil.example", false)]
    [InlineData("localhost.evil.example", false)]
    [InlineData("127.0.0.1.evil.example:8181", false)]
    [InlineData("10.0.0.1", false)]
    [InlineData("[::2]", false)]
    [InlineData("", false)]
    public async Task Only_the_hosts_of_a_loopback_address_are_served(string host, bool isServed)
    {
        foreach (string target in new[] { "/health/live", "/v1/kv/k", "/get/k", "/v1/cluster" })
        {
            int status = (await _server.SendAsync($"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).Status;
            Assert.Equal(isServed ? target.EndsWith('k') ? 404 : 200 : 421, status);
        }
    }

    [Theory]
    [InlineData("http://evil.example/health/live", "evil.example", 421)]
    [InlineData("http://evil.example:81/health/live", "evil.example:81", 421)]
    [InlineData("http://localhost/health/live", "localhost", 200)]
    [InlineData("http://127.0.0.1:9/health/live", "127.0.0.1:9", 200)]
    public async Task The_host_of_an_absolute_target_counts(string target, string host, int status) =>
        Assert.Equal(status, (await _server.SendAsync($"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).Status);

    [Fact]
    public async Task Who_names_no_host_in_HTTP_1_0_is_served() =>
        Assert.Equal(200, (await _server.SendAsync("GET /health/live HTTP/1.0\r\n\r\n")).Status);

    [Fact]
    public async Task Where_any_host_is_allowed_any_is_served()
    {
        await using TestServer any = await TestServer.StartAsync(options => options.AllowedHosts = DiststoreHttpOptions.HostsOf(IPAddress.Any, "n"));
        Assert.Equal(200, (await any.SendAsync("GET /health/live HTTP/1.1\r\nHost: silo-1:8181\r\n\r\n")).Status);
    }

    [Theory]
    [InlineData("*", true)]
    [InlineData("a.example, 10.0.0.1,[::1],x_y", true)]
    [InlineData("", false)]
    [InlineData("a,*", false)]
    [InlineData("a:80", false)]
    [InlineData("http://a", false)]
    [InlineData("a b", false)]
    public void A_list_of_hosts_is_checked(string text, bool isGood) => Assert.Equal(isGood, DiststoreHttpOptions.TryParseHosts(text, out _));

    [Theory]
    [InlineData("Sec-Fetch-Site: cross-site", 403)]
    [InlineData("Sec-Fetch-Site: same-site", 403)]
    [InlineData("Sec-Fetch-Site: same-origin", 200)]
    [InlineData("Sec-Fetch-Site: none", 200)]
    [InlineData("Origin: http://evil.example", 403)]
    [InlineData("Origin: null", 403)]
    [InlineData("Origin: http://localhost:3000", 403)]
    [InlineData("Origin: http://localhost", 403)]
    [InlineData("Origin: http://localhost:8181", 200)]
    [InlineData("Origin: http://LOCALHOST:8181", 200)]
    [InlineData("Origin: https://localhost:8181", 200)]
    [InlineData("Origin: http://localhost:8181\r\nSec-Fetch-Site: cross-site", 403)]
    [InlineData("Origin: http://localhost:8181\r\nOrigin: http://evil.example", 403)]
    public async Task A_page_of_another_origin_changes_nothing(string headers, int status)
    {
        foreach (string target in new[] { "/k", "/local/k", "/v1/cluster/step-down" })
        {
            // The body is announced and not sent where it is refused: nobody waits for it.
            string body = status == 403 ? "" : "v";
            string request = $"POST {target} HTTP/1.1\r\nHost: localhost:8181\r\nContent-Length: 1\r\nConnection: close\r\n{headers}\r\n\r\n{body}";
            Assert.Equal(status, (await _server.SendAsync(request)).Status);
        }

        Assert.Equal(status == 200, _server.Store.RoleWishes.Count > 0 && !_server.Store.Replicated.IsEmpty && !_server.Store.LocalOnly.IsEmpty);
        Assert.Equal(404, (await _server.SendAsync($"GET /get/none HTTP/1.1\r\nHost: localhost:8181\r\nConnection: close\r\n{headers}\r\n\r\n")).Status);
    }

    [Fact]
    public async Task An_origin_without_a_port_is_that_of_the_schemes_port()
    {
        foreach ((string origin, string host) in new[] { ("http://localhost", "localhost:80"), ("https://localhost", "localhost"), ("http://[::1]", "[::1]") })
        {
            Assert.Equal(200, (await _server.SendAsync(
                $"POST /k HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nConnection: close\r\nOrigin: {origin}\r\n\r\nv")).Status);
        }
    }

    [Fact]
    public async Task A_stored_value_comes_in_a_sandbox()
    {
        _server.Store.Change(new Entry("k", "<script>"u8.ToArray(), "text/html", new LogPoint(1, 1)));
        foreach (string target in new[] { "GET /get/k", "GET /getlocal/k", "GET /v1/kv/k", "HEAD /v1/kv/k", "GET /v1/changes?live=false" })
        {
            Answer answer = await SendHeadAsync(target);
            Assert.Equal("sandbox; default-src 'none'", answer.Header("Content-Security-Policy"));
            Assert.Equal("same-origin", answer.Header("Cross-Origin-Resource-Policy"));
            Assert.Equal("nosniff", answer.Header("X-Content-Type-Options"));
            Assert.Null(answer.Header("Access-Control-Allow-Origin"));
        }
    }

    [Theory]
    [InlineData("Transfer-Encoding: gzip, chunked")]
    [InlineData("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked")]
    [InlineData("Transfer-Encoding: identity, chunked")]
    public async Task A_coding_besides_chunked_is_refused(string header)
    {
        foreach (string target in new[] { "PUT /v1/kv/k", "POST /k", "POST /local/k" })
        {
            Answer answer = await _server.SendAsync($"{target} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n1\r\nx\r\n0\r\n\r\n");
            Assert.Equal(501, answer.Status);
            Assert.Contains("chunked", answer.Body, StringComparison.Ordinal);
        }

        Assert.Empty(_server.Store.Replicated);
        Assert.Empty(_server.Store.LocalOnly);
    }

    [Theory]
    [InlineData("FFFFFFFFFFFFFFFF\r\n")]
    [InlineData("7FFFFFFFFFFFFFFF\r\n")]
    [InlineData("80000000\r\n")]
    [InlineData("-1\r\n")]
    [InlineData("x\r\n")]
    [InlineData("1\r\nxy\r\n0\r\n\r\n")]
    public async Task A_chunk_that_is_none_is_the_clients_fault(string body)
    {
        foreach (string head in new[]
        {
            "PUT /v1/kv/k HTTP/1.1", "POST /k HTTP/1.1", "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded",
            "POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b", "POST /v1/nothing HTTP/1.1",
        })
        {
            Answer answer = await _server.SendAsync($"{head}\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
            Assert.True(answer.Status is 400 or 404 or 413, $"{head} {answer.Status} {answer.Body}");
        }

        Assert.Empty(_server.Store.Replicated);
        Assert.Equal("", _server.Log.TakeErrors());
    }

    private async Task<Answer> SendHeadAsync(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _server.Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        var text = new MemoryStream();
        await stream.CopyToAsync(text);
        string all = Encoding.UTF8.GetString(text.ToArray());
        return new Answer(int.Parse(all.AsSpan(9, 3), provider: null), all[..all.IndexOf("\r\n\r\n", StringComparison.Ordinal)], "");
    }
}
