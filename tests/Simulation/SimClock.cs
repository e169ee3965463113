namespace Diststore.Simulation;

/// <summary>
/// A node's own clock: the pump's virtual time at a rate and with an offset of its own; its wall clock jumps. Timers fire as
/// tasks on the node's scheduler, so those of a killed node never do and those of a paused one wait.
/// </summary>
internal sealed class SimClock(Pump pump, SimScheduler scheduler, double rate, TimeSpan offset) : TimeProvider
{
    /// <summary>How much faster or slower than another one a clock runs at most.</summary>
    public const double MaxDrift = 0.02;

    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly List<(long From, TimeSpan Offset)> _wall = [(long.MinValue, TimeSpan.Zero)];

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>A clock that drifts, set at random.</summary>
    public static SimClock Drifting(Pump pump, SimScheduler scheduler) =>
        new(pump, scheduler, 1 - MaxDrift + (pump.Random.NextDouble() * 2 * MaxDrift), TimeSpan.FromHours(pump.Random.Next(10)));

    public void JumpWall(TimeSpan by) => _wall.Add((pump.Now, _wall[^1].Offset + by));

    public override long GetTimestamp() => TimestampAt(pump.Now);

    public override DateTimeOffset GetUtcNow() => WallAt(pump.Now);

    /// <summary>What its wall clock showed at a virtual time.</summary>
    public DateTimeOffset WallAt(long time) => Start.AddTicks(TimestampAt(time)) + _wall.FindLast(segment => segment.From <= time).Offset;

    /// <summary>Whether its wall clock was set from one virtual time to another.</summary>
    public bool WasSetBetween(long from, long to) => _wall.Exists(segment => segment.From >= from && segment.From <= to);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SimTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private long TimestampAt(long time) => (long)(time * rate) + offset.Ticks;

    private void Schedule(TimeSpan delay, Action action) => pump.Schedule(delay / rate, action);

    private void Post(Action action) => scheduler.Post(action);

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
}
