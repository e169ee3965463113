namespace Diststore.Grains;

/// <summary>
/// The clock of what a silo does again and again in the background. Each time that an idle process wakes costs more than what it wakes
/// for, so what is due at some time goes at the first beat after it, together with what else is. Never earlier: Orleans waits actively
/// for what is left until the due time. What is due within a beat is not held up. A timer that beats itself (Orleans looks that often
/// whether the thread pool takes work, and takes one that is late for a stall) keeps its time, and the others follow it.
/// </summary>
internal sealed class BeatTimeProvider : TimeProvider
{
    /// <summary>Between two beats; how late a timer may be.</summary>
    public static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(100);

    // How much later than it says the clock of timers may be: it is read from the kernel's last tick.
    private static readonly TimeSpan Resolution = TimeSpan.FromMilliseconds(5);

    private readonly TimeProvider _time;
    private readonly Func<long> _ticks;
    private long _beat; // the time of some beat, in milliseconds of the clock of timers

    /// <summary>Beats by the system's clock.</summary>
    public BeatTimeProvider()
        : this(System, static () => Environment.TickCount64)
    {
    }

    /// <summary>Beats by <paramref name="time"/>, whose timers go by <paramref name="ticks"/>, in milliseconds.</summary>
    internal BeatTimeProvider(TimeProvider time, Func<long> ticks)
    {
        (_time, _ticks) = (time, ticks);
        _beat = ticks();
    }

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => _time.LocalTimeZone;

    /// <inheritdoc/>
    public override long TimestampFrequency => _time.TimestampFrequency;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => _time.GetUtcNow();

    /// <inheritdoc/>
    public override long GetTimestamp() => _time.GetTimestamp();

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (period == Beat)
        {
            Volatile.Write(ref _beat, _ticks() + (long)dueTime.TotalMilliseconds);
            return _time.CreateTimer(callback, state, dueTime, period);
        }

        return new BeatTimer(this, _time.CreateTimer(callback, state, AtBeat(dueTime), period));
    }

    private TimeSpan AtBeat(TimeSpan due)
    {
        if (due < Beat) // also what is never due
        {
            return due;
        }

        long now = _ticks();
        double beats = Math.Ceiling((now - Volatile.Read(ref _beat) + (due + Resolution).TotalMilliseconds) / Beat.TotalMilliseconds);
        return TimeSpan.FromMilliseconds(Volatile.Read(ref _beat) + (long)(beats * Beat.TotalMilliseconds) - now);
    }

    private sealed class BeatTimer(BeatTimeProvider beats, ITimer timer) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(beats.AtBeat(dueTime), period);

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
