using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using CsCheck;
using Diststore.Core;
using Diststore.Testing;
using Xunit.Abstractions;

namespace Diststore.Http.Tests;

/// <summary>
/// What comes in over HTTP may be anything. <c>DISTSTORE_INPUTS</c> tries more than the suite does; a failure names the
/// seed that <c>CsCheck_Seed</c> repeats.
/// </summary>
public sealed class NoiseTests(ITestOutputHelper output)
{
    private const int UsualInputs = 6_000;
    private const int Connections = 8;
    private const int MaxValueBytes = 1024;
    private const int MaxKeys = 64; // listings of more would only take time

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>The statuses that docs/http-api.md names; 500 is not among them.</summary>
    private static readonly int[] Documented =
        [200, 201, 204, 206, 304, 400, 401, 403, 404, 405, 408, 410, 411, 412, 413, 414, 415, 416, 421, 431, 501, 503, 505, 507];

    /// <summary>Those that requests which are right, or wrong in one place, are sure to meet.</summary>
    private static readonly int[] Met = [200, 201, 204, 400, 401, 404, 405, 412, 413, 415, 501, 505];

    // Whatever came before it, this ends the connection: it is answered as a request of its own, or makes a mess of what
    // had not ended.
    private static readonly byte[] Last = "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"u8.ToArray();

    // More than any body may have that was announced.
    private static readonly byte[] Filler = new byte[(3 * MaxValueBytes) + (65 * 1024)];

    private static Gen<byte[]> Noise { get; } = Gen.OneOf(
        Gen.Byte.Array[0, 300],
        Gen.OneOf(
            "GET", "HEAD", "POST", "PUT", " ", "\t", "/", "/v1/kv/", "?", "=", "&", "#", "%", "%00", "%2", "a", "\r\n", "\r", "\n", "\0", ":", "\"", ",",
            " HTTP/1.1\r\n", "HTTP/1.0", "Host: x\r\n", "Content-Length: ", "Transfer-Encoding: chunked\r\n", "0", "5", "\r\n\r\n", "\u00e4", "\u00ff")
            .Array[0, 40].Select(static parts => Bytes(string.Concat(parts))));

    // A method where it belongs, or anywhere.
    private static Gen<string> Methods { get; } = Gen.OneOf(
        "GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", "head", "Put", "PRI", "X");

    private static Gen<string> Targets { get; } = Gen.OneOf(
        "/", "/k", "/a%2Fb", "/local", "/local/k?node=n2", "/get/k", "/getlocal/l?node=n1", "/list?node=n1", "/v1/kv", "/v1/kv/k", "/v1/kv/%C3%A4%20+",
        "/v1/changes", "/v1/read", "/v1/cluster", "/v1/cluster/backup", "/health/live", "/health/ready", "/metrics", "/openapi/v1.json", "/v1", "/v1/kv/",
        "/get/", "/orleans/k", "*", "http://x/get/k", "http://x", "x:80", "/v1/kv/" + new string('k', 1025), "/k?" + new string('a', 9000));

    private static Gen<string> Starts { get; } = Gen.Frequency(
        (3, Gen.OneOf(
            "PUT /v1/kv/k", "PUT /v1/kv/k?ttl=5", "GET /v1/kv/k", "HEAD /v1/kv/k", "DELETE /v1/kv/k", "GET /v1/kv?prefix=k&limit=2&after=a", "POST /",
            "POST /local", "POST /k", "POST /local/l?node=n1", "GET /get/k", "GET /get/l", "GET /getlocal/l", "GET /list", "GET /v1/changes",
            "GET /v1/changes?since=1-1&live=false", "GET /v1/cluster", "GET /metrics", "GET /health/ready", "POST /v1/cluster/backup",
            "POST /v1/read", "POST /v1/read?consistency=strong", "POST /v1/cluster/step-down?node=n1",
            "POST /v1/cluster/force-election?node=n1&accept-data-loss=yes")),
        (1, Gen.Select(Methods, Targets, static (method, target) => $"{method} {target}")));

    private static Gen<string> Headers { get; } = Gen.Frequency(
        (3, Gen.OneOf(
            "Content-Type: application/x-www-form-urlencoded", "Content-Type: application/json", "Content-Type: multipart/form-data; boundary=b",
            "Content-Type: text/plain", "Cookie: a=b",
            "Connection: close", "Connection: keep-alive", "Accept: text/event-stream", "Accept: application/x-ndjson;q=0.5, */*", "Range: bytes=0-1",
            "Expect: 100-continue", "If-Match: *", "If-None-Match: *", "If-None-Match: W/\"1-1\", \"1-2\"", "If-Match: \"1-1\"", "Last-Event-ID: 1-1",
            "Origin: http://x", "Sec-Fetch-Site: none")),
        (1, Gen.OneOf(
            "Content-Encoding: gzip", "Content-Range: bytes 0-1/2", "Expect: more", "Connection: upgrade", "Upgrade: websocket", "Upgrade: h2c",
            "Content-Length: 7", "Content-Length: 70000", "Transfer-Encoding: gzip", "Transfer-Encoding: gzip, chunked", "Origin: null",
            "Sec-Fetch-Site: cross-site", "X: \u00e4", "Host: y", "Trailer: X", ":authority: x",
            "X: " + new string('x', 17_000))));

