using System.Text;
using System.Text.Json;
using Diststore.Core;

namespace Diststore.Http.Tests;

/// <summary><c>GET /v1/kv</c> with values, and as a count.</summary>
public sealed class ListingTests : IAsyncLifetime
{
    private TestServer _server = null!;

    public async Task InitializeAsync()
    {
        _server = await TestServer.StartAsync();
        foreach ((string key, string value) in new[] { ("a", "one"), ("p/b", "two!"), ("p/c", "") })
        {
            string headers = (key == "a" ? "Content-Type: text/x\r\n" : "") + (value.Length == 0 ? "Content-Length: 0\r\n" : "");
            Assert.Equal(201, (await _server.SendAsync("PUT", "/v1/kv/" + key, headers, value)).Status);
        }
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Values_come_in_base64_and_without_that_not_at_all()
    {
        JsonElement[] keys = [.. (await ListAsync("?values=true")).GetProperty("keys").EnumerateArray()];
        Assert.Equal(["one", "two!", ""], keys.Select(static key => Encoding.UTF8.GetString(key.GetProperty("value").GetBytesFromBase64())));
        Assert.Equal("text/x", keys[0].GetProperty("contentType").GetString());
        Assert.Equal(JsonValueKind.Null, keys[0].GetProperty("expiresAt").ValueKind);
        Assert.Equal(ListShows.Values, _server.Store.AskedList!.Shows);

        foreach (string query in new[] { "", "?values=false", "?values=false&count=false" })
        {
            JsonElement key = (await ListAsync(query)).GetProperty("keys")[0];
            Assert.False(key.TryGetProperty("value", out _));
            Assert.True(key.TryGetProperty("expiresAt", out _));
            Assert.Equal(ListShows.Keys, _server.Store.AskedList!.Shows);
        }
    }

    [Fact]
    public async Task What_expires_says_when()
    {
        _server.Store.Replicated["e"] = new Entry("e", [1], null, new LogPoint(1, 9), DateTimeOffset.UnixEpoch.AddMilliseconds(1500));
        JsonElement key = (await ListAsync("?prefix=e")).GetProperty("keys")[0];
        Assert.Equal("1970-01-01T00:00:01.500Z", key.GetProperty("expiresAt").GetString());
    }

    [Fact]
    public async Task A_count_says_how_many_keys_and_how_many_bytes()
    {
        JsonElement count = await ListAsync("?count=true&prefix=p/&after=p/a");
        Assert.Equal((2, 4), (count.GetProperty("count").GetInt32(), count.GetProperty("bytes").GetInt32()));
        Assert.Equal(JsonValueKind.Null, count.GetProperty("next").ValueKind);
        Assert.Equal(("p/", "p/a", ListShows.Count), (_server.Store.AskedList!.Prefix, _server.Store.AskedList.After, _server.Store.AskedList.Shows));
        Assert.Equal(3, count.EnumerateObject().Count());
    }

    [Theory]
    [InlineData("values=yes", "values")]
    [InlineData("values=", "values")]
    [InlineData("count=1", "count")]
    [InlineData("count=true&values=true", "together")]
    [InlineData("count=true&limit=5", "limit")]
    [InlineData("values=true&limit=1001", "limit")]
    public async Task What_does_not_go_is_refused(string query, string word)
    {
        Answer answer = await _server.SendAsync("GET", "/v1/kv?" + query);
        Assert.Equal(400, answer.Status);
        Assert.Contains(word, answer.Body, StringComparison.Ordinal);
        Assert.Null(_server.Store.AskedList);
    }

    private async Task<JsonElement> ListAsync(string query)
    {
        Answer answer = await _server.SendAsync("GET", "/v1/kv" + query);
        Assert.Equal(200, answer.Status);
        return JsonDocument.Parse(answer.Body).RootElement;
    }
}
