using System.Buffers;
using System.Text;
using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary>
/// <c>GET /list</c>: one node's keys, however many, sent as they come: a page at a time, and no page before the client has
/// taken the one before.
/// </summary>
internal sealed class NodeKeyRoutes(INodeAccess nodes, DiststoreHttpOptions options, TimeProvider time, CancellationToken stopping)
{
    // Bytes of lines that are made before they are handed on.
    private const int PieceBytes = 8 * 1024;

    private static readonly TimeSpan BusyPause = TimeSpan.FromMilliseconds(200);

    private int _open; // listings under way; any thread

    public Task InvokeAsync(HttpContext context, RequestTarget target)
    {
        if (!context.Request.IsRead())
        {
            return Problems.WriteAsync(context, Fault.Method("GET, HEAD"));
        }

        Span<string?> node = [null];
        return target.TryGetParameters(["node"], node, out string? problem)
            ? InvokeAsync(context, node[0])
            : Problems.WriteAsync(context, Fault.Bad(problem));
    }

    private async Task InvokeAsync(HttpContext context, string? node)
    {
        try
        {
            await (Interlocked.Increment(ref _open) <= options.MaxNodeListings
                ? ServeAsync(context, node)
                : Answers.Unavailable(context, $"this process sends {options.MaxNodeListings} nodes' keys already; ask again later"));
        }
        catch (Exception exception) when (exception is OperationCanceledException or TimeoutException)
        {
            // The client is gone or reads nothing, or this process stops.
            await Answers.Unavailable(context, "this process stops");
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }

    private async Task ServeAsync(HttpContext context, string? node)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        KeysResult page = await ReadAsync(node, null, ends.Token);
        if (page.Outcome != KeysOutcome.Page)
        {
            await (page.Outcome == KeysOutcome.UnknownNode
                ? Problems.WriteAsync(context, Fault.UnknownNode(node))
                : Answers.Unavailable(context, page.Detail ?? nodes.NotReadyBecause ?? "the node does not answer"));
            return;
        }

        Answers.StreamHeaders(context, HeaderTexts.PlainText!, page.Node);
        if (context.Request.IsHead())
        {
            return;
        }

        var sink = new StreamSink(context.Response.BodyWriter, options.ChangeReadPatience, time, ends.Token);
        if (!await SendAsync(sink, page, ends.Token))
        {
            // A clean end would say that these are all.
            context.Abort();
        }
    }

    // False where it ends before the last page.
    private async Task<bool> SendAsync(StreamSink sink, KeysResult page, CancellationToken ends)
    {
        var lines = new ArrayBufferWriter<byte>(2 * PieceBytes);
        while (page.Outcome == KeysOutcome.Page)
        {
            foreach (string key in page.Keys)
            {
                Encoding.UTF8.GetBytes(Line(key), lines);
                if (lines.WrittenCount >= PieceBytes)
                {
                    await sink.WriteAsync(lines.WrittenMemory);
                    lines.ResetWrittenCount();
                }
            }

            if (page.Next is not { } next)
            {
                await sink.WriteAsync(lines.WrittenMemory);
                await sink.FlushAsync();
                return true;
            }

            page = await ReadPatientlyAsync(page.Node, next, ends);
        }

        return false;
    }

    // Who has begun is not to start over because others have come meanwhile.
    private async ValueTask<KeysResult> ReadPatientlyAsync(string node, string after, CancellationToken ends)
    {
        long started = time.GetTimestamp();
        KeysResult page;
        while ((page = await ReadAsync(node, after, ends)).Outcome == KeysOutcome.Busy
            && time.GetElapsedTime(started) < options.NodeListingPatience)
        {
            await Task.Delay(BusyPause, time, ends);
        }

        return page;
    }

    // Behind a call to another node the token may not be heeded.
    private async ValueTask<KeysResult> ReadAsync(string? node, string? after, CancellationToken ends) =>
        await nodes.GetKeysAsync(node, after, ends).AsTask().WaitAsync(ends);

    // A line is a key, so a key's own line ends have to go; and what stands for them has to stand for nothing else.
    private static string Line(string key) =>
        key.AsSpan().IndexOfAny('%', '\r', '\n') < 0
            ? key + "\n"
            : key.Replace("%", "%25", StringComparison.Ordinal)
                .Replace("\r", "%0D", StringComparison.Ordinal)
                .Replace("\n", "%0A", StringComparison.Ordinal) + "\n";
}
