using System.Buffers;
using System.IO.Pipelines;

namespace Diststore.Http;

/// <summary>
/// The way to one client of an answer that is made while it is sent. What is not yet taken by the client is bounded: beyond
/// it a write waits, and a client that takes nothing for too long is given up. One writer at a time.
/// </summary>
internal sealed class StreamSink(PipeWriter writer, TimeSpan patience, TimeProvider time, CancellationToken cancellation)
{
    /// <summary>Bytes that gather before they are sent: so much lies here beside what Kestrel has taken.</summary>
    private const int PieceBytes = 16 * 1024;

    private int _gathered;
    private long _flushed = time.GetTimestamp();

    /// <summary>Since when nothing was sent.</summary>
    public TimeSpan Silence => time.GetElapsedTime(_flushed);

    /// <summary>Writes some bytes; sends what has gathered when it is enough.</summary>
    /// <exception cref="ClientTooSlowException">The client does not read.</exception>
    /// <exception cref="OperationCanceledException">The client is gone or let go, or the server stops.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int length = Math.Min(bytes.Length, PieceBytes - _gathered);
            writer.Write(bytes.Span[..length]);
            bytes = bytes[length..];
            _gathered += length;
            if (_gathered == PieceBytes)
            {
                await FlushAsync();
            }
        }
    }

    /// <summary>Sends what has gathered.</summary>
    /// <exception cref="ClientTooSlowException">The client does not read.</exception>
    /// <exception cref="OperationCanceledException">The client is gone or let go, or the server stops.</exception>
    public async ValueTask FlushAsync()
    {
        _gathered = 0;
        ValueTask<FlushResult> flush = writer.FlushAsync(CancellationToken.None);
        FlushResult result = flush.IsCompletedSuccessfully ? flush.Result : await WaitAsync(flush.AsTask());
        if (result.IsCompleted || result.IsCanceled)
        {
            throw new OperationCanceledException("the client is gone");
        }

        _flushed = time.GetTimestamp();
    }

    private async Task<FlushResult> WaitAsync(Task<FlushResult> flush)
    {
        try
        {
            return await flush.WaitAsync(patience, time, cancellation);
        }
        catch (TimeoutException) when (!flush.IsFaulted)
        {
            throw new ClientTooSlowException($"the client has read nothing for {patience.TotalSeconds} s");
        }
    }
}

/// <summary>The client does not read what it asked for. A type of its own: a store's call that took too long is something else.</summary>
internal sealed class ClientTooSlowException(string message) : Exception(message);
