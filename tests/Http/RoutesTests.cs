using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Diststore.Core;

namespace Diststore.Http.Tests;

public sealed class RoutesTests : IAsyncLifetime
{
    private TestServer _server = null!;

    public async Task InitializeAsync() => _server = await TestServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_value_put_is_got_with_its_type_version_and_node()
    {
        Answer created = await _server.SendAsync("PUT", "/v1/kv/a%2Fb", "Content-Type: image/x\r\n", "bytes");
        Assert.Equal(201, created.Status);
        Assert.Contains("ETag: \"1-1\"", created.Headers, StringComparison.Ordinal);
        Assert.Equal(204, (await _server.SendAsync("PUT", "/v1/kv/a/b", "Content-Type: image/x\r\n", "more!")).Status);

        foreach (string route in new[] { "/v1/kv/a/b", "/get/a%2Fb", "/getlocal/a/b", "http://x/get/a/b" })
        {
            Answer got = await _server.SendAsync("GET", route);
            Assert.Equal(200, got.Status);
            Assert.Equal("more!", got.Body);
            foreach (string header in new[]
            {
                "ETag: \"1-2\"", "Content-Type: image/x", "Content-Length: 5", "Diststore-Node: n1", "X-Content-Type-Options: nosniff",
            })
            {
                Assert.Contains("\r\n" + header, got.Headers, StringComparison.Ordinal);
            }

            Assert.DoesNotContain("Server:", got.Headers, StringComparison.Ordinal);
            Answer head = await _server.SendAsync("HEAD", route);
            Assert.Equal("", head.Body);
            Assert.Contains("Content-Length: 5", head.Headers, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Keys_that_routing_would_confuse_stay_apart()
    {
        string[] raw = ["a/b", "a%252Fb", "a//b", "a/../b", "../b", "b", "b/", "%20", "+", ".", "%2e%2e", "v1%2Fkv", "%C3%A4"];
        foreach (string target in raw)
        {
            Assert.Equal(201, (await _server.SendAsync("PUT", "/v1/kv/" + target, body: target)).Status);
        }

        foreach (string target in raw)
        {
            Assert.Equal(target, (await _server.SendAsync("GET", "/get/" + target)).Body);
        }

        Assert.Equal(
            raw.Select(Uri.UnescapeDataString).Order(StringComparer.Ordinal),
            _server.Store.Replicated.Keys.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("/..%2Fx", "../x")]
    [InlineData("/../x", "../x")]
    [InlineData("//", "/")]
    [InlineData("/v1x/y", "v1x/y")]
    [InlineData("/plain", "plain")]
    public async Task A_raw_post_stores_under_its_path(string target, string key)
    {
        Assert.Equal(200, (await _server.SendAsync("POST", target, body: "v")).Status);
        Assert.Equal("v", Encoding.UTF8.GetString(_server.Store.Replicated[key].Value!));
    }

    [Fact]
    public async Task The_longest_key_fully_encoded_fits()
    {
        string target = string.Concat(Enumerable.Repeat("%C3%A4", KeyRules.MaxBytes / 2));
        Assert.Equal(201, (await _server.SendAsync("PUT", "/v1/kv/" + target, body: "v")).Status);
        Assert.Equal(200, (await _server.SendAsync("GET", $"/v1/kv?prefix={target}&after=")).Status);
        Assert.Equal("v", (await _server.SendAsync("GET", "/get/" + target)).Body);
    }

    [Fact]
    public async Task Forms_store_text()
    {
        Answer posted = await _server.SendAsync("POST", "/", "Content-Type: application/x-www-form-urlencoded\r\n", "value=a+b%26&key=k%2Fl");
        Assert.Equal(200, posted.Status);
        using var form = new MultipartFormDataContent
        {
            { new StringContent("m"), "key" },
            { new ByteArrayContent([0, 255]) { Headers = { ContentType = new MediaTypeHeaderValue("image/png") } }, "value", "a.png" },
        };
        using HttpResponseMessage answer = await _server.Client.PostAsync(new Uri("/local", UriKind.Relative), form);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);

        Answer got = await _server.SendAsync("GET", "/get/k/l");
        Assert.Equal("a b&", got.Body);
        Assert.Contains("Content-Type: text/plain; charset=utf-8", got.Headers, StringComparison.Ordinal);
        Entry entry = _server.Store.LocalOnly["m"];
        Assert.Equal([0, 255], entry.Value);
        Assert.Equal("image/png", entry.ContentType);
        Answer local = await _server.SendAsync("GET", "/getlocal/m?node=n1");
        Assert.DoesNotContain("ETag", local.Headers, StringComparison.Ordinal);
        Assert.Equal(404, (await _server.SendAsync("GET", "/v1/kv/m")).Status);
    }

    [Fact]
    public async Task Values_of_any_size_come_back()
    {
        foreach (int size in new[] { 0, 1, 4095, 4096, 65536, 65537, 1_000_000, 4 * 1024 * 1024 })
        {
            byte[] value = new byte[size];
            new Random(size).NextBytes(value);
            var uri = new Uri($"/v1/kv/{size}", UriKind.Relative);
            using var known = new ByteArrayContent(value);
            using HttpResponseMessage put = await _server.Client.PutAsync(uri, known);
            Assert.Equal(HttpStatusCode.Created, put.StatusCode);
            using var chunked = new HttpRequestMessage(HttpMethod.Put, uri) { Content = new ByteArrayContent(value) };
            chunked.Headers.TransferEncodingChunked = true;
            using HttpResponseMessage again = await _server.Client.SendAsync(chunked);
            Assert.Equal(HttpStatusCode.NoContent, again.StatusCode);
            using HttpResponseMessage got = await _server.Client.GetAsync(uri);
            Assert.Equal("application/octet-stream", got.Content.Headers.ContentType?.ToString());
            byte[] back = await got.Content.ReadAsByteArrayAsync();
            Assert.True(value.AsSpan().SequenceEqual(back));
        }
    }

    [Theory]
    [InlineData("", 204, 404)]
    [InlineData("?node=n1", 204, 404)]
    [InlineData("?node=nobody", 404, 404)]
    [InlineData("?other=n1", 400, 400)]
    public async Task Deleting_on_one_node_says_whether_there_was_a_key(string query, int first, int second)
    {
        await _server.SendAsync("POST", "/local/k%2Fl", body: "v");
        Answer deleted = await _server.SendAsync("DELETE", $"/local/k%2Fl{query}");
        Assert.Equal((first, second), (deleted.Status, (await _server.SendAsync("DELETE", $"/local/k%2Fl{query}")).Status));
        Assert.Equal(first == 204 ? 404 : 200, (await _server.SendAsync("GET", "/getlocal/k/l")).Status);
        Assert.Equal(first == 204, deleted.Body.Length == 0);
    }

    [Fact]
    public async Task Deleting_on_one_node_takes_a_key_and_no_conditions()
    {
        await _server.SendAsync("POST", "/local/k", body: "v");
        Assert.Equal(400, (await _server.SendAsync("DELETE", "/local/k", "If-Match: *\r\n")).Status);
        Assert.Equal(400, (await _server.SendAsync("DELETE", "/local/")).Status);
        Assert.Equal(405, (await _server.SendAsync("DELETE", "/local")).Status);
        Answer put = await _server.SendAsync("PUT", "/local/k", body: "v");
        Assert.Equal(405, put.Status);
        Assert.Contains("Allow: POST, DELETE", put.Headers, StringComparison.Ordinal);
        Assert.Equal(200, (await _server.SendAsync("GET", "/getlocal/k")).Status);
    }

    [Fact]
    public async Task Beyond_a_nodes_quota_is_507()
    {
        _server.Store.LocalWritten = new WriteResult(WriteOutcome.OverQuota, default, FakeStore.Name, "this node is full");
        Answer posted = await _server.SendAsync("POST", "/local/k", body: "v");
        Assert.Equal(507, posted.Status);
        Assert.Contains("this node is full", posted.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deleting_says_whether_there_was_a_key()
    {
        await _server.SendAsync("PUT", "/v1/kv/k", body: "v");
        Assert.Equal(204, (await _server.SendAsync("DELETE", "/v1/kv/k")).Status);
        Assert.Equal(404, (await _server.SendAsync("DELETE", "/v1/kv/k")).Status);
    }

    [Fact]
    public async Task Listing_pages_through_all_keys_in_order()
    {
        string[] keys = [.. Enumerable.Range(0, 25).Select(number => $"p/{number:d2} &+"), "q"];
        foreach (string key in keys)
        {
            await _server.SendAsync("PUT", "/v1/kv/" + Uri.EscapeDataString(key), body: key);
        }

        var listed = new List<string>();
        string? after = "";
        while (after is not null)
        {
            Answer answer = await _server.SendAsync("GET", $"/v1/kv?prefix=p%2F&limit=10&after={Uri.EscapeDataString(after)}");
            JsonElement page = JsonDocument.Parse(answer.Body).RootElement;
            Assert.Equal("1-26", page.GetProperty("id").GetString());
            listed.AddRange(page.GetProperty("keys").EnumerateArray().Select(key => key.GetProperty("key").GetString()!));
            after = page.GetProperty("next").GetString();
        }

        Assert.Equal(keys[..25], listed);
        await _server.SendAsync("POST", "/local/two%0Alines", body: "v");
        string lines = await _server.Client.GetStringAsync("/list");
        Assert.Equal(string.Concat(keys.Select(key => key + "\n")) + "two%0Alines\n", lines);
    }

    [Fact]
    public async Task What_the_store_cannot_say_is_503_and_what_it_throws_500()
    {
        _server.Store.Read = new ReadResult(ReadOutcome.Unavailable, null, "n1", "no master answers");
        _server.Store.Write = new WriteResult(WriteOutcome.Unknown, default, "n1");
        foreach (Answer answer in new[]
        {
            await _server.SendAsync("GET", "/get/k"), await _server.SendAsync("GET", "/v1/kv/k"), await _server.SendAsync("GET", "/v1/kv"),
        })
        {
            Assert.Equal(503, answer.Status);
            Assert.Contains("Retry-After: 1", answer.Headers, StringComparison.Ordinal);
        }

        foreach (Answer answer in new[]
        {
            await _server.SendAsync("PUT", "/v1/kv/k", body: "v"),
            await _server.SendAsync("POST", "/k", body: "v"),
            await _server.SendAsync("DELETE", "/v1/kv/k"),
        })
        {
            Assert.Equal(503, answer.Status);
            Assert.Contains("outcome is unknown", answer.Body, StringComparison.Ordinal);
        }

        _server.Store.Throws = new InvalidOperationException("secret");
        Answer failed = await _server.SendAsync("GET", "/v1/kv/k");
        Assert.Equal(500, failed.Status);
        Assert.DoesNotContain("secret", failed.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_node_whose_store_has_failed_says_so_and_that_another_may_be_asked()
    {
        _server.Store.Throws = new StoreFailedException("the store is damaged");
        Answer failed = await _server.SendAsync("GET", "/getlocal/k");
        Assert.Equal(503, failed.Status);
        Assert.Contains("ask another node", failed.Body, StringComparison.Ordinal);
        Assert.Equal("", _server.Log.TakeErrors());
    }

    [Fact]
    public async Task Operators_get_health_cluster_and_the_description()
    {
        Assert.Equal(200, (await _server.SendAsync("GET", "/health/live")).Status);
        Assert.Equal(200, (await _server.SendAsync("GET", "/health/ready")).Status);
        _server.Store.NotReadyBecause = "no node yet";
        Answer notReady = await _server.SendAsync("GET", "/health/ready");
        Assert.Equal(503, notReady.Status);
        Assert.Contains("no node yet", notReady.Body, StringComparison.Ordinal);

        (_server.Store.NotReadyBecause, _server.Store.NotWritableBecause) = (null, "all are gone");
        Answer readsOnly = await _server.SendAsync("GET", "/health/ready");
        Assert.Equal((200, "ok, but not writable: all are gone\n"), (readsOnly.Status, readsOnly.Body));

        JsonElement cluster = JsonDocument.Parse((await _server.SendAsync("GET", "/v1/cluster")).Body).RootElement;
        Assert.Equal("n1", cluster.GetProperty("partitions")[0].GetProperty("primary").GetString());
        Assert.False(cluster.GetProperty("partitions")[0].GetProperty("writable").GetBoolean());
        JsonElement missing = cluster.GetProperty("partitions")[0].GetProperty("missing")[0];
        Assert.Equal(("n2", "1970-01-01T00:00:00.000Z"), (missing.GetProperty("name").GetString(), missing.GetProperty("since").GetString()));
        Assert.Equal("primary", cluster.GetProperty("nodes")[0].GetProperty("role").GetString());
        Assert.Equal("http://127.0.0.1:1", cluster.GetProperty("nodes")[0].GetProperty("url").GetString());
    }

    [Fact]
    public async Task The_description_lists_what_is_served()
    {
        JsonElement paths = JsonDocument.Parse((await _server.SendAsync("GET", "/openapi/v1.json")).Body).RootElement.GetProperty("paths");
        Assert.Equal(21, paths.EnumerateObject().Count());
        foreach (JsonProperty path in paths.EnumerateObject())
        {
            string target = path.Name.Replace("{key}", "k", StringComparison.Ordinal) + (path.Name == "/v1/changes" ? "?live=false" : "");
            foreach (string method in new[] { "get", "head", "put", "post", "delete", "patch" })
            {
                Answer answer = await _server.SendAsync(method.ToUpperInvariant(), target);
                bool described = path.Value.TryGetProperty(method, out JsonElement operation);
                bool served = answer.Status != 405 && !answer.Body.Contains("no such route", StringComparison.Ordinal)
                    && !(method == "head" && answer.Status == 404 && path.Name is "/" or "/{key}");
                Assert.True(described == served, $"{method} {path.Name}: described {described}, answered {answer.Status} {answer.Body}");
                bool isListed = !described || operation.GetProperty("responses").TryGetProperty(answer.Status.ToString(provider: null), out _);
                Assert.True(isListed, $"{method} {path.Name} {answer.Status}");
            }
        }
    }

    [Fact]
    public async Task Tokens_guard_all_but_health_and_description()
    {
        await using TestServer guarded = await TestServer.StartAsync(options => options.Tokens = ["one", "two"]);
        foreach (string target in new[] { "/get/k", "/v1/kv/k", "/v1/cluster", "/list", "/nothing" })
        {
            foreach (string header in new[] { "", "Authorization: Bearer three\r\n", "Authorization: Basic one\r\n", "Authorization: Bearer \r\n" })
            {
                Answer refused = await guarded.SendAsync("GET", target, header);
                Assert.Equal(401, refused.Status);
                Assert.Contains("WWW-Authenticate: Bearer", refused.Headers, StringComparison.Ordinal);
            }

            Assert.NotEqual(401, (await guarded.SendAsync("GET", target, "Authorization: Bearer two\r\n")).Status);
        }

        foreach (string target in new[] { "/health/live", "/health/ready", "/openapi/v1.json" })
        {
            Assert.Equal(200, (await guarded.SendAsync("GET", target)).Status);
        }
    }
}
