using System.Globalization;
using System.IO.Pipelines;
using Diststore.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;

namespace Diststore.Http;

/// <summary>Turns results into answers.</summary>
internal static class Answers
{
    /// <summary>
    /// A longer body goes out piece by piece, so that a slow client has a piece or three of it in Kestrel's buffers and not all once more, and
    /// takes room in the budget before it begins. A shorter one does so only where the client does not take it at once.
    /// </summary>
    private const int PieceBytes = 32 * 1024;

    /// <summary>What Kestrel holds of an answer that a client is slow to read, at most; see <see cref="DiststoreHttp.ResponseBufferBytes"/>.</summary>
    public const int BufferedBytes = DiststoreHttp.ResponseBufferBytes + PieceBytes;

    /// <summary>Answers a write through the masters or to one node; <paramref name="done"/> answers where it was acknowledged.</summary>
    public static Task WriteAsync(HttpContext context, in WriteResult result, string? nodeAsked, Func<HttpContext, WriteResult, Task> done)
    {
        switch (result.Outcome)
        {
            case WriteOutcome.Created or WriteOutcome.Replaced or WriteOutcome.Deleted or WriteOutcome.Done:
                SetWritten(context.Response.Headers, result);
                return done(context, result);
            case WriteOutcome.NotFound:
                return Problems.WriteAsync(context, new Fault(
                    StatusCodes.Status404NotFound, ProblemType.NoSuchKey, result.Detail ?? "there is no such key", Node: result.Node));
            case WriteOutcome.ConditionFailed:
                return Problems.WriteAsync(context, Fault.ConditionFailed(result.Node));
            case WriteOutcome.OverQuota:
                string why = result.Detail ?? "the masters hold as much as they may";
                return Problems.WriteAsync(
                    context,
                    new Fault(
                        StatusCodes.Status507InsufficientStorage,
                        ProblemType.OverQuota,
                        $"nothing was stored: {why}; deletes are still taken",
                        Node: result.Node));
            case WriteOutcome.Conflict:
                return Problems.WriteAsync(context, new Fault(
                    StatusCodes.Status409Conflict, ProblemType.Conflict, $"nothing was done: {result.Detail}", Node: result.Node));
            case WriteOutcome.TooLarge:
                return Problems.WriteAsync(context, new Fault(
                    StatusCodes.Status413PayloadTooLarge, ProblemType.TooLarge, $"nothing was done: {result.Detail}", Node: result.Node));
            case WriteOutcome.KeyReused:
                return Problems.WriteAsync(context, Fault.KeyReused(result.Node));
            case WriteOutcome.UnknownNode:
                return Problems.WriteAsync(context, Fault.UnknownNode(nodeAsked));
            case WriteOutcome.Unavailable:
                const string Nobody = "nothing was stored: no master can take writes now";
                return Unavailable(context, ProblemType.NothingDone, result.Detail ?? Nobody, result.Node);
            case WriteOutcome.Busy:
                return Unavailable(context, ProblemType.Busy, result.Detail ?? "nothing was stored: too many writes wait already", result.Node);
            default:
                string detail = result.Detail is null ? "" : $": {result.Detail}";
                string unknown = $"the outcome is unknown, the write may or may not have been done{detail}";
                return Unavailable(context, ProblemType.OutcomeUnknown, unknown, result.Node);
        }
    }

    /// <summary>Answers 503.</summary>
    public static Task Unavailable(HttpContext context, string type, string detail, string? node = null) =>
        Problems.WriteAsync(context, new Fault(StatusCodes.Status503ServiceUnavailable, type, detail, Node: node));

    /// <summary>
    /// Answers with a whole body; on HEAD with its headers. <paramref name="isFree"/> is for what has to be answered however little room
    /// there is in the budget, and for what has its room already.
    /// </summary>
    public static Task BodyAsync(HttpContext context, StringValues contentType, byte[] body, string? node = null, bool isFree = false)
    {
        HttpResponse response = context.Response;
        response.Headers.ContentType = contentType;
        if (contentType == HeaderTexts.Json)
        {
            response.Headers.CacheControl = HeaderTexts.NoStore;
        }

        NodeTexts.Set(response.Headers, node);
        return SendAsync(context, body, isFree);
    }

