using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Diststore.SystemTests;

/// <summary>What came back, read whole.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Body">The bytes.</param>
/// <param name="ETag">The entity tag as it stands in the header, or <see langword="null"/>.</param>
/// <param name="Node">Which node says it answered, or <see langword="null"/>.</param>
/// <param name="ContentType">The media type, or <see langword="null"/>.</param>
internal sealed record Answer(int Status, byte[] Body, string? ETag, string? Node, string? ContentType)
{
    /// <summary>The body as text.</summary>
    public string Text => Encoding.UTF8.GetString(Body);

    /// <inheritdoc/>
    public override string ToString() => $"{Status} {(Body.Length <= 300 ? Text.Trim() : $"({Body.Length} bytes)")}";
}

/// <summary>The HTTP API of one node or gateway, with request targets sent exactly as they are given.</summary>
internal sealed class HttpFace : IDisposable
{
    private readonly HttpClient _client;

    /// <summary>Talks to a port.</summary>
    public HttpFace(IPAddress address, int port, NetworkNamespace? network = null)
    {
        Url = $"http://{address}:{port}";
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            // A killed and restarted node must not be met through a connection of its former life.
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5),
            ConnectCallback = async (context, _) =>
                new NetworkStream(await NetworkNamespace.ConnectAsync(network, context.DnsEndPoint.Parsed()), ownsSocket: true),
        };
        _client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(20) };
    }

    /// <summary>Scheme, address and port, without a slash at the end.</summary>
    public string Url { get; }

    /// <summary>Sends any request.</summary>
    /// <param name="method">GET, POST ...</param>
    /// <param name="target">Path and query as they shall go over the wire.</param>
    /// <param name="content">The body, if any.</param>
    /// <param name="ifMatch">The header of that name, if any.</param>
    public async Task<Answer> SendAsync(HttpMethod method, string target, HttpContent? content = null, string? ifMatch = null)
    {
        using HttpRequestMessage request = Request(method, target, content);
        if (ifMatch is not null)
        {
            request.Headers.IfMatch.ParseAdd(ifMatch);
        }

        using HttpResponseMessage response = await _client.SendAsync(request);
        byte[] body = await response.Content.ReadAsByteArrayAsync();
        string? node = response.Headers.TryGetValues("Diststore-Node", out IEnumerable<string>? values) ? values.First() : null;
        return new Answer((int)response.StatusCode, body, response.Headers.ETag?.ToString(), node, response.Content.Headers.ContentType?.ToString());
    }

    /// <summary>Sends a request and gives its answer once the headers are there; the caller reads the body.</summary>
    public async Task<HttpResponseMessage> OpenAsync(HttpMethod method, string target)
    {
        using HttpRequestMessage request = Request(method, target, null);
        return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>GET of a target.</summary>
    public Task<Answer> FetchAsync(string target) => SendAsync(HttpMethod.Get, target);

    /// <summary>The plain post: a form with key and value.</summary>
    public Task<Answer> PostAsync(string key, string value) => SendAsync(HttpMethod.Post, "/", Form(key, value));

    /// <summary>The plain post to this node alone.</summary>
    public Task<Answer> PostLocalAsync(string key, string value) => SendAsync(HttpMethod.Post, "/local", Form(key, value));

    /// <summary>The plain get.</summary>
    public Task<Answer> GetAsync(string key) => FetchAsync("/get/" + Escape(key));

    /// <summary>The plain get from this node alone.</summary>
    public Task<Answer> GetLocalAsync(string key) => FetchAsync("/getlocal/" + Escape(key));

    /// <summary>A read that may be as old as the bound.</summary>
    public Task<Answer> ReadAsync(string key) => FetchAsync("/v1/kv/" + Escape(key));

    /// <summary>A linearizable read.</summary>
    public Task<Answer> ReadStrongAsync(string key) => FetchAsync($"/v1/kv/{Escape(key)}?consistency=strong");

    /// <summary>Puts once, on a condition or on none.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="ifMatch">The entity tag that the key has to have, or <see langword="null"/>.</param>
    public async Task<Answer> PutAsync(string key, string value, string? ifMatch = null)
    {
        using var body = new StringContent(value);
        return await SendAsync(HttpMethod.Put, "/v1/kv/" + Escape(key), body, ifMatch);
    }

    /// <summary>The keys that this node holds.</summary>
    public async Task<string[]> ListAsync() => (await FetchAsync("/list")).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>What this node says of the cluster.</summary>
    public async Task<ClusterView> ClusterAsync()
    {
        Answer answer = await FetchAsync("/v1/cluster");
        Assert.True(answer.Status == 200, $"GET /v1/cluster of {Url}: {answer}");
        return ClusterView.Parse(JsonDocument.Parse(answer.Body).RootElement);
    }

    /// <summary>Posts until it is acknowledged; only 503 is a reason to go on.</summary>
    public Task PostUntilDoneAsync(string key, string value, Func<string>? explain = null) => Eventually.TrueAsync(
        async () =>
        {
            Answer answer = await PostAsync(key, value);
            Assert.True(answer.Status is 200 or 503, $"POST {key} at {Url}: {answer}");
            return answer.Status == 200 ? null : $"POST {key} at {Url}: {answer}";
        },
        Eventually.Patience,
        explain);

    /// <summary>
    /// Puts, or deletes where there is no value, until it is acknowledged; only 503 is a reason to go on. The same write
    /// again does no harm where its outcome was not known.
    /// </summary>
    public Task PutUntilDoneAsync(string key, string? value, Func<string>? explain = null) => Eventually.TrueAsync(
        async () =>
        {
            using StringContent? body = value is null ? null : new StringContent(value);
            Answer answer = await SendAsync(value is null ? HttpMethod.Delete : HttpMethod.Put, $"/v1/kv/{Escape(key)}", body);
            bool isDone = answer.Status is 201 or 204 || (value is null && answer.Status == 404);
            Assert.True(isDone || answer.Status == 503, $"{key} at {Url}: {answer}");
            return isDone ? null : $"{key} at {Url}: {answer}";
        },
        Eventually.Patience,
        explain);

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    // Otherwise .NET would unescape and fold the path before it sends it.
    private HttpRequestMessage Request(HttpMethod method, string target, HttpContent? content)
    {
        var exact = new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true };
        return new HttpRequestMessage(method, new Uri(Url + target, exact)) { Content = content };
    }

    private static FormUrlEncodedContent Form(string key, string value) => new([new("key", key), new("value", value)]);

    private static string Escape(string key) => Uri.EscapeDataString(key);
}

/// <summary>What the endpoint of a URL with a literal address is.</summary>
internal static class DnsEndPointExtensions
{
    /// <summary>The address itself, since no name has to be looked up.</summary>
    public static IPEndPoint Parsed(this DnsEndPoint endpoint) => new(IPAddress.Parse(endpoint.Host), endpoint.Port);
}

/// <summary>Requests to nodes that may die under them.</summary>
internal static class RequestExtensions
{
    /// <summary>The answer, or <see langword="null"/> when the connection broke or nothing came in time.</summary>
    public static async Task<Answer?> OrNothingAsync(this Task<Answer> request)
    {
        try
        {
            return await request;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException)
        {
            return null;
        }
    }
}
