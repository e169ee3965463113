using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using CsCheck;
using Diststore.Core;
using Diststore.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Diststore.Http.Tests;

/// <summary><c>POST /v1/read</c>.</summary>
public sealed class ManyTests : IAsyncLifetime
{
    private const string Json = "Content-Type: application/json\r\n";
    private const int Inputs = 3_000;

    private static readonly string[] Names = ["key", "version", "contentType", "size", "value", "expiresAt"];

    private TestServer _server = null!;

    public async Task InitializeAsync()
    {
        _server = await TestServer.StartAsync();
        await _server.SendAsync("PUT", "/v1/kv/a?ttl=1.5", "Content-Type: text/plain\r\n", "one");
        await _server.SendAsync("PUT", "/v1/kv/b", body: "two");
    }

    public async Task DisposeAsync()
    {
        Assert.Equal("", _server.Log.TakeErrors());
        await _server.DisposeAsync();
    }

    public static TheoryData<string, string, string, int, string, string> Bad()
    {
        var data = new TheoryData<string, string, string, int, string, string>();
        foreach ((string body, string what) in new[]
        {
            ("", "the body is empty"),
            ("keys=a", "line 1, byte 1"),
            ("{}", "the member \"keys\" is missing"),
            ("[\"a\"]", "the body: an object belongs here, not an array"),
            ("{\"keys\":\"a\"}", "keys: an array belongs here, not a string"),
            ("{\"keys\":null}", "keys: an array belongs here, not null"),
            ("{\"keys\":[\"a\"],\"keys\":[\"b\"]}", "\"keys\" is given twice"),
            ("{\"keys\":[\"a\"],\"limit\":1}", "\"limit\" is not known here"),
            ("{\"keys\":[\"a\",7]}", "keys[1]: a string belongs here, not a number"),
            ("{\"keys\":[\"a\",\"b\",null]}", "keys[2]: a string belongs here, not null"),
            ("{\"keys\":[\"a\",[\"b\"]]}", "keys[1]: a string belongs here, not an array"),
            ("{\"keys\":[\"a\",\"\"]}", "keys[1]: the key is empty"),
            ("{\"keys\":[\"\\u0000\"]}", "keys[0]: the key contains NUL"),
            ("{\"keys\":[\"\\ud800\"]}", "keys[0]: the string has a lone surrogate"),
            ("{\"keys\":[\"" + new string('k', 1025) + "\"]}", "keys[0]: the string is longer than 1024 bytes"),
            ("{\"keys\":[\"" + new string('k', 100_000) + "\"]}", "keys[0]: the string is longer than 1024 bytes"),
            ("{\"keys\":[" + string.Join(',', Enumerable.Repeat("\"k\"", 1001)) + "]}", "keys: there are more than 1000 elements"),
            ("{\"keys\":[\"a\",]}", "trailing comma"),
            ("{\"keys\":[\"a\"]}]", "line 1, byte 15"),
        })
        {
            data.Add("/v1/read", Json, body, 400, "bad-request", what);
        }

        foreach (string type in new[] { "", "text/json", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/jsonx", "json" })
        {
            data.Add("/v1/read", type.Length == 0 ? "" : $"Content-Type: {type}\r\n", "{\"keys\":[]}", 415, "unsupported-media-type", "application/json");
        }

        data.Add("/v1/read", Json + "Content-Encoding: gzip\r\n", "{\"keys\":[]}", 415, "unsupported-media-type", "Content-Encoding");
        data.Add("/v1/read", Json + "If-Match: *\r\n", "{\"keys\":[]}", 400, "bad-request", "If-Match");
        data.Add("/v1/read?limit=1", Json, "{\"keys\":[]}", 400, "bad-request", "limit");
        data.Add("/v1/read?consistency=weak", Json, "{\"keys\":[]}", 400, "bad-request", "consistency");
        data.Add("/v1/read", Json + "Diststore-Min-Sequence: x\r\n", "{\"keys\":[]}", 400, "bad-request", "Diststore-Min-Sequence");
        data.Add("/v1/read/", Json, "{\"keys\":[]}", 404, "no-such-route", "no such route");
        return data;
    }

    [Theory]
    [MemberData(nameof(Bad))]
    public async Task What_is_wrong_is_named(string target, string headers, string body, int status, string type, string what)
    {
        Answer answer = await _server.SendAsync("POST", target, headers, body);
        Assert.Equal(status, answer.Status);
        JsonElement problem = JsonDocument.Parse(answer.Body).RootElement;
        Assert.Equal("urn:diststore:problem:" + type, problem.GetProperty("type").GetString());
        Assert.Contains(what, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Null(_server.Store.AskedMany);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    public async Task It_takes_a_post(string method)
    {
        Answer answer = await _server.SendAsync(method, "/v1/read");
        Assert.Equal((405, "POST"), (answer.Status, answer.Header("Allow")));
    }

    [Fact]
    public async Task A_body_beyond_8_MiB_is_refused_and_one_of_that_length_is_read()
    {
        byte[] Body(int length) => Encoding.ASCII.GetBytes("{\"keys\":[]}".PadRight(length));
        foreach (bool chunked in new[] { false, true })
        {
            using HttpContent whole = Content(Body(8 << 20), chunked), longer = Content(Body((8 << 20) + 1), chunked);
            using HttpResponseMessage taken = await _server.Client.PostAsync("/v1/read", whole), refused = await _server.Client.PostAsync("/v1/read", longer);
            Assert.Equal((200, 413), ((int)taken.StatusCode, (int)refused.StatusCode));
            Assert.Contains("8388608 bytes", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        static HttpContent Content(byte[] body, bool chunked)
        {
            HttpContent content = chunked ? new StreamContent(new Unsized(body)) : new ByteArrayContent(body);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            return content;
        }
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("Application/JSON; charset=UTF-8")]
    [InlineData("application/json;charset=\"utf-8\"; x=y")]
    public async Task The_answer_has_an_entry_or_null_for_each_key_in_their_order(string type)
    {
        Answer answer = await _server.SendAsync("POST", "/v1/read", $"Content-Type: {type}\r\n", "{\"keys\":[\"b\",\"n\\u006fne\",\"a\",\"b\"]}");
        Assert.Equal((200, "application/json", "no-store"), (answer.Status, answer.Header("Content-Type"), answer.Header("Cache-Control")));
        Assert.Equal(["b", "none", "a", "b"], _server.Store.AskedMany!.Keys);
        JsonElement all = JsonDocument.Parse(answer.Body).RootElement;
        Assert.Equal(["entries", "next"], all.EnumerateObject().Select(static member => member.Name));
        Assert.Equal(JsonValueKind.Null, all.GetProperty("next").ValueKind);
        JsonElement[] entries = [.. all.GetProperty("entries").EnumerateArray()];
        Assert.Equal(Names, entries[2].EnumerateObject().Select(static member => member.Name));
        Assert.Equal(JsonValueKind.Null, entries[1].ValueKind);
        Assert.Equal(
            "{\"key\":\"a\",\"version\":\"1-1\",\"contentType\":\"text/plain\",\"size\":3,\"value\":\"b25l\",\"expiresAt\":\"1970-01-01T00:00:01.500Z\"}",
            entries[2].GetRawText());
        Assert.Equal(
            "{\"key\":\"b\",\"version\":\"1-2\",\"contentType\":null,\"size\":3,\"value\":\"dHdv\",\"expiresAt\":null}", entries[0].GetRawText());
        Assert.Equal(entries[0].GetRawText(), entries[3].GetRawText());
    }

    [Fact]
    public async Task No_keys_have_no_entries()
    {
        Answer answer = await _server.SendAsync("POST", "/v1/read", Json, "{\"keys\":[]}");
        Assert.Equal((200, "{\"entries\":[],\"next\":null}"), (answer.Status, answer.Body));
    }

    [Theory]
    [InlineData("", "", false, null)]
    [InlineData("?consistency=strong", "", true, null)]
    [InlineData("", "Cache-Control: no-cache\r\n", true, null)]
    [InlineData("", "Cache-Control: max-age=0\r\n", false, 0)]
    [InlineData("?consistency=bounded", "", false, null)]
    public async Task Freshness_is_asked_for_and_told_as_with_GET(string query, string headers, bool isStrong, int? maxAge)
    {
        _server.Store.Shown = static result => result with { Age = TimeSpan.FromSeconds(2.5), Forwarding = Forwarding.Stale, IsKept = true };
        Answer answer = await _server.SendAsync("POST", "/v1/read" + query, Json + headers + "Diststore-Min-Sequence: 7\r\n", "{\"keys\":[\"a\"]}");
        Assert.Equal(("2", "n1; fwd=stale; stored", "n1"), (answer.Header("Age"), answer.Header("Cache-Status"), answer.Header("Diststore-Node")));
        ReadOptions asked = _server.Store.AskedMany!.Options;
        Assert.Equal((isStrong, 7L), (asked.IsStrong, asked.MinSequence));
        Assert.Equal(maxAge, (int?)asked.MaxAge?.TotalSeconds);
    }

    [Theory]
    [InlineData(ReadOutcome.Unavailable, 503, "not-known")]
    [InlineData(ReadOutcome.Busy, 503, "busy")]
    [InlineData(ReadOutcome.NotHere, 504, "not-here")]
    public async Task Where_one_cannot_be_read_there_is_no_answer(ReadOutcome outcome, int status, string type)
    {
        _server.Store.Many = ManyResult.Failed(new ReadResult(outcome, null, "n1", "keys[3]: why"));
        Answer answer = await _server.SendAsync("POST", "/v1/read", Json, "{\"keys\":[\"a\"]}");
        Assert.Equal(status, answer.Status);
        Assert.Contains("keys[3]: why", answer.Body, StringComparison.Ordinal);
        Assert.Contains("urn:diststore:problem:" + type, answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stored_values_are_no_page_of_this_server()
    {
        Answer answer = await _server.SendAsync("POST", "/v1/read", Json, "{\"keys\":[\"a\"]}");
        Assert.Equal("sandbox; default-src 'none'", answer.Header("Content-Security-Policy"));
        Assert.Equal(("same-origin", "nosniff"), (answer.Header("Cross-Origin-Resource-Policy"), answer.Header("X-Content-Type-Options")));
    }

    [Fact]
    public async Task A_large_answer_has_its_room_or_is_refused_and_gives_it_back()
    {
        ByteBudget budget = _server.Services.GetRequiredService<ByteBudget>();
        byte[] value = new byte[8 << 20];
        Random.Shared.NextBytes(value);
        string awkward = string.Concat(Enumerable.Repeat("\"\\\u0001ü", 200)); // every character of it is written as more than one byte
        var entry = new Entry(awkward, value, "text/\"plain\"", new LogPoint(long.MaxValue, long.MaxValue), DateTimeOffset.MaxValue);
        _server.Store.Many = new ManyResult(new ReadResult(ReadOutcome.Found, null, "n1"), [entry], 1);
        string body = JsonSerializer.Serialize(new { keys = new[] { awkward, "b" } });
        using (var content = new StringContent(body, Encoding.UTF8, "application/json"))
        {
            JsonElement all = JsonDocument.Parse(await (await _server.Client.PostAsync("/v1/read", content)).Content.ReadAsByteArrayAsync()).RootElement;
            Assert.Equal((value.Length, 1), (all.GetProperty("entries")[0].GetProperty("size").GetInt32(), all.GetProperty("next").GetInt32()));
            Assert.Equal(awkward, all.GetProperty("entries")[0].GetProperty("key").GetString());
            Assert.True(all.GetProperty("entries")[0].GetProperty("value").GetBytesFromBase64().AsSpan().SequenceEqual(value));
        }

        using ByteReservation others = budget.Open(ByteUse.Answer);
        Assert.True(others.TryTake((budget.MaxBytes / 2) - value.Length));
        Answer refused = await _server.SendAsync("POST", "/v1/read", Json, "{\"keys\":[\"a\",\"b\"]}");
        Assert.Equal(503, refused.Status);
        Assert.Contains("urn:diststore:problem:busy", refused.Body, StringComparison.Ordinal);
        Assert.Equal(others.Held, budget.Taken);
    }

    [Fact]
    public async Task Noise_is_answered_and_never_by_an_error_of_the_server()
    {
        var statuses = new HashSet<int>();
        Gen<byte[]> right = Gen.OneOf("a", "b", "none", "ü", "\\u0061", "x/y").Array[0, 4].Select(
            static keys => Encoding.UTF8.GetBytes($"{{\"keys\":[{string.Join(',', keys.Select(static key => $"\"{key}\""))}]}}"));
        Gen<byte[]> spoiled = Gen.Select(right, Edit.Some, static (body, edits) => Edit.All(body, edits));
        await Gen.Frequency((1, right), (3, spoiled), (1, Gen.Byte.Array[0, 100])).SampleAsync(
            async body =>
            {
                using var content = new ByteArrayContent(body);
                content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
                using HttpResponseMessage response = await _server.Client.PostAsync("/v1/read", content);
                Assert.Contains((int)response.StatusCode, (int[])[200, 400]);
                JsonElement answer = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync()).RootElement;
                Assert.True(answer.TryGetProperty((int)response.StatusCode == 200 ? "entries" : "detail", out _));
                statuses.Add((int)response.StatusCode);
            },
            iter: LongRun.Inputs(Inputs),
            threads: 1,
            print: static body => $"\n{Encoding.Latin1.GetString(body)}\nor {Convert.ToHexString(body)}\n");
        Assert.Equal([200, 400], statuses.Order());
    }

    // So that it is sent in chunks.
    private sealed class Unsized(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }
}
