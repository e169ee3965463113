using System.Buffers;
using System.IO.Pipelines;

namespace Diststore.Http;

/// <summary>
/// The way to one client of a stream of changes. What is not yet taken by the client is bounded: beyond it a write waits,
/// and a client that takes nothing for too long is given up. One writer at a time.
/// </summary>
internal sealed class ChangeSink(PipeWriter writer, TimeSpan patience, TimeProvider time, CancellationToken cancellation)
{
    /// <summary>Bytes that gather before they are sent.</summary>
    private const int GatherBytes = 64 * 1024;

    private int _gathered;
    private long _flushed = time.GetTimestamp();

    /// <summary>Since when nothing was sent.</summary>
    public TimeSpan Silence => time.GetElapsedTime(_flushed);

    /// <summary>Writes some bytes; sends what has gathered when it is enough.</summary>
    /// <exception cref="TimeoutException">The client does not read.</exception>
    /// <exception cref="OperationCanceledException">The client is gone, or the server stops.</exception>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        writer.Write(bytes.Span);
        _gathered += bytes.Length;
        return _gathered < GatherBytes ? ValueTask.CompletedTask : FlushAsync();
    }

    /// <summary>Sends what has gathered.</summary>
    /// <exception cref="TimeoutException">The client does not read.</exception>
    /// <exception cref="OperationCanceledException">The client is gone, or the server stops.</exception>
    public async ValueTask FlushAsync()
    {
        _gathered = 0;
        ValueTask<FlushResult> flush = writer.FlushAsync(CancellationToken.None);
        FlushResult result = flush.IsCompletedSuccessfully ? flush.Result : await flush.AsTask().WaitAsync(patience, time, cancellation);
        if (result.IsCompleted || result.IsCanceled)
        {
            throw new OperationCanceledException("the client is gone");
        }

        _flushed = time.GetTimestamp();
    }
}
