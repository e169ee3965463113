using System.Collections.Immutable;

namespace Diststore.Storage;

/// <summary>When a write operation is answered.</summary>
internal enum Answer
{
    /// <summary>Once the log is synced past it, and past all that it was judged by. Many share one sync.</summary>
    Synced = 0,

    /// <summary>
    /// At once, if the commit point was synced before; else like <see cref="Synced"/>. A crash may take an applying back
    /// that was not synced, but not the pending batches that it was made from: it is done again from those, when the
    /// commit point is told again. So nothing that was acknowledged hangs on it.
    /// </summary>
    Applied = 1,

    /// <summary>
    /// Alone and at once, not synced: what a crash may take back without harm, because nobody was promised anything.
    /// The engine's log is cut at its end only, so what is left is a state that the store was in before.
    /// </summary>
    AloneWritten = 2,

    /// <summary>Alone, and synced.</summary>
    AloneSynced = 3,

    /// <summary>
    /// At once, not synced, and without waiting for what is under way: for what touches neither the log's end nor anything
    /// that was promised, like forgetting tombstones. Appends do not wait behind it for a sync.
    /// </summary>
    Written = 4,
}

/// <summary>
/// The store's two threads. The *writer* takes the operations in the order they were called and writes each one's batch;
/// the *syncer* syncs the log for all that were written since it last began. So while the medium is busy with one sync the
/// next batches are already written, and an applying never waits for a sync that it does not need.
/// <para>
/// Only appends, appliings, local puts and deletes, and what is merely <see cref="Answer.Written"/> are under way together.
/// Everything else waits until all before it is synced, so the published state is at any time the newest one less the pending
/// batches that are not synced.
/// </para>
/// </summary>
internal sealed class WriteLoop : IDisposable
{
    private readonly StoreWriter _writer;
    private readonly Engine _engine;
    private readonly Folder _folder;
    private readonly StorageInstruments _instruments;
    private readonly Thread _writerThread;
    private readonly Thread _syncerThread;

    // Guarded by itself; waited on with Monitor, which does not spin before it sleeps: the thread waits far more often than
    // it works, and the cores belong to others meanwhile. Not bounded here: each caller waits for its answer, and Core bounds
    // how many there are.
    private readonly Queue<Operation> _queue = new();
    private bool _isComplete; // under _queue: nothing comes any more

    private readonly object _gate = new(); // guards what follows; waited on with Monitor
    private List<Operation> _unsynced = []; // in the order they were written
    private int _underWay; // those and the ones whose sync is under way
    private bool _isClosing;

    private long _syncedSequence = -1; // of the one who syncs: the syncer, or the writer while it waits for nobody

    private readonly Lock _publishing = new();
    private LogPoint _syncedLast; // under _publishing
    private volatile StoreState _state;

    public WriteLoop(StoreWriter writer, Engine engine, Folder folder, StorageInstruments instruments, string name)
    {
        _writer = writer;
        _engine = engine;
        _folder = folder;
        _instruments = instruments;
        _state = writer.State;
        _syncedLast = _state.Last;
        _writerThread = new Thread(Write) { IsBackground = true, Name = $"store-writer {name}" };
        _syncerThread = new Thread(Sync) { IsBackground = true, Name = $"store-syncer {name}" };
        _writerThread.Start();
        _syncerThread.Start();
    }

    /// <summary>The state after the last answered operation; any thread.</summary>
    public StoreState State => _state;

    /// <summary>Queues an operation; any thread. Its task completes on the pool or its awaiter's scheduler, never on a thread of the store.</summary>
    public Task<T> RunAsync<T>(Answer answer, Func<StoreWriter, T> run, LogPoint commit = default)
    {
        var operation = new Operation<T>(answer, run, commit);
        lock (_queue)
        {
            if (_isComplete)
            {
                return Task.FromException<T>(new ObjectDisposedException(nameof(RocksStore)));
            }

            _queue.Enqueue(operation);
            Monitor.Pulse(_queue);
        }

        return operation.Task;
    }

    /// <summary>Takes no more operations, ends those that were queued and syncs what they wrote.</summary>
    public void Dispose()
    {
        lock (_queue)
        {
            _isComplete = true;
            Monitor.Pulse(_queue);
        }

        _writerThread.Join();
        lock (_gate)
        {
            _isClosing = true;
            Monitor.PulseAll(_gate);
        }

        _syncerThread.Join();
        if (_engine.Failure is null)
        {
            try
            {
                SyncLog();
            }
            catch (StoreFailedException)
            {
                // Told when it happened; whoever waited for a sync has had an answer.
            }
        }
    }

