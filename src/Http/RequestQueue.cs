using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;

namespace Diststore.Http;

/// <summary>
/// The line in which HTTP's work waits for the thread pool: what a connection has to do when bytes have come, that is parsing, serving
/// and reading bodies, and the sending of long answers and pages to many. However many connections have something to do, as many of them as
/// there are workers stand in the pool's own line, and each gives way after a moment. So what the nodes have to tell one another never waits
/// behind thousands of requests; the requests wait here, in their order. Any thread.
/// </summary>
internal sealed class RequestQueue : IThreadPoolWorkItem
{
    // How many pieces of work a worker does before it stands in the pool's line again: some hundred microseconds.
    private const int PiecesATurn = 16;

    // Sending so many bytes is work to stand in line for; less is sent where it is written.
    private const int LongBytes = 16 * 1024;

    [ThreadStatic]
    private static bool _hasTurn;

    private readonly ConcurrentQueue<Action> _work = new();
    private readonly int _maxWorkers;
    private int _workers; // that run, or stand in the pool's line

    /// <summary>A line for <paramref name="maxWorkers"/> threads; without a number one fewer than there are processors, but one.</summary>
    public RequestQueue(int? maxWorkers = null) => _maxWorkers = maxWorkers ?? Math.Max(1, Environment.ProcessorCount - 1);

    /// <summary>Serves a connection whose requests wait in this line.</summary>
    public async Task ServeAsync(ConnectionContext connection, ConnectionDelegate serve)
    {
        IDuplexPipe transport = connection.Transport;
        connection.Transport = new QueuedPipe(new QueuedReader(transport.Input, this), new QueuedWriter(transport.Output, this));
        try
        {
            await serve(connection);
        }
        finally
        {
            connection.Transport = transport;
        }
    }

    /// <summary>
    /// Puts a piece of work in line. Where nobody stands there, nor in the pool's, this very thread is the worker that does it: a lone
    /// request waits for no other thread to wake.
    /// </summary>
    public void Add(Action work)
    {
        if (_work.IsEmpty && ThreadPool.PendingWorkItemCount == 0 && TryTakeWorker())
        {
            Do(work);
            EndTurn();
            return;
        }

        _work.Enqueue(work);
        AddWorker();
    }

    /// <summary>A turn of one worker.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        for (int i = 0; i < PiecesATurn && _work.TryDequeue(out Action? work); i++)
        {
            Do(work);
        }

        EndTurn();
    }

    // One may be done within another, where there are several workers.
    private static void Do(Action work)
    {
        bool before = _hasTurn;
        _hasTurn = true;
        work();
        _hasTurn = before;
    }

    private void EndTurn()
    {
        Interlocked.Decrement(ref _workers);

        // Also what was added while this worker was counted and had already found nothing.
        if (!_work.IsEmpty)
        {
            AddWorker();
        }
    }

    private void AddWorker()
    {
        if (TryTakeWorker())
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    private bool TryTakeWorker()
    {
        int workers = Volatile.Read(ref _workers);
        while (workers < _maxWorkers)
        {
            int found = Interlocked.CompareExchange(ref _workers, workers + 1, workers);
            if (found == workers)
            {
                return true;
            }

            workers = found;
        }

        return false;
    }

    private sealed record QueuedPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    // A connection's bytes: whoever waits for them goes on in the line.
    private sealed class QueuedReader(PipeReader bytes, RequestQueue queue) : PipeReader
    {
        private readonly Place _place = new(queue);

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            ValueTask<ReadResult> read = bytes.ReadAsync(cancellationToken);
            return read.IsCompleted ? read : InLineAsync(read);
        }

        public override bool TryRead(out ReadResult result) => bytes.TryRead(out result);

        public override void AdvanceTo(SequencePosition consumed) => bytes.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => bytes.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => bytes.CancelPendingRead();

        public override void Complete(Exception? exception = null) => bytes.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => bytes.CompleteAsync(exception);

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        private async ValueTask<ReadResult> InLineAsync(ValueTask<ReadResult> read)
        {
            ReadResult result = await read.ConfigureAwait(false);
            await _place;
            return result;
        }
    }

    // What is sent on a connection. The transport sends on the thread that flushes, for as long as the client's side takes it.
    private sealed class QueuedWriter(PipeWriter bytes, RequestQueue queue) : PipeWriter
    {
        private readonly Place _place = new(queue);

        public override bool CanGetUnflushedBytes => bytes.CanGetUnflushedBytes;

        public override long UnflushedBytes => bytes.UnflushedBytes;

        public override void Advance(int count) => bytes.Advance(count);

        public override Memory<byte> GetMemory(int sizeHint = 0) => bytes.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => bytes.GetSpan(sizeHint);

        public override void CancelPendingFlush() => bytes.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => bytes.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => bytes.CompleteAsync(exception);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            if (bytes.UnflushedBytes >= LongBytes && !_hasTurn)
            {
                return InLineAsync(cancellationToken);
            }

            ValueTask<FlushResult> flush = bytes.FlushAsync(cancellationToken);
            return flush.IsCompleted ? flush : InLineAsync(flush);
        }

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        private async ValueTask<FlushResult> InLineAsync(CancellationToken cancellationToken)
        {
            await _place;
            return await FlushAsync(cancellationToken).ConfigureAwait(false);
        }

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        private async ValueTask<FlushResult> InLineAsync(ValueTask<FlushResult> flush)
        {
            FlushResult result = await flush.ConfigureAwait(false);
            await _place;
            return result;
        }
    }

    // To be awaited: what follows runs in its turn.
    private sealed class Place(RequestQueue queue) : ICriticalNotifyCompletion
    {
        public bool IsCompleted => false;

        public Place GetAwaiter() => this;

        public void OnCompleted(Action continuation) => queue.Add(continuation);

        public void UnsafeOnCompleted(Action continuation) => queue.Add(continuation);

        [SuppressMessage("Performance", "CA1822", Justification = "an awaiter's shape")]
        public void GetResult()
        {
        }
    }
}
