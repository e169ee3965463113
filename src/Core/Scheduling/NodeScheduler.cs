namespace Diststore.Core;

/// <summary>
/// The one scheduler of a node: tasks run one at a time, in the order they were queued, so all mutable state of the
/// node needs no locks. The thread pool drains it. A task queued from within never runs inline, so a method that was
/// called on the scheduler runs to its first await without interruption.
/// </summary>
public sealed class NodeScheduler : TaskScheduler, IThreadPoolWorkItem
{
    // After so many tasks in a row the drain gives its pool thread back, so that no node starves the others.
    private const int MaxTasksPerDrain = 256;

    private readonly Queue<Task> _queue = new(); // guarded by itself
    private bool _draining; // guarded by _queue

    /// <inheritdoc/>
    public override int MaximumConcurrencyLevel => 1;

    /// <inheritdoc/>
    protected override void QueueTask(Task task)
    {
        lock (_queue)
        {
            _queue.Enqueue(task);
            if (_draining)
            {
                return;
            }

            _draining = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <inheritdoc/>
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    /// <inheritdoc/>
    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_queue)
        {
            return _queue.ToArray();
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        for (int i = 0; i < MaxTasksPerDrain; i++)
        {
            Task? task;
            lock (_queue)
            {
                if (!_queue.TryDequeue(out task))
                {
                    _draining = false;
                    return;
                }
            }

            TryExecuteTask(task);
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }
}
