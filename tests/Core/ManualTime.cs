namespace Diststore.Core.Tests;

/// <summary>A clock that stands still until it is moved. One tick of the timestamp is 100 ns.</summary>
internal sealed class ManualTime : TimeProvider
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private long _ticks;
    private long _wallAhead;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Done at the next reading of the timestamp, once.</summary>
    public Action? OnceRead { get; set; }

    public override long GetTimestamp()
    {
        if (OnceRead is { } once)
        {
            OnceRead = null;
            once();
        }

        return Volatile.Read(ref _ticks);
    }

    public override DateTimeOffset GetUtcNow() => Start.AddTicks(Volatile.Read(ref _ticks) + Volatile.Read(ref _wallAhead));

    /// <summary>Somebody sets the wall clock.</summary>
    public void JumpWall(TimeSpan by) => Interlocked.Add(ref _wallAhead, by.Ticks);

    public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);
}
