using System.Buffers;
using System.Diagnostics;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Diststore.Http;

/// <summary>
/// Kestrel refuses some requests before any middleware sees them, with an empty answer: a target with <c>%00</c> or bytes beyond ASCII,
/// a request line or headers over the limit, a missing Host. It announces each one while the answer can still be written: here it
/// gets a body that says what was wrong.
/// </summary>
internal sealed class RefusedRequests : IObserver<KeyValuePair<string, object?>>
{
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    /// <summary>Explains the refusals of the server that reports to <paramref name="server"/>, as long as it lives.</summary>
    public static void Explain(DiagnosticListener server) => server.Subscribe(new RefusedRequests(), static name => name == BadRequest);

    /// <inheritdoc/>
    public void OnNext(KeyValuePair<string, object?> value)
    {
        if (value.Key == BadRequest && value.Value is IFeatureCollection features
            && features.Get<IBadRequestExceptionFeature>()?.Error is BadHttpRequestException error
            // Whoever begins with HTTP/2 is told in HTTP/2, by the server itself, that this is none; nothing may stand before that.
            && error.StatusCode != StatusCodes.Status505HttpVersionNotsupported
            && features.Get<IHttpResponseFeature>() is { HasStarted: false } response
            && features.Get<IHttpResponseBodyFeature>() is { } body
            && features.Get<IConnectionTransportFeature>()?.Transport.Output is { } connection)
        {
            string raw = features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
            Fault fault = FaultFor(error, raw);
            response.StatusCode = fault.Status;
            byte[] text = Problems.Describe(fault, response.Headers, json: raw.StartsWith("/v1/", StringComparison.Ordinal));
            response.Headers.Connection = "close";
            response.Headers.ContentLength = text.Length;
            // The request has got no body writer yet, so the body follows the headers by way of the connection. An answer that has
            // started is one that Kestrel adds nothing to; it closes the connection.
            if (body.StartAsync().IsCompletedSuccessfully)
            {
                connection.Write(text);
                _ = connection.FlushAsync().AsTask();
            }
        }
    }

    /// <inheritdoc/>
    public void OnCompleted()
    {
    }

    /// <inheritdoc/>
    public void OnError(Exception error)
    {
    }

    private static Fault FaultFor(BadHttpRequestException error, string raw)
    {
        if (error.StatusCode == StatusCodes.Status405MethodNotAllowed)
        {
            // Said of *, and of a host and port, which are for methods that no route takes.
            return Fault.Bad(RequestTarget.NoPath);
        }

        if (!error.Message.StartsWith("Invalid request target", StringComparison.Ordinal))
        {
            return new Fault(error.StatusCode, ProblemType.OfRefused(error.StatusCode), error.Message);
        }

        // The target is there as far as it is ASCII; then our own decoder knows what Kestrel did not like.
        string? problem = "the request target has bytes beyond ASCII; they have to be percent-encoded";
        if (raw.Length > 0)
        {
            _ = RequestTarget.TryParse(raw, out RequestTarget target, out problem)
                && PercentDecoder.TryDecode(target.Path, plusIsSpace: false, "the key", out _, out problem);
        }

        return new Fault(error.StatusCode, ProblemType.OfRefused(error.StatusCode), problem ?? error.Message);
    }
}
