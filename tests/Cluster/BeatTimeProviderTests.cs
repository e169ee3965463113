using Diststore.Grains;

namespace Diststore.Cluster.Tests;

public sealed class BeatTimeProviderTests
{
    private const int BeatAt = 7; // some time of the clock of timers

    private readonly RecordingTime _time = new();
    private readonly BeatTimeProvider _beats;
    private long _now;

    public BeatTimeProviderTests()
    {
        _beats = new BeatTimeProvider(_time, () => _now);
        _now = BeatAt;
        using ITimer beating = Create(BeatTimeProvider.Beat, BeatTimeProvider.Beat);
        Assert.Equal((BeatTimeProvider.Beat, BeatTimeProvider.Beat), _time.Last);
    }

    [Theory]
    [InlineData(BeatAt, 300, BeatAt + 400)] // a timer may come a little early, and is not to: so it is the beat after
    [InlineData(BeatAt + 3, 250, BeatAt + 300)]
    [InlineData(BeatAt + 99, 1000, BeatAt + 1200)]
    [InlineData(BeatAt + 50, 100, BeatAt + 200)]
    public void What_is_due_goes_at_the_next_beat(long now, int due, long goesAt)
    {
        _now = now;
        using ITimer timer = Create(TimeSpan.FromMilliseconds(due), Timeout.InfiniteTimeSpan);
        Assert.Equal((TimeSpan.FromMilliseconds(goesAt - now), Timeout.InfiniteTimeSpan), _time.Last);
        Assert.True(timer.Change(TimeSpan.FromMilliseconds(due), TimeSpan.FromSeconds(2)));
        Assert.Equal((TimeSpan.FromMilliseconds(goesAt - now), TimeSpan.FromSeconds(2)), _time.Last);
    }

    [Fact]
    public void It_is_never_early_and_less_than_a_beat_and_the_clocks_coarseness_late()
    {
        for (_now = 0; _now < 1000; _now += 3)
        {
            for (int due = 100; due < 1000; due += 7)
            {
                using ITimer timer = Create(TimeSpan.FromMilliseconds(due), Timeout.InfiniteTimeSpan);
                Assert.InRange(_time.Last.Due.TotalMilliseconds, due + 5, due + 105);
                Assert.Equal(BeatAt, (_now + (long)_time.Last.Due.TotalMilliseconds) % 100);
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(99)]
    [InlineData(Timeout.Infinite)]
    public void What_is_due_within_a_beat_or_never_is_left_alone(int due)
    {
        using ITimer timer = Create(TimeSpan.FromMilliseconds(due), Timeout.InfiniteTimeSpan);
        Assert.Equal(TimeSpan.FromMilliseconds(due), _time.Last.Due);
    }

    private ITimer Create(TimeSpan due, TimeSpan period) => _beats.CreateTimer(static _ => { }, null, due, period);

    /// <summary>Tells for when a timer was set last; none ever goes off.</summary>
    private sealed class RecordingTime : TimeProvider
    {
        public (TimeSpan Due, TimeSpan Period) Last { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Last = (dueTime, period);
            return new RecordingTimer(this);
        }

        private sealed class RecordingTimer(RecordingTime time) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                time.Last = (dueTime, period);
                return true;
            }

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
