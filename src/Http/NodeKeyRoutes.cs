using System.Buffers;
using System.Text;
using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary>
/// <c>GET /list</c>: one node's keys, however many, sent as they come: a page at a time, and no page before the client has
/// taken the one before. A page is made, and held, in room of the <see cref="ByteBudget"/>; who takes it too slowly while that is tight is ended.
/// </summary>
internal sealed class NodeKeyRoutes(
    INodeAccess nodes, DiststoreHttpOptions options, ByteBudget budget, TimeProvider time, CancellationToken stopping)
{
    // What a page of 1 MiB of keys comes to in memory: twice that as strings, and the lines that are made of it.
    private const long PageRoomBytes = 3 << 20;

    // Bytes of lines that are made before they are handed on.
    private const int PieceBytes = 8 * 1024;

    // How long it waits for the room of a page: longer than the slow ones are given before they are ended.
    private static readonly TimeSpan RoomPatience = 3 * ByteBudget.Grace;

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
                : Answers.Unavailable(context, ProblemType.Busy, $"this process sends {options.MaxNodeListings} nodes' keys already; ask again later"));
        }
        catch (Exception exception) when (exception is OperationCanceledException or ClientTooSlowException)
        {
            // The client is gone or reads nothing, or this process stops.
            await Answers.Unavailable(context, ProblemType.NotKnown, "this process stops");
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }

    private async Task ServeAsync(HttpContext context, string? node)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        var sink = new StreamSink(context.Response.BodyWriter, options.ChangeReadPatience, time, ends.Token);
        bool isFirst = true;
        string? after = null;
        while (isFirst || after is not null)
        {
            // Nothing is held while it waits for room: neither a page nor the keys of the one before.
            using ByteReservation room = budget.Open(ByteUse.Answer);
            if (!await TryTakeAsync(room, ends.Token))
            {
                // What has started breaks off: a clean end would say that these are all.
                await Problems.WriteAsync(context, Fault.Busy);
                return;
            }

            (bool goesOn, node, after) = await ServePageAsync(context, sink, room, node, after, ends.Token);
            if (!goesOn)
            {
                return;
            }

            isFirst = false;
        }
    }

    private async ValueTask<bool> TryTakeAsync(ByteReservation room, CancellationToken ends)
    {
        using var patience = new CancellationTokenSource(RoomPatience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ends, patience.Token);
        try
        {
            return await room.TakeAsync(Math.Min(PageRoomBytes, budget.MaxBytes / 2), either.Token);
        }
        catch (OperationCanceledException) when (!ends.IsCancellationRequested)
        {
            return false;
        }
    }

    // One page and what it says of the next; does not go on where this was answered otherwise, or broke off.
    private async Task<(bool GoesOn, string? Node, string? Next)> ServePageAsync(
        HttpContext context, StreamSink sink, ByteReservation room, string? node, string? after, CancellationToken ends)
    {
        KeysResult page = after is null ? await ReadAsync(node, null, ends) : await ReadPatientlyAsync(node, after, ends);
        if (page.Outcome != KeysOutcome.Page)
        {
            // Where it has started it breaks off.
            await (page.Outcome == KeysOutcome.UnknownNode
                ? Problems.WriteAsync(context, Fault.UnknownNode(node))
                : Answers.Unavailable(
                    context,
                    page.Outcome == KeysOutcome.Busy ? ProblemType.Busy : ProblemType.NotKnown,
                    page.Detail ?? nodes.NotReadyBecause ?? "the node does not answer"));
            return (false, null, null);
        }

        if (after is null)
        {
            Answers.StreamHeaders(context, HeaderTexts.PlainText!, page.Node);
            if (context.Request.IsHead())
            {
                return (false, null, null);
            }
        }

        await using CancellationTokenRegistration tooSlow = room.Pace().UnsafeRegister(static context => ((HttpContext)context!).Abort(), context);
        await SendAsync(sink, page, room);
        return (true, page.Node, page.Next);
    }

    private static async Task SendAsync(StreamSink sink, KeysResult page, ByteReservation room)
    {
        var lines = new ArrayBufferWriter<byte>(2 * PieceBytes);
        foreach (string key in page.Keys)
        {
            Encoding.UTF8.GetBytes(Line(key), lines);
            if (lines.WrittenCount >= PieceBytes)
            {
                await sink.WriteAsync(lines.WrittenMemory);
                room.Progress(lines.WrittenCount);
                lines.ResetWrittenCount();
            }
        }

        await sink.WriteAsync(lines.WrittenMemory);

        // Whatever the page holds is with Kestrel before its room is given back; and where it is a short one, who waits sees it.
        await sink.FlushAsync();
    }

    // Who has begun is not to start over because others have come meanwhile.
    private async ValueTask<KeysResult> ReadPatientlyAsync(string? node, string after, CancellationToken ends)
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
