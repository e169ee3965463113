using System.Diagnostics.CodeAnalysis;
using Diststore.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Diststore.Http;

/// <summary><c>GET /v1/changes</c>: each key's latest change after a point, ascending, then live; of all keys, or some.</summary>
internal sealed partial class ChangeRoutes(
    IDiststore store, DiststoreHttpOptions options, TimeProvider time, ILogger logger, CancellationToken stopping)
{
    public const string Path = "/v1/changes";

    private const string LastEventId = "Last-Event-ID";

    private readonly ChangeFeed _feed = new(store, options, time, stopping);

    private int _open; // streams under way; any thread

    public Task InvokeAsync(HttpContext context, RequestTarget target)
    {
        HttpRequest request = context.Request;
        if (!request.IsRead())
        {
            return Problems.WriteAsync(context, Fault.Method("GET, HEAD"));
        }

        Span<string?> given = [null, null, null, null, null];
        if (!target.TryGetParameters(["since", "live", "prefix", "key", "values"], given, out string? problem)
            || !TryGetSince(request, given[0], out ChangeId since, out problem)
            || !TryGetFilter(given[2], given[3], given[4], out ChangeFilter filter, out problem))
        {
            return Problems.WriteAsync(context, Fault.Bad(problem));
        }

        return given[1] is null or "true" or "false"
            ? InvokeAsync(context, since, filter, isLive: given[1] != "false")
            : Problems.WriteAsync(context, Fault.Bad("the parameter live takes true or false"));
    }

    // What is no part of any key is refused where parameters are decoded. Every key begins with an empty prefix; none is empty.
    private static bool TryGetFilter(string? prefix, string? key, string? values, out ChangeFilter filter, [NotNullWhen(false)] out string? problem)
    {
        filter = (key is null ? ChangeFilter.OfPrefix(prefix ?? "") : ChangeFilter.OfKey(key)) with { OmitsValues = values == "false" };
        problem = prefix is not null && key is not null ? "the parameters prefix and key do not go together"
            : key is "" ? "the parameter key is empty; leave it out to watch all keys"
            : values is not (null or "true" or "false") ? "the parameter values takes true or false"
            : null;
        return problem is null;
    }

    // Where a client that reconnects has got to says more than the address that it began with.
    private static bool TryGetSince(HttpRequest request, string? parameter, out ChangeId since, [NotNullWhen(false)] out string? problem)
    {
        string? resumed = request.Headers.TryGetValue(LastEventId, out var header) && header.ToString() is { Length: > 0 } id ? id : null;
        since = ChangeId.Start;
        problem = (resumed ?? parameter) is null or "" or "0" || ChangeId.TryParse((resumed ?? parameter)!, out since) ? null
            : $"{(resumed is null ? "the parameter since" : LastEventId)} takes an id as changes have it, like 3-141";
        return problem is null;
    }

    private async Task InvokeAsync(HttpContext context, ChangeId since, ChangeFilter filter, bool isLive)
    {
        if (Interlocked.Increment(ref _open) > options.MaxChangeStreams)
        {
            Interlocked.Decrement(ref _open);
            await Answers.Unavailable(context, ProblemType.Busy, $"this process serves {options.MaxChangeStreams} streams of changes already");
            return;
        }

        try
        {
            await ServeAsync(context, since, filter, isLive);
        }
        catch (OperationCanceledException)
        {
            // The client is gone, or this process stops: what has started breaks off, perhaps within a line.
            await Answers.Unavailable(context, ProblemType.NotKnown, "this process stops");
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }

    private async Task ServeAsync(HttpContext context, ChangeId since, ChangeFilter filter, bool isLive)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        var watcher = new ChangeWatcher(ends, filter);
        try
        {
            await ServeAsync(context, new ChangeSource(store, _feed, watcher, since, ends.Token), isLive, ends.Token);
        }
        finally
        {
            _feed.Release(watcher);
            if (watcher.IsLetGo)
            {
                LogLetGo(context.Connection.RemoteIpAddress, context.Connection.RemotePort, options.ChangeHoldGrace.TotalSeconds, since);
            }
        }
    }

    private async Task ServeAsync(HttpContext context, ChangeSource source, bool isLive, CancellationToken ends)
    {
        // The first page says how the answer begins; it is sent when it is read again, and kept that long.
        ChangesResult first = (await source.ReadAsync(TimeSpan.Zero, Timeout.InfiniteTimeSpan))!.Result;
        source.Release();
        await (first.Outcome switch
        {
            ChangesOutcome.Gone => Problems.WriteAsync(context, new Fault(
                StatusCodes.Status410Gone,
                ProblemType.Gone,
                first.Detail ?? "that point is too old, or not in this history: list the keys anew",
                Node: first.Node)),
            ChangesOutcome.Unavailable => Answers.Unavailable(context, ProblemType.NotKnown, first.Detail ?? "no primary answers", first.Node),
            ChangesOutcome.Busy => Answers.Unavailable(context, ProblemType.Busy, first.Detail ?? "too many changes are read already", first.Node),
            _ => StreamAsync(context, source, first.Node, isLive, ends),
        });
    }

    private async Task StreamAsync(HttpContext context, ChangeSource source, string node, bool isLive, CancellationToken ends)
    {
        ChangeFormat format = ChangeFormat.Of(context.Request);
        Answers.StreamHeaders(context, format.ContentType, node);
        if (context.Request.IsHead())
        {
            return;
        }

        ChangeId began = source.Position;
        var sink = new StreamSink(context.Response.BodyWriter, options.ChangeReadPatience, time, ends);
        try
        {
            // So that a client knows at once that it is heard, also where nothing changes.
            await sink.FlushAsync();
            LogPoint? until = isLive ? null : await source.NowAsync();
            if (!await new ChangeStream(source, format, sink, options, time, logger).RunAsync(until, ends))
            {
                // A clean end would say that this was all.
                context.Abort();
            }
        }
        catch (ClientTooSlowException)
        {
            LogTooSlow(context.Connection.RemoteIpAddress, context.Connection.RemotePort, options.ChangeReadPatience.TotalSeconds, began, source.Position);
            context.Abort();
        }
    }
}
