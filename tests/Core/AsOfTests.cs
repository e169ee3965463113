namespace Diststore.Core.Tests;

/// <summary>The arithmetic of moments and ages.</summary>
public sealed class AsOfTests
{
    private readonly ManualTime _time = new();

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(0, 5, 5)]
    [InlineData(3, 0, 3)]
    [InlineData(3, 5, 8)]
    public void What_is_told_counts_from_the_question(int told, int since, int age)
    {
        AsOf asOf = AsOf.Now(_time).Less(TimeSpan.FromSeconds(told), _time);
        _time.Advance(TimeSpan.FromSeconds(since));
        Assert.Equal(TimeSpan.FromSeconds(age), asOf.Age(_time));
    }

    [Fact]
    public void Never_and_always_stay_what_they_are()
    {
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal((TimeSpan.MaxValue, TimeSpan.Zero), (AsOf.Never.Age(_time), AsOf.Always.Age(_time)));
        Assert.Equal(AsOf.Never, AsOf.Never.Less(TimeSpan.FromSeconds(1), _time));
        Assert.Equal(AsOf.Always, AsOf.Always.Less(TimeSpan.FromSeconds(1), _time));
        Assert.Equal(AsOf.Never, AsOf.Now(_time).Less(TimeSpan.MaxValue, _time));
    }

    [Fact]
    public void What_nothing_was_said_of_is_never() => Assert.Equal(AsOf.Never, default);

    [Theory]
    [InlineData(150)]
    [InlineData(300)]
    [InlineData(29_000)]
    public void An_age_that_the_clock_cannot_count_makes_nothing_younger(int years)
    {
        // Its timestamps are nanoseconds, as on Linux: they hold 292 years.
        TimeProvider time = TimeProvider.System;
        TimeSpan told = TimeSpan.FromDays(365 * years);
        Assert.InRange(AsOf.Now(time).Less(told, time).Age(time), told, TimeSpan.MaxValue);
    }

    [Fact]
    public void The_later_one_is_the_younger_one()
    {
        AsOf before = AsOf.Now(_time);
        _time.Advance(TimeSpan.FromTicks(1));
        AsOf now = AsOf.Now(_time);
        Assert.Equal(now, AsOf.Later(before, now));
        Assert.Equal(now, AsOf.Later(now, before));
        Assert.Equal(now, AsOf.Later(now, AsOf.Never));
        Assert.Equal(AsOf.Always, AsOf.Later(now, AsOf.Always));

        AsOf[] ascending = [AsOf.Never, before, now, AsOf.Always];
        for (int i = 0; i < ascending.Length; i++)
        {
            Assert.All(ascending[..i], earlier => Assert.True(ascending[i].IsLaterThan(earlier)));
            Assert.All(ascending[i..], later => Assert.False(ascending[i].IsLaterThan(later)));
        }
    }

    [Fact]
    public void A_sum_of_ages_never_overflows()
    {
        TimeSpan second = TimeSpan.FromSeconds(1);
        Assert.Equal(2 * second, AsOf.Sum(second, second));
        Assert.Equal(TimeSpan.MaxValue, AsOf.Sum(TimeSpan.MaxValue, second));
        Assert.Equal(TimeSpan.MaxValue, AsOf.Sum(TimeSpan.MaxValue - second, 2 * second));
    }
}
