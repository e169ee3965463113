namespace Diststore.Client.Tests;

/// <summary>A clock that goes from one timer to another, as a test says: each by how long it was set for.</summary>
internal sealed class StepTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<StepTimer> _timers = [];
    private TaskCompletionSource _set = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref _now);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new StepTimer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Waits until there is a timer that was set for so long, lets so much time pass, and fires it.</summary>
    public async Task FireAsync(TimeSpan due)
    {
        for (; ; )
        {
            StepTimer? timer;
            Task set;
            lock (_lock)
            {
                timer = _timers.Find(timer => timer.Due == due);
                set = _set.Task;
            }

            if (timer is not null)
            {
                Interlocked.Add(ref _now, due.Ticks);
                timer.Dispose();
                timer.Fire();
                return;
            }

            await set.WaitAsync(TimeSpan.FromSeconds(30));
        }
    }

    private sealed class StepTimer(StepTime time, Action fire) : ITimer
    {
        public TimeSpan Due { get; private set; }

        public void Fire() => fire();

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._lock)
            {
                time._timers.Remove(this);
                Due = dueTime;
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    time._timers.Add(this);
                    time._set.TrySetResult();
                    time._set = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                }
            }

            return true;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
