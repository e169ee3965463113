namespace Diststore.Storage;

/// <summary>
/// Threads of the store's own for reads that may wait for the disk. Each kind of read has a lane of its own, so that a walk
/// over everything does not stand before the read of one key, and none of them takes threads of the pool that all else
/// runs on. The queue is not bounded here: each caller waits for its answer, and Core bounds how many callers there are.
/// </summary>
internal sealed class ReadLane : IDisposable
{
    private readonly Queue<Action> _queue = new(); // guarded by itself; waited on with Monitor
    private readonly Thread[] _threads;
    private bool _isComplete; // under _queue

    /// <param name="name">What the threads are called.</param>
    /// <param name="threads">Reads at once; more wait their turn.</param>
    public ReadLane(string name, int threads)
    {
        _threads = [.. Enumerable.Range(0, threads).Select(_ => new Thread(Run) { IsBackground = true, Name = name })];
        Array.ForEach(_threads, static thread => thread.Start());
    }

    /// <summary>Runs a read on a thread of the lane; any thread. What it throws is the task's. Awaiters never run on the lane.</summary>
    public Task<T> RunAsync<T>(Func<T> read)
    {
        var source = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_queue)
        {
            if (_isComplete)
            {
                return Task.FromException<T>(new ObjectDisposedException(nameof(RocksStore)));
            }

            _queue.Enqueue(() => Complete(source, read));
            Monitor.Pulse(_queue);
        }

        return source.Task;
    }

    /// <summary>Takes no more reads and waits for those that were queued.</summary>
    public void Dispose()
    {
        lock (_queue)
        {
            _isComplete = true;
            Monitor.PulseAll(_queue);
        }

        Array.ForEach(_threads, static thread => thread.Join());
    }

    private static void Complete<T>(TaskCompletionSource<T> source, Func<T> read)
    {
        try
        {
            source.SetResult(read());
        }
        catch (Exception e)
        {
            source.SetException(e);
        }
    }

    private void Run()
    {
        while (Next() is { } read)
        {
            read();
        }
    }

    private Action? Next()
    {
        lock (_queue)
        {
            while (_queue.Count == 0 && !_isComplete)
            {
                Monitor.Wait(_queue);
            }

            return _queue.TryDequeue(out Action? read) ? read : null;
        }
    }
}