    /// <summary>Sets the headers of an answer that goes on for as long as the client listens.</summary>
    public static void StreamHeaders(HttpContext context, string contentType, string? node)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentType = contentType;
        headers.CacheControl = HeaderTexts.NoStore;
        SetValue(headers);
        // Or a proxy (nginx) gathers the stream until it ends.
        headers["X-Accel-Buffering"] = "no";
        NodeTexts.Set(headers, node);
    }

    /// <summary>Sets the headers of every answer that has stored values: whoever stored them may not speak for this origin.</summary>
    public static void SetValue(IHeaderDictionary headers)
    {
        headers.XContentTypeOptions = HeaderTexts.NoSniff;
        headers.ContentSecurityPolicy = HeaderTexts.Sandbox;
        headers[HeaderTexts.ResourcePolicy] = HeaderTexts.SameOrigin;
    }

    private static void SetWritten(IHeaderDictionary headers, in WriteResult result)
    {
        NodeTexts.Set(headers, result.Node);
        if (result.IsReplay)
        {
            headers[HeaderTexts.Replayed] = HeaderTexts.True;
        }

        if (result.Version == LogPoint.Zero)
        {
            // What one node alone keeps has no place in the log.
            return;
        }

        headers[HeaderTexts.Sequence] = result.Version.Sequence.ToString(CultureInfo.InvariantCulture);
        if (result.Outcome is WriteOutcome.Created or WriteOutcome.Replaced)
        {
            headers.ETag = $"\"{result.Version}\"";
        }
    }

    /// <summary>
    /// Sends a body; on HEAD nothing but its length. <paramref name="isFree"/> as for
    /// <see cref="BodyAsync(HttpContext, StringValues, byte[], string?, bool)"/>.
    /// </summary>
    public static Task SendAsync(HttpContext context, ReadOnlyMemory<byte> body, bool isFree)
    {
        HttpResponse response = context.Response;
        response.Headers.XContentTypeOptions = HeaderTexts.NoSniff;
        response.ContentLength = body.Length;
        if (body.Length == 0 || context.Request.IsHead())
        {
            return Task.CompletedTask;
        }

        if (body.Length > PieceBytes)
        {
            return SendPieces(context, body, isFree);
        }

        ValueTask<FlushResult> sent = response.BodyWriter.WriteAsync(body);
        return sent.IsCompletedSuccessfully ? Task.CompletedTask : isFree ? sent.AsTask() : AwaitReader(context, sent.AsTask());
    }

    /// <summary>Sends a body that has its room, <see cref="BufferedBytes"/> included, in <paramref name="room"/>.</summary>
    public static Task SendAsync(HttpContext context, ReadOnlyMemory<byte> body, ByteReservation room)
    {
        context.Response.Headers.XContentTypeOptions = HeaderTexts.NoSniff;
        context.Response.ContentLength = body.Length;
        return SendPieces(context, body, room);
    }

    private static async Task SendPieces(HttpContext context, ReadOnlyMemory<byte> body, bool isFree)
    {
        using ByteReservation? room = isFree ? null : Budget(context)?.Open(ByteUse.Answer);
        if (room?.TryTake(body.Length + BufferedBytes) == false)
        {
            await Problems.WriteAsync(context, Fault.Busy);
            return;
        }

        await SendPieces(context, body, room);
    }

    private static async Task SendPieces(HttpContext context, ReadOnlyMemory<byte> body, ByteReservation? room)
    {
        PipeWriter writer = context.Response.BodyWriter;
        for (int at = 0; at < body.Length; at += PieceBytes)
        {
            int length = Math.Min(PieceBytes, body.Length - at);
            ValueTask<FlushResult> sent = writer.WriteAsync(body.Slice(at, length));
            FlushResult flushed = sent.IsCompletedSuccessfully ? sent.Result : await AwaitReader(context, sent.AsTask(), room);
            if (flushed.IsCompleted)
            {
                return;
            }

            room?.Progress(length);
        }
    }

    // Some bytes wait for a client that does not take them: it is behind by more than Kestrel buffers.
    private static async Task AwaitReader(HttpContext context, Task<FlushResult> sent)
    {
        using ByteReservation? room = Budget(context)?.Open(ByteUse.Answer);
        if (room?.TryTake(BufferedBytes) == false)
        {
            // It is too late for another answer, and waiting would be holding without room.
            context.Abort();
        }

        await AwaitReader(context, sent, room);
    }

    private static async Task<FlushResult> AwaitReader(HttpContext context, Task<FlushResult> sent, ByteReservation? room)
    {
        if (room is not null)
        {
            await using CancellationTokenRegistration tooSlow = room.Pace().UnsafeRegister(static context => ((HttpContext)context!).Abort(), context);
            return await sent;
        }

        return await sent;
    }

    private static ByteBudget? Budget(HttpContext context) => context.RequestServices.GetService<ByteBudget>();
}
