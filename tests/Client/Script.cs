using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Text;

namespace Diststore.Client.Tests;

/// <summary>What a client sent.</summary>
internal sealed record Sent(string Method, Uri Uri, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string Target => Uri.PathAndQuery;

    public string Text => Encoding.UTF8.GetString(Body);

    public string? Header(string name) => Headers.GetValueOrDefault(name);
}

/// <summary>
/// Servers that answer as a test says, one answer after the other, whatever is asked. What comes beyond them is a mistake of the test or the client.
/// </summary>
internal sealed class Script : HttpMessageHandler
{
    private readonly ConcurrentQueue<Func<Sent, CancellationToken, Task<HttpResponseMessage>>> _answers = new();

    public ConcurrentQueue<Sent> Sent { get; } = new();

    /// <summary>The one request that was sent.</summary>
    public Sent Only => Assert.Single(Sent);

    public Script Then(Func<Sent, CancellationToken, Task<HttpResponseMessage>> answer)
    {
        _answers.Enqueue(answer);
        return this;
    }

    public Script Answers(int status, string body = "", params (string Name, string Value)[] headers) =>
        Then((_, _) => Task.FromResult(Response(status, new ByteArrayContent(Encoding.UTF8.GetBytes(body)), headers)));

    public Script Answers(int status, Stream body, string contentType) =>
        Then((_, _) => Task.FromResult(Response(status, new StreamContent(body), [("Content-Type", contentType)])));

    /// <summary>An answer that says what went wrong, as <c>/v1</c> does.</summary>
    public Script Refuses(int status, string word, params (string Name, string Value)[] headers) => Answers(
        status,
        $$"""{"type":"urn:diststore:problem:{{word}}","title":"t","status":{{status}},"detail":"because"}""",
        [("Content-Type", "application/problem+json"), .. headers]);

    public Script Throws(Exception error) => Then((_, _) => Task.FromException<HttpResponseMessage>(error));

    public Script NoConnection() => Throws(new HttpRequestException(HttpRequestError.ConnectionError, "refused"));

    public Script Loses() => Throws(new HttpRequestException(HttpRequestError.ResponseEnded, "lost"));

    /// <summary>Nobody answers; <paramref name="asked"/> is done once the request has come.</summary>
    public Script Hangs(TaskCompletionSource? asked = null) => Then(async (_, cancellation) =>
    {
        asked?.TrySetResult();
        await new TaskCompletionSource().Task.WaitAsync(cancellation);
        throw new InvalidOperationException("this never ends");
    });

    /// <summary>A client of two servers that share this script, which repeats after hardly any time.</summary>
    public DiststoreClient Client(Action<DiststoreClientOptions>? configure = null, IMeterFactory? meters = null)
    {
        DiststoreClientOptions options = new DiststoreClientOptions
        {
            CreateHandler = () => this,
            FirstRetryDelay = TimeSpan.FromMilliseconds(1),
            MaxRetryDelay = TimeSpan.FromMilliseconds(1),
            Chance = static () => 0,
        }.AddAddresses("http://a:1", "http://b:2");
        configure?.Invoke(options);
        return new DiststoreClient(options, meterFactory: meters);
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        byte[] body = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync(cancellationToken);
        var headers = request.Headers.Concat(request.Content?.Headers.AsEnumerable() ?? [])
            .ToDictionary(static header => header.Key, static header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);
        var sent = new Sent(request.Method.Method, request.RequestUri!, headers, body);
        Sent.Enqueue(sent);
        return _answers.TryDequeue(out Func<Sent, CancellationToken, Task<HttpResponseMessage>>? answer)
            ? await answer(sent, cancellationToken)
            // The one kind of error that no client takes for an answer.
            : throw new ArgumentException($"nothing is written for {sent.Method} {sent.Uri}");
    }

    private static HttpResponseMessage Response(int status, HttpContent content, (string Name, string Value)[] headers)
    {
        var response = new HttpResponseMessage((HttpStatusCode)status) { Content = content };
        foreach ((string name, string value) in headers.Prepend(("Diststore-Node", "n1")))
        {
            if (!response.Headers.TryAddWithoutValidation(name, value))
            {
                content.Headers.Remove(name);
                content.Headers.TryAddWithoutValidation(name, value);
            }
        }

        return response;
    }
}
