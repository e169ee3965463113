using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary>Reads request bodies that are stored as they are, up to a limit.</summary>
internal static class RequestBody
{
    /// <summary>
    /// Reads the whole body, up to <paramref name="maxBytes"/> bytes; gives it or the reason why not, as soon as that is known.
    /// <paramref name="room"/> has what is held of it, until the request is answered; nothing of it stays with the server.
    /// </summary>
    public static ValueTask<(byte[]? Value, Fault? Fault)> ReadAsync(HttpRequest request, int maxBytes, ByteReservation room) =>
        ReadAsync(request, maxBytes, room, Fault.TooLarge(maxBytes));

    /// <summary>As above; <paramref name="tooLong"/> is the answer to more bytes.</summary>
    public static async ValueTask<(byte[]? Value, Fault? Fault)> ReadAsync(HttpRequest request, int maxBytes, ByteReservation room, Fault tooLong)
    {
        if (request.ContentLength > maxBytes)
        {
            return (null, tooLong);
        }

        var source = new BodySource(request.BodyReader, room, maxBytes, tooLong);
        using var gathered = new GatheredBytes(room, maxBytes, request.ContentLength);
        while (await source.ReadAsync())
        {
            foreach (ReadOnlyMemory<byte> piece in source.Bytes)
            {
                source.Check(gathered.Append(piece.Span));
            }

            source.Consume();
        }

        if (source.Fault is null)
        {
            return (gathered.ToArray(), null);
        }

        // Before the answer, which may take its time.
        room.Dispose();
        return (null, source.Fault);
    }

    /// <summary>What keeps a request's body from being stored as it is, or null.</summary>
    public static Fault? Problem(HttpRequest request)
    {
        if (request.Headers.ContentEncoding.Count > 0 && request.Headers.ContentEncoding != "identity")
        {
            return new Fault(
                StatusCodes.Status415UnsupportedMediaType, ProblemType.UnsupportedMediaType, "a Content-Encoding is not kept; send the value as it is");
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

/// <summary>
/// A request's body as it comes, piece by piece. What is wrong with it, or with its client's pace, ends it with
/// <see cref="Fault"/>: never an exception that looks like the server's own.
/// </summary>
internal sealed class BodySource(PipeReader reader, ByteReservation room, long maxBytes, Fault tooLong)
{
    private long _come;
    private bool _isEnd;
    private bool _isOut; // a piece was read and not yet consumed

    /// <summary>Why no more is read, unless it is the body's end.</summary>
    public Fault? Fault { get; private set; }

    /// <summary>The piece that was read; to be consumed before the next one.</summary>
    public ReadOnlySequence<byte> Bytes { get; private set; }

    /// <summary>Waits for the next piece; false where there is none, at the end or because of a fault.</summary>
    public async ValueTask<bool> ReadAsync()
    {
        if (_isEnd || Fault is not null)
        {
            return false;
        }

        ReadResult read;
        try
        {
            if (!reader.TryRead(out read))
            {
                // Who has sent nothing yet holds nothing yet.
                read = await (_come == 0 ? reader.ReadAsync() : ReadPacedAsync());
            }

            _isOut = true;
        }
        catch (Exception exception) when (exception is (IOException or OperationCanceledException) and not BadHttpRequestException)
        {
            // Chunks whose size is beyond all numbers; a connection that broke, where the answer reaches nobody.
            Fault = Fault.Bad("the body cannot be read: it was cut short, or its chunks are malformed");
            return false;
        }

        if (read.IsCanceled)
        {
            Bytes = read.Buffer;
            Fault = Fault.TooSlow;
            Consume();
            return false;
        }

        _isEnd = read.IsCompleted;
        Bytes = read.Buffer;
        _come += Bytes.Length;
        room.Progress(Bytes.Length);
        Fault = _come > maxBytes ? tooLong : null;
        if (_isEnd || Fault is not null)
        {
            room.StopPacing();
        }

        if (Fault is not null)
        {
            Consume();
        }

        return Fault is null;
    }

    /// <summary>Says how taking the piece ended.</summary>
    public void Check(Gathering gathering) => Fault ??= gathering switch
    {
        Gathering.TooLong => tooLong,
        Gathering.NoRoom => Fault.Busy,
        _ => null,
    };

    /// <summary>Ends the reading, because of what the bytes say.</summary>
    public void Refuse(Fault? fault) => Fault ??= fault;

    /// <summary>The piece that is out, if one is, has been taken.</summary>
    public void Consume()
    {
        if (_isOut)
        {
            _isOut = false;
            reader.AdvanceTo(Bytes.End);
        }
    }

    // Not by the token itself: Kestrel takes a read that was given up like that for one that still goes on.
    private async ValueTask<ReadResult> ReadPacedAsync()
    {
        await using CancellationTokenRegistration tooSlow =
            room.Pace().UnsafeRegister(static reader => ((PipeReader)reader!).CancelPendingRead(), reader);
        return await reader.ReadAsync();
    }
}
