using Diststore.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Diststore.Http;

/// <summary>Answers reads of values.</summary>
internal sealed class ReadAnswers(DiststoreHttpOptions options)
{
    // A cache between a client and this server asks whether what it has still stands, by the ETag, in place of guessing for how long it may; one
    // that many share keeps nothing that takes a token to read (RFC 9111, sections 4.2.2 and 5.2.2).
    private readonly StringValues _caching = options.Tokens.Count > 0 ? "private, no-cache" : "no-cache";

    /// <summary>
    /// Answers a read. On a local hit the result is there already: then this is one straight line without an awaiting state machine.
    /// </summary>
    public Task AnswerAsync(HttpContext context, ValueTask<ReadResult> read)
    {
        return read.IsCompletedSuccessfully ? Answer(context, read.Result) : Await(context, read);

        async Task Await(HttpContext context, ValueTask<ReadResult> read) => await Answer(context, await read);
    }

    /// <summary>Answers with the value, a range of it, or why there is none.</summary>
    public Task Answer(HttpContext context, in ReadResult result)
    {
        if (result.Outcome != ReadOutcome.Found)
        {
            return Missed(context, result);
        }

        Entry entry = result.Entry!;
        ReadOnlyMemory<byte> body = entry.Value!;
        HttpRequest request = context.Request;
        if (request.Headers.Range.Count > 0 && request.IsGet() && !ByteRange.TryTake(request.Headers, entry, context.Response, ref body))
        {
            return Problems.WriteAsync(context, Fault.Range(body.Length) with { Read = result });
        }

        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentType = entry.ContentType ?? HeaderTexts.OctetStream;
        headers.AcceptRanges = HeaderTexts.Bytes;
        Answers.SetValue(headers);
        SetRead(headers, result);
        return Answers.SendAsync(context, body, isFree: false);
    }

    /// <summary>Answers 304: the client has this version already.</summary>
    public Task NotModified(HttpContext context, in ReadResult result)
    {
        context.Response.StatusCode = StatusCodes.Status304NotModified;
        SetRead(context.Response.Headers, result);
        return Task.CompletedTask;
    }

    private void SetRead(IHeaderDictionary headers, in ReadResult result)
    {
        if (result.Entry!.Version != LogPoint.Zero)
        {
            // A local-only entry has no version, and one tag for different values would be a lie.
            headers.ETag = result.Entry.ETag;
        }

        headers.CacheControl = _caching;
        NodeTexts.Set(headers, result);
    }

    private Task Missed(HttpContext context, in ReadResult result) => result.Outcome switch
    {
        // A node that only looked at what it holds itself says nothing of the cluster's state.
        ReadOutcome.NotFound => Problems.WriteAsync(context, new Fault(
            StatusCodes.Status404NotFound,
            ProblemType.NoSuchKey,
            result.Detail ?? "there is no such key",
            Node: result.Node,
            Read: result.Forwarding == Forwarding.None ? null : result,
            Caching: _caching)),
        ReadOutcome.NotHere => Problems.WriteAsync(
            context,
            new Fault(
                StatusCodes.Status504GatewayTimeout, ProblemType.NotHere, result.Detail ?? "this node has nothing that it may show", Node: result.Node)),
        ReadOutcome.UnknownNode => Problems.WriteAsync(
            context, new Fault(StatusCodes.Status404NotFound, ProblemType.NoSuchNode, result.Detail ?? "there is no live node of that name")),
        ReadOutcome.Busy => Answers.Unavailable(context, ProblemType.Busy, result.Detail ?? "too many reads wait already", result.Node),
        _ => Answers.Unavailable(context, ProblemType.NotKnown, result.Detail ?? "nobody who would know has answered", result.Node),
    };
}