    private static Gen<byte[]> Valid { get; } = Gen.Select(
        Starts,
        Gen.Frequency((28, "HTTP/1.1"), (3, "HTTP/1.0"), (1, "HTTP/2.0"), (1, "HTTP/1.7")),
        Headers.Array[0, 2],
        Gen.OneOf(
            "", "value", "{\"keys\":[\"k\",\"none\"]}", "key=k&value=v", "key=l&value=v&ttl=1", "key=k&value=%ff",
            "--b\r\nContent-Disposition: form-data; name=key\r\n\r\nk\r\n--b\r\nContent-Disposition: form-data; name=\"value\"\r\n\r\nv\r\n--b--\r\n",
            new string('v', MaxValueBytes + 1)),
        Gen.Frequency((8, BodyKind.Length), (2, BodyKind.Chunks), (1, BodyKind.None)),
        Gen.Int[0, 19], // one in so many has no host, another no token
        static (start, version, headers, body, kind, lacks) => Bytes(
            $"{start} {version}\r\n{(lacks == 0 ? "" : "Host: x\r\n")}{(lacks == 1 ? "" : "Authorization: Bearer t\r\n")}"
            + string.Concat(headers.Select(static header => header + "\r\n")) + Framed(body, kind)));

    // What begins with HTTP/2 is answered in HTTP/2: BadInputTests.
    private static Gen<byte[]> Anything { get; } = Gen.Frequency(
        (1, Noise),
        (2, Valid),
        (4, Gen.Select(Valid, Edit.Some, static (request, edits) => Edit.All(request, edits))),
        (1, Gen.Select(Valid, Valid, static (one, two) => (byte[])[.. one, .. two])))
        .Where(static input => !input.AsSpan().StartsWith("PRI * HTTP/2.0\r\n"u8));

    private enum BodyKind
    {
        Length = 0,
        Chunks = 1,
        None = 2,
    }

    [Fact]
    public async Task Whatever_is_sent_gets_a_well_formed_answer_and_the_server_goes_on()
    {
        // One for each connection at a time, so that what a server logs belongs to the input that it was sent.
        TestServer[] servers = await Task.WhenAll(Enumerable.Range(0, Connections).Select(static _ => StartAsync()));
        var idle = new ConcurrentBag<TestServer>(servers);
        var met = new ConcurrentDictionary<int, int>();
        await Anything.SampleAsync(
            async input =>
            {
                Assert.True(idle.TryTake(out TestServer? server));
                try
                {
                    List<int> statuses = await SendAsync(server.Port, input);
                    Assert.NotEmpty(statuses);
                    Assert.Empty(statuses.Except(Documented));
                    statuses.ForEach(status => met.AddOrUpdate(status, 1, static (_, count) => count + 1));
                }
                finally
                {
                    string errors = server.Log.TakeErrors();
                    server.Store.ForgetAbove(MaxKeys);
                    idle.Add(server);
                    Assert.True(errors.Length == 0, errors);
                }
            },
            iter: LongRun.Inputs(UsualInputs),
            threads: Connections,
            print: static input => $"\n{Encoding.Latin1.GetString(input)}\nor {Convert.ToHexString(input)}\n");
        string counts = string.Join(", ", met.OrderBy(static status => status.Key).Select(static status => $"{status.Key}: {status.Value}"));
        output.WriteLine(counts);
        Assert.True(!Met.Except(met.Keys).Any(), $"of the statuses that it has to meet it met {counts}");
        foreach (TestServer server in servers)
        {
            Assert.Equal(200, (await server.SendAsync("GET", "/health/live")).Status);
            await server.DisposeAsync();
        }
    }

    private static async Task<TestServer> StartAsync()
    {
        TestServer server = await TestServer.StartAsync(static options => (options.MaxValueBytes, options.Tokens) = (MaxValueBytes, ["t"]));
        // Streams end as soon as they have sent what there is.
        server.Store.Changes = static query => query.Wait > TimeSpan.Zero ? new ChangesResult(ChangesOutcome.Gone, [], FakeStore.Name) : null;
        return server;
    }

    private static async Task<List<int>> SendAsync(int port, byte[] input)
    {
        using var deadline = new CancellationTokenSource(Patience);
        using var client = new TcpClient { LingerState = new LingerOption(true, 0) }; // leaves no port waiting behind
        await client.ConnectAsync(IPAddress.Loopback, port, deadline.Token);
        NetworkStream stream = client.GetStream();
        try
        {
            await stream.WriteAsync((byte[])[.. input, .. Last], deadline.Token);
            if (Contains(input, "length") || Contains(input, "chunked"))
            {
                await stream.WriteAsync(Filler, deadline.Token);
            }
        }
        catch (IOException)
        {
            // It has closed already; what it said before that is there to be read.
        }

        return await new AnswerReader(stream, mayBeHead: Contains(input, "head")).ReadAllAsync(deadline.Token);
    }

    private static string Framed(string body, BodyKind kind) => kind switch
    {
        BodyKind.Length => $"Content-Length: {body.Length}\r\n\r\n{body}",
        BodyKind.Chunks => $"Transfer-Encoding: chunked\r\n\r\n{(body.Length > 0 ? $"{body.Length:x}\r\n{body}\r\n" : "")}0\r\n\r\n",
        _ => "\r\n",
    };

    private static bool Contains(byte[] input, string word) => Encoding.Latin1.GetString(input).Contains(word, StringComparison.OrdinalIgnoreCase);

    private static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);
}