    private void Write()
    {
        while (Next() is { } operation)
        {
            try
            {
                if (operation.Answer is Answer.AloneSynced or Answer.AloneWritten)
                {
                    WaitForSyncer();
                    ThrowIfFailed();
                    operation.Run(_writer);
                    if (operation.Answer == Answer.AloneSynced)
                    {
                        SyncLog();
                    }

                    Publish(_writer.State.Last);
                    operation.Complete(_state);
                }
                else
                {
                    ThrowIfFailed();
                    WriteTogether(operation);
                }
            }
            catch (StoreFailedException e)
            {
                operation.Fail(e);
            }
            catch (Exception e)
            {
                // Whether the batch was written is not known, so neither is what the next one would follow.
                operation.Fail(_engine.Fail("writing", e.ToString(), isDamage: false));
            }
        }
    }

    private Operation? Next()
    {
        lock (_queue)
        {
            while (_queue.Count == 0 && !_isComplete)
            {
                Monitor.Wait(_queue);
            }

            return _queue.TryDequeue(out Operation? operation) ? operation : null;
        }
    }

    private void WriteTogether(Operation operation)
    {
        StoreState before = _writer.State;
        operation.Run(_writer);
        bool isSynced = operation.Answer == Answer.Written;
        if (operation.Answer == Answer.Applied)
        {
            lock (_publishing)
            {
                isSynced = operation.Commit <= _syncedLast;
            }
        }
        else if (!isSynced)
        {
            lock (_gate)
            {
                isSynced = _underWay == 0 && ReferenceEquals(before, _writer.State);
            }
        }

        if (isSynced)
        {
            Publish(null);
            operation.Complete(_state);
            return;
        }

        operation.Last = _writer.State.Last;
        lock (_gate)
        {
            _underWay++;
            _unsynced.Add(operation);
            Monitor.PulseAll(_gate);
        }
    }

    private void Sync()
    {
        while (true)
        {
            List<Operation> operations;
            lock (_gate)
            {
                while (_unsynced.Count == 0 && !_isClosing)
                {
                    Monitor.Wait(_gate);
                }

                if (_unsynced.Count == 0)
                {
                    return;
                }

                operations = _unsynced;
                _unsynced = [];
            }

            try
            {
                ThrowIfFailed();
                SyncLog();
                Publish(operations[^1].Last);
                StoreState published = _state;
                operations.ForEach(operation => operation.Complete(published));
            }
            catch (Exception e)
            {
                StoreFailedException failure = e as StoreFailedException ?? _engine.Fail("syncing the log", e.ToString(), isDamage: false);
                operations.ForEach(operation => operation.Fail(failure));
            }

            lock (_gate)
            {
                _underWay -= operations.Count;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private void SyncLog()
    {
        long sequence = _engine.Sequence; // read before: what is written meanwhile may not be synced
        if (sequence == _syncedSequence)
        {
            return;
        }

        _engine.SyncLog();
        _folder.MarkSynced(sequence);
        _instruments.Synced();
        _syncedSequence = sequence;
    }

    private void WaitForSyncer()
    {
        lock (_gate)
        {
            while (_underWay > 0)
            {
                Monitor.Wait(_gate);
            }
        }
    }

    // Nobody else has pending batches to show than the newest state, because whatever drops some is alone.
    private void Publish(LogPoint? syncedLast)
    {
        lock (_publishing)
        {
            _syncedLast = syncedLast ?? _syncedLast;
            StoreState state = _writer.State;
            ImmutableList<Batch> pending = state.Pending;
            int unsynced = 0;
            while (unsynced < pending.Count && pending[^(unsynced + 1)].Last > _syncedLast)
            {
                unsynced++;
            }

            _state = unsynced == 0 ? state : state with { Pending = pending.RemoveRange(pending.Count - unsynced, unsynced) };
        }
    }

    private void ThrowIfFailed()
    {
        if (_engine.Failure is { } failure)
        {
            throw new StoreFailedException("the store takes no more writes until it is opened anew", failure);
        }
    }

    private abstract class Operation(Answer answer, LogPoint commit)
    {
        public Answer Answer => answer;

        public LogPoint Commit => commit;

        /// <summary>Where the log ended when it was written.</summary>
        public LogPoint Last { get; set; }

        public abstract void Run(StoreWriter writer);

        /// <summary>Answers; who asked for the state gets the published one.</summary>
        public abstract void Complete(StoreState published);

        public abstract void Fail(Exception failure);
    }

    private sealed class Operation<T>(Answer answer, Func<StoreWriter, T> run, LogPoint commit) : Operation(answer, commit)
    {
        // Awaiters never run on the store's threads.
        private readonly TaskCompletionSource<T> _source = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T _result = default!;

        public Task<T> Task => _source.Task;

        public override void Run(StoreWriter writer) => _result = run(writer);

        public override void Complete(StoreState published) => _source.TrySetResult(published is T state ? state : _result);

        public override void Fail(Exception failure) => _source.TrySetException(failure);
    }
}
