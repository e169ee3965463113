using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary>Reads request bodies up to a limit.</summary>
internal static class RequestBody
{
    /// <summary>Reads the whole body, or returns null as soon as it is known to be longer than <paramref name="maxBytes"/>.</summary>
    public static async ValueTask<byte[]?> ReadAsync(HttpRequest request, long maxBytes)
    {
        if (request.ContentLength > maxBytes)
        {
            return null;
        }

        PipeReader reader = request.BodyReader;
        while (true)
        {
            // Nothing is consumed until all is there, so Kestrel's own pages are the buffer and the value is copied once.
            ReadResult read = await reader.ReadAsync();
            ReadOnlySequence<byte> buffer = read.Buffer;
            if (buffer.Length > maxBytes)
            {
                reader.AdvanceTo(buffer.End);
                return null;
            }

            if (read.IsCompleted)
            {
                byte[] body = buffer.ToArray();
                reader.AdvanceTo(buffer.End);
                return body;
            }

            reader.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    /// <summary>What keeps a request's body from being stored as it is, or null.</summary>
    public static Fault? Problem(HttpRequest request)
    {
        if (request.Headers.ContentEncoding.Count > 0 && request.Headers.ContentEncoding != "identity")
        {
            return new Fault(StatusCodes.Status415UnsupportedMediaType, "a Content-Encoding is not kept; send the value as it is");
        }

        // RFC 9110, section 14.5: who does not do partial writes refuses them, for they would replace the whole.
        return request.Headers.ContentRange.Count > 0 ? Fault.Bad("Content-Range is not supported: a value is written whole")
            : request.ContentType is { } type && HeaderTexts.ProblemWithContentType(type) is { } problem ? Fault.Bad(problem)
            : null;
    }

    /// <summary>What of a request asks for a condition where none is taken, or null: better refused than silently not heeded.</summary>
    public static Fault? Condition(IHeaderDictionary headers) =>
        EntityTags.HaveCondition(headers) ? Fault.Bad("If-Match and If-None-Match are taken on /v1/kv/{key}, not here") : null;
}
