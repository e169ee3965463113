using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Diststore.Testing;

/// <summary>One request of a scenario, and what its answer has to be.</summary>
/// <param name="Request">Method and target; <c>{k}</c> stands for a key of the scenario's own.</param>
/// <param name="Status">The status code.</param>
/// <param name="Says">What the body has to contain; for values, all of it, with a <c>=</c> before it.</param>
/// <param name="Body">What is sent.</param>
/// <param name="Headers">Lines of headers.</param>
/// <param name="Has">What the answer's headers have to contain.</param>
/// <param name="Lacks">What they must not.</param>
internal sealed record VerbStep(
    string Request, int Status, string? Says = null, string? Body = null, string? Headers = null, string? Has = null, string? Lacks = null);

/// <summary>
/// Each verb with what is right and what is wrong, as a table: run over HTTP against whatever serves it. What is refused names what is wrong and
/// leaves nothing.
/// </summary>
internal static class VerbScenarios
{
    private const string Json = "Content-Type: application/json\r\n";
    private const string Text = "Content-Type: text/plain\r\n";

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private static readonly Dictionary<string, VerbStep[]> Table = new(StringComparer.Ordinal)
    {
        ["put with an end"] =
        [
            new("PUT /v1/kv/{k}?ttl=100", 201, Body: "v", Headers: Text),
            new("GET /v1/kv/{k}?consistency=strong", 200, "=v", Has: "Diststore-Expires-In: "),
            new("PUT /v1/kv/{k}?expiresAt=2999-01-01T00:00:00Z", 204, Body: "w"),
            new("GET /v1/kv?prefix={k}", 200, "\"expiresAt\":\"2999-01-01T00:00:00.000Z\""),
            new("PUT /v1/kv/{k}?expiresAt=2999-01-01T02:00:00.5%2B01:00", 204, Body: "w"),
            new("GET /v1/kv?prefix={k}", 200, "\"expiresAt\":\"2999-01-01T01:00:00.500Z\""),
            new("PUT /v1/kv/{k}", 204, Body: "w"),
            new("GET /v1/kv/{k}?consistency=strong", 200, "=w", Lacks: "Diststore-Expires-In"),
            new("PUT /v1/kv/{k}/bad?ttl=1&expiresAt=2999-01-01T00:00:00Z", 400, "ttl and expiresAt", Body: "v"),
            new("PUT /v1/kv/{k}/bad?expiresAt=2999-01-01", 400, "expiresAt", Body: "v"),
            new("PUT /v1/kv/{k}/bad?expiresAt=2999-01-01T00:00:00", 400, "expiresAt", Body: "v"),
            new("PUT /v1/kv/{k}/bad?expiresAt=2999-01-01T00:00:00+01:00", 400, "expiresAt", Body: "v"),
            new("PUT /v1/kv/{k}/bad?expiresAt=", 400, "expiresAt", Body: "v"),
            new("PUT /v1/kv/{k}/bad?ttl=none", 400, "ttl", Body: "v"),
            new("GET /v1/kv/{k}/bad?consistency=strong", 404),
        ],
        ["touch"] =
        [
            new("PATCH /v1/kv/{k}?ttl=10", 404, "no-such-key"),
            new("PUT /v1/kv/{k}", 201, Body: "kept", Headers: "Content-Type: text/x\r\n"),
            new("PATCH /v1/kv/{k}?ttl=100", 204, Has: "ETag: "),
            new("GET /v1/kv/{k}?consistency=strong", 200, "=kept", Has: "Diststore-Expires-In: "),
            new("GET /v1/kv/{k}?consistency=strong", 200, "=kept", Has: "Content-Type: text/x"),
            new("PATCH /v1/kv/{k}?ttl=none", 204),
            new("GET /v1/kv/{k}?consistency=strong", 200, "=kept", Lacks: "Diststore-Expires-In"),
            new("PATCH /v1/kv/{k}?expiresAt=2999-01-01T00:00:00Z", 204),
            new("PATCH /v1/kv/{k}?ttl=5", 412, "condition-failed", Headers: "If-Match: \"1-999999999\"\r\n"),
            new("PATCH /v1/kv/{k}?ttl=5", 412, "condition-failed", Headers: "If-None-Match: *\r\n"),
            new("PATCH /v1/kv/{k}", 400, "ttl=SECONDS"),
            new("PATCH /v1/kv/{k}?ttl=0", 400, "ttl"),
            new("PATCH /v1/kv/{k}?ttl=none&expiresAt=2999-01-01T00:00:00Z", 400, "ttl"),
            new("PATCH /v1/kv/{k}?add=1", 400, "add"),
            new("PATCH /v1/kv/{k}?ttl=5", 400, "no body", Body: "x"),
            new("GET /v1/kv?prefix={k}", 200, "\"expiresAt\":\"2999-01-01T00:00:00.000Z\""),
            new("PATCH /v1/kv/{k}?expiresAt=1970-01-01T00:00:00Z", 204),
            new("GET /v1/kv/{k}?consistency=strong", 404, "no-such-key"),
        ],
        ["add"] =
        [
            new("POST /v1/kv/{k}?add=5&ttl=100", 200, "=5", Has: "Content-Type: text/plain"),
            new("POST /v1/kv/{k}?add=-7&ttl=1", 200, "=-2", Has: "ETag: "),
            new("GET /v1/kv/{k}?consistency=strong", 200, "=-2", Has: "Diststore-Expires-In: "),
            new("POST /v1/kv/{k}?add=9223372036854775807", 200, "=9223372036854775805"),
            new("POST /v1/kv/{k}?add=3", 409, "beyond"),
            new("POST /v1/kv/{k}?add=0", 200, "=9223372036854775805"),
            new("POST /v1/kv/{k}?add=1", 412, "condition-failed", Headers: "If-None-Match: *\r\n"),
            new("POST /v1/kv/{k}", 400, "add"),
            new("POST /v1/kv/{k}?add=", 400, "add"),
            new("POST /v1/kv/{k}?add=%2B1", 400, "add"),
            new("POST /v1/kv/{k}?add=01", 400, "add"),
            new("POST /v1/kv/{k}?add=-0", 400, "add"),
            new("POST /v1/kv/{k}?add=1.5", 400, "add"),
            new("POST /v1/kv/{k}?add=9223372036854775808", 400, "add"),
            new("POST /v1/kv/{k}?add=1&ttl=none", 400, "ttl"),
            new("POST /v1/kv/{k}?add=1&add=1", 400, "twice"),
            new("POST /v1/kv/{k}?add=1", 400, "no body", Body: "x"),
            new("GET /v1/kv/{k}?consistency=strong", 200, "=9223372036854775805"),
            new("PUT /v1/kv/{k}/text", 201, Body: "007"),
            new("POST /v1/kv/{k}/text?add=1", 409, "no whole number"),
            new("GET /v1/kv/{k}/text?consistency=strong", 200, "=007"),
        ],
        ["transaction"] =
        [
            Transaction(
                200,
                """
                {"conditions":[{"key":"{k}/a","exists":false}],
                 "operations":[{"put":"{k}/a","value":"YQ==","contentType":"text/x","ttl":100},{"add":"{k}/n","by":3}]}
                """,
                "\"number\":\"3\""),
            new("GET /v1/kv/{k}/a?consistency=strong", 200, "=a", Has: "Content-Type: text/x"),
            Transaction(412, """{"conditions":[{"key":"{k}/n","exists":true},{"key":"{k}/a","exists":false}]}""", "\"failed\":[1]"),
            Transaction(412, """{"conditions":[{"key":"{k}/a","version":"1-999999999"}],"operations":[{"delete":"{k}/n"}]}""", "condition-failed"),
            Transaction(200, """{"operations":[{"delete":"{k}/none"}]}""", "\"version\":null"),
            Transaction(200, """{"operations":[{"ttl":"none","touch":"{k}/a"},{"delete":"{k}/n"}]}""", "\"results\""),
            new("GET /v1/kv/{k}/a?consistency=strong", 200, "=a", Lacks: "Diststore-Expires-In"),
            new("GET /v1/kv/{k}/n?consistency=strong", 404),
            Transaction(409, """{"operations":[{"put":"{k}/b","value":""},{"touch":"{k}/none","ttl":5}]}""", "operation 1: there is no such key"),
            Transaction(409, """{"operations":[{"put":"{k}/b","value":""},{"add":"{k}/a","by":5}]}""", "operation 1: the value is no whole number"),
            Transaction(400, "{}", "neither conditions nor operations"),
            Transaction(400, """{"conditions":[],"operations":[]}""", "neither conditions nor operations"),
            Transaction(400, """{"operations":[{"put":"{k}/b","value":""},{"delete":"{k}/b"}]}""", "twice"),
            Transaction(400, """{"conditions":[{"key":"{k}/b","exists":true},{"key":"{k}/b","exists":true}]}""", "twice"),
            Transaction(400, """{"conditions":[{"key":"{k}/b"}]}""", "either a version or exists"),
            Transaction(400, """{"conditions":[{"key":"{k}/b","exists":true,"version":"1-2"}]}""", "either a version or exists"),
            Transaction(400, """{"conditions":[{"key":"{k}/b","version":"1"}]}""", "takes a version"),
            Transaction(400, """{"operations":[{"value":"YQ=="}]}""", "one of put, delete, add and touch"),
            Transaction(400, """{"operations":[{"put":"{k}/b","delete":"{k}/b","value":""}]}""", "one of put, delete, add and touch"),
            Transaction(400, """{"operations":[{"put":"{k}/b"}]}""", "put needs value"),
            Transaction(400, """{"operations":[{"delete":"{k}/b","value":""}]}""", "delete does not go with value"),
            Transaction(400, """{"operations":[{"add":"{k}/b"}]}""", "add needs by"),
            Transaction(400, """{"operations":[{"add":"{k}/b","by":1.5}]}""", "whole number"),
            Transaction(400, """{"operations":[{"touch":"{k}/a"}]}""", "touch needs ttl or expiresAt"),
            Transaction(400, """{"operations":[{"put":"{k}/b","value":"","ttl":"none"}]}""", "touch only"),
            Transaction(400, """{"operations":[{"put":"{k}/b","value":"","ttl":1,"expiresAt":"2999-01-01T00:00:00Z"}]}""", "do not go together"),
            Transaction(400, """{"operations":[{"put":"{k}/b","value":"","ttl":0}]}""", "ttl takes seconds"),
            Transaction(400, """{"operations":[{"put":"{k}/b","value":"a"}]}""", "not Base64"),
            Transaction(400, """{"operations":[{"put":"","value":""}]}""", "the key is empty"),
            Transaction(400, """{"operations":[{"put":"a\u0000","value":""}]}""", "NUL"),
            Transaction(400, """{"operations":[{"put":"{k}/b","value":"","contentType":"ä"}]}""", "Content-Type"),
            Transaction(400, """{"operations":[{"put":"{k}/b","value":"","colour":"red"}]}""", "colour"),
            Transaction(400, $"{{\"operations\":[{string.Join(',', Enumerable.Repeat("{\"delete\":\"a\"}", 65))}]}}", "twice"),
            Transaction(400, $"{{\"operations\":[{string.Join(',', Enumerable.Range(0, 65).Select(Delete))}]}}", "more than 64"),
            new("POST /v1/transaction?x=1", 400, "the parameter x", Body: "{}", Headers: Json),
            new("POST /v1/transaction", 415, "application/json", Body: "{}", Headers: Text),
            new("GET /v1/transaction", 405, "POST"),
            new("GET /v1/kv/{k}/b?consistency=strong", 404),
        ],
        ["delete by prefix"] =
        [
            new("PUT /v1/kv/{k}/a", 201, Body: "1"),
            new("PUT /v1/kv/{k}/b", 201, Body: "2"),
            new("PUT /v1/kv/{k}/c", 201, Body: "3"),
            new("PUT /v1/kv/{k}-other", 201, Body: "4"),
            new("DELETE /v1/kv?prefix={k}/&limit=2", 200, "={\"deleted\":2,\"more\":true}"),
            new("GET /v1/kv?prefix={k}&count=true", 200, "\"count\":2"),
            new("DELETE /v1/kv?prefix={k}/", 200, "={\"deleted\":1,\"more\":false}"),
            new("DELETE /v1/kv?prefix={k}/", 200, "={\"deleted\":0,\"more\":false}"),
            new("DELETE /v1/kv", 400, "prefix"),
            new("DELETE /v1/kv?prefix=", 400, "prefix"),
            new("DELETE /v1/kv?prefix={k}&all=yes", 400, "do not go together"),
            new("DELETE /v1/kv?all=true", 400, "all takes yes"),
            new("DELETE /v1/kv?prefix=%00", 400, "NUL"),
            new("DELETE /v1/kv?prefix={k}&limit=0", 400, "limit"),
            new("DELETE /v1/kv?prefix={k}&limit=100001", 400, "limit"),
            new("DELETE /v1/kv?prefix={k}&after=a", 400, "after"),
            new("DELETE /v1/kv?prefix={k}", 400, "If-Match", Headers: "If-Match: *\r\n"),
            new("DELETE /v1/kv?prefix={k}", 400, "Idempotency-Key", Headers: "Idempotency-Key: a\r\n"),
            new("POST /v1/kv", 405, "DELETE"),
            new("GET /v1/kv/{k}-other?consistency=strong", 200, "=4"),
        ],
        ["idempotency key"] =
        [
            new("POST /v1/kv/{k}?add=5", 200, "=5", Headers: "Idempotency-Key: \"{k}-1\"\r\n", Lacks: "Idempotency-Replayed"),
            new("POST /v1/kv/{k}?add=5", 200, "=5", Headers: "Idempotency-Key: \"{k}-1\"\r\n", Has: "Idempotency-Replayed: true"),
            new("POST /v1/kv/{k}?add=6", 422, "key-reused", Headers: "Idempotency-Key: \"{k}-1\"\r\n"),
            new("DELETE /v1/kv/{k}", 422, "key-reused", Headers: "Idempotency-Key: \"{k}-1\"\r\n"),
            new("PUT /v1/kv/{k}/p", 201, Body: "v", Headers: "If-None-Match: *\r\nIdempotency-Key: {k}-2\r\n"),
            new("PUT /v1/kv/{k}/p", 201, Body: "v", Headers: "If-None-Match: *\r\nIdempotency-Key: \"{k}-2\"\r\n", Has: "Idempotency-Replayed: true"),
            new("PUT /v1/kv/{k}/p", 422, Body: "w", Headers: "If-None-Match: *\r\nIdempotency-Key: {k}-2\r\n"),
            new("PUT /v1/kv/{k}/p", 422, Body: "v", Headers: "Idempotency-Key: {k}-2\r\n"),
            new("PUT /v1/kv/{k}/p", 422, Body: "v", Headers: "If-None-Match: *\r\nIdempotency-Key: {k}-2\r\n" + Text),
            new("PATCH /v1/kv/{k}/p?ttl=100", 204, Headers: "Idempotency-Key: {k}-3\r\n"),
            new("PATCH /v1/kv/{k}/p?ttl=100", 204, Headers: "Idempotency-Key: {k}-3\r\n", Has: "Idempotency-Replayed: true"),
            new("DELETE /v1/kv/{k}/p", 204, Headers: "Idempotency-Key: {k}-4\r\n"),
            new("DELETE /v1/kv/{k}/p", 204, Headers: "Idempotency-Key: {k}-4\r\n", Has: "Idempotency-Replayed: true"),
            new("DELETE /v1/kv/{k}/p", 404, Headers: "Idempotency-Key: {k}-5\r\n"),
            new("POST /{k}/plain", 200, "stored", Body: "x", Headers: Text + "Idempotency-Key: {k}-6\r\n"),
            new("POST /{k}/plain", 200, "stored", Body: "x", Headers: Text + "Idempotency-Key: {k}-6\r\n", Has: "Idempotency-Replayed: true"),
            Transaction(200, """{"operations":[{"add":"{k}/t","by":1}]}""", "\"1\"", "Idempotency-Key: {k}-7\r\n"),
            Transaction(200, """{"operations":[{"add":"{k}/t","by":1}]}""", "\"1\"", "Idempotency-Key: {k}-7\r\n", "Idempotency-Replayed: true"),
            Transaction(422, """{"operations":[{"add":"{k}/t","by":2}]}""", "key-reused", "Idempotency-Key: {k}-7\r\n"),
            new("GET /v1/kv/{k}/t?consistency=strong", 200, "=1"),
            new("GET /v1/kv/{k}", 400, "Idempotency-Key", Headers: "Idempotency-Key: a\r\n"),
            new("POST /local/{k}", 400, "Idempotency-Key", Body: "x", Headers: "Idempotency-Key: a\r\n"),
            new("POST /v1/read", 400, "Idempotency-Key", Body: "{\"keys\":[]}", Headers: Json + "Idempotency-Key: a\r\n"),
            new("PUT /v1/kv/{k}/bad", 400, "Idempotency-Key", Body: "v", Headers: "Idempotency-Key: \r\n"),
            new("PUT /v1/kv/{k}/bad", 400, "Idempotency-Key", Body: "v", Headers: "Idempotency-Key: \"\"\r\n"),
            new("PUT /v1/kv/{k}/bad", 400, "Idempotency-Key", Body: "v", Headers: "Idempotency-Key: \"a\r\n"),
            new("PUT /v1/kv/{k}/bad", 400, "Idempotency-Key", Body: "v", Headers: "Idempotency-Key: \"a\"b\r\n"),
            new("PUT /v1/kv/{k}/bad", 400, "Idempotency-Key", Body: "v", Headers: "Idempotency-Key: a b\r\n"),
            new("PUT /v1/kv/{k}/bad", 400, "Idempotency-Key", Body: "v", Headers: "Idempotency-Key: \"\\x\"\r\n"),
            new("PUT /v1/kv/{k}/bad", 400, "Idempotency-Key", Body: "v", Headers: "Idempotency-Key: a\r\nIdempotency-Key: b\r\n"),
            new("PUT /v1/kv/{k}/bad", 400, "Idempotency-Key", Body: "v", Headers: $"Idempotency-Key: {new string('a', 256)}\r\n"),
            new("PUT /v1/kv/{k}/good", 201, Body: "v", Headers: "Idempotency-Key: \"{k} \\\"\\\\ " + new string('b', 200) + "\"\r\n"),
            new("GET /v1/kv/{k}/bad?consistency=strong", 404),
        ],
    };

    /// <summary>The verbs.</summary>
    public static IEnumerable<string> Names => Table.Keys;

    /// <summary>Runs one scenario against a server on loopback; gives what did not come out, or null.</summary>
    public static async Task<string?> RunAsync(string name, string address, int port)
    {
        string key = $"verbs-{Guid.NewGuid():N}";
        foreach (VerbStep step in Table[name])
        {
            (int status, string headers, string body) = await SendAsync(step, key, address, port);
            string? problem = status != step.Status ? $"status {status}"
                : step.Says is ['=', ..] && body != step.Says[1..] ? "another body"
                : step.Says is not (null or ['=', ..]) && !body.Contains(step.Says, StringComparison.Ordinal)
                    && !headers.Contains(step.Says, StringComparison.Ordinal) ? $"it does not say {step.Says}"
                : step.Has is not null && !headers.Contains(step.Has, StringComparison.OrdinalIgnoreCase) ? $"no {step.Has}"
                : step.Lacks is not null && headers.Contains(step.Lacks, StringComparison.OrdinalIgnoreCase) ? $"it has {step.Lacks}"
                : null;
            if (problem is not null)
            {
                return $"{step.Request} {step.Headers} {step.Body}: {problem}\n{headers}\n\n{body}";
            }
        }

        return null;
    }

    private static string Delete(int key) => $"{{\"delete\":\"{key}\"}}";

    private static VerbStep Transaction(int status, string body, string? says = null, string headers = "", string? has = null) =>
        new("POST /v1/transaction", status, says, body, Json + headers, has);

    private static async Task<(int Status, string Headers, string Body)> SendAsync(VerbStep step, string key, string address, int port)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        using var client = new TcpClient();
        await client.ConnectAsync(address, port, deadline.Token);
        NetworkStream stream = client.GetStream();
        byte[] body = Encoding.UTF8.GetBytes(step.Body?.Replace("{k}", key, StringComparison.Ordinal) ?? "");
        string length = step.Body is null ? "" : string.Create(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}\r\n");
        string head = $"{step.Request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{length}{step.Headers}\r\n";
        await stream.WriteAsync(Encoding.Latin1.GetBytes(head.Replace("{k}", key, StringComparison.Ordinal)), deadline.Token);
        await stream.WriteAsync(body, deadline.Token);
        using var answer = new MemoryStream();
        await stream.CopyToAsync(answer, deadline.Token);
        string text = Encoding.UTF8.GetString(answer.ToArray());
        int end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        return end < 0 ? (0, text, "") : (int.Parse(text.AsSpan(9, 3), CultureInfo.InvariantCulture), text[..end], text[(end + 4)..]);
    }
}
