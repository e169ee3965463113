namespace Diststore.Simulation;

/// <summary>
/// A node's own clock: the pump's virtual time at a rate and with an offset of its own. Timers fire as tasks on the
/// node's scheduler, so those of a killed node never do and those of a paused one wait.
/// </summary>
internal sealed class SimClock(Pump pump, SimScheduler scheduler, double rate, TimeSpan offset) : TimeProvider
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => (long)(pump.Now * rate) + offset.Ticks;

    public override DateTimeOffset GetUtcNow() => Start.AddTicks(GetTimestamp());

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SimTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class SimTimer(SimClock clock, TimerCallback callback, object? state) : ITimer
    {
        private int _setting;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            int setting = ++_setting;
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                clock.Schedule(dueTime, () => Fire(setting, period));
            }

            return true;
        }

        public void Dispose() => _setting++;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Fire(int setting, TimeSpan period)
        {
            if (setting != _setting)
            {
                return;
            }

            clock.Post(() =>
            {
                if (setting == _setting)
                {
                    callback(state);
                }
            });
            if (period != Timeout.InfiniteTimeSpan && period > TimeSpan.Zero)
            {
                clock.Schedule(period, () => Fire(setting, period));
            }
        }
    }

    private void Schedule(TimeSpan delay, Action action) => pump.Schedule(delay / rate, action);

    private void Post(Action action) => scheduler.Post(action);
}
