namespace Diststore.Core.Tests;

/// <summary>Turns: so many at once, in the order they came; by weight where they have one.</summary>
public sealed class TurnsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task So_many_at_once_and_the_rest_in_the_order_they_came()
    {
        var turns = Make(2, maxWaiting: 2);
        Assert.True(await Take(turns));
        Assert.True(await Take(turns));
        Task<bool> third = Take(turns);
        Task<bool> fourth = Take(turns);
        Assert.False(await Take(turns)); // as many wait as may

        turns.Give();
        Assert.True(await third);
        Assert.False(fourth.IsCompleted);

        turns.Give();
        Assert.True(await fourth);
        Assert.Equal((2L, 0), (turns.UnderWay, turns.Waiting));
    }

    [Fact]
    public async Task What_they_weigh_together_is_bounded_and_none_overtakes_a_heavier_one()
    {
        var turns = Make(10, maxWaiting: 10);
        Assert.True(await Take(turns, 6));
        Task<bool> heavy = Take(turns, 5);
        Task<bool> light = Take(turns, 1);
        Assert.False(heavy.IsCompleted);
        Assert.False(light.IsCompleted);

        turns.Give(6);
        Assert.True(await heavy);
        Assert.True(await light);
        Assert.Equal(6, turns.UnderWay);
    }

    [Fact]
    public async Task One_heavier_than_all_has_its_turn_alone()
    {
        var turns = Make(10, maxWaiting: 10);
        Assert.True(await Take(turns, 50));
        Task<bool> light = Take(turns, 1);
        Assert.False(light.IsCompleted);

        turns.Give(50);
        Assert.True(await light);
        Task<bool> heavy = Take(turns, 50);
        Assert.False(heavy.IsCompleted);
        turns.Give(1);
        Assert.True(await heavy);
    }

    [Fact]
    public async Task Who_waits_too_long_leaves_the_line_and_the_next_one_may_fit()
    {
        var turns = new Turns(10, 10, TimeSpan.FromMilliseconds(50), TimeProvider.System);
        Assert.True(await Take(turns, 6));
        Task<bool> heavy = Take(turns, 5);
        Assert.False(await heavy);
        Assert.True(await Take(turns, 4));
        Assert.Equal((10L, 0), (turns.UnderWay, turns.Waiting));
    }

    [Fact]
    public async Task Whatever_comes_first_the_end_of_patience_or_a_turn_none_is_lost_and_none_is_given_twice()
    {
        const int Most = 3;
        TimeProvider time = TimeProvider.System;
        var turns = new Turns(Most, 50, TimeSpan.FromMilliseconds(2), time, TaskCreationOptions.RunContinuationsAsynchronously);
        int underWay = 0, most = 0, refused = 0;
        await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < 50; i++)
            {
                if (!await turns.TakeAsync())
                {
                    Interlocked.Increment(ref refused);
                    continue;
                }

                int now = Interlocked.Increment(ref underWay);
                InterlockedMax(ref most, now);
                await Task.Delay(TimeSpan.FromMilliseconds(1), time); // has its turn for a moment
                Interlocked.Decrement(ref underWay);
                turns.Give();
            }
        }))).WaitAsync(TimeSpan.FromSeconds(120));
        Assert.Equal(Most, most);
        Assert.True(refused > 0);
        Assert.Equal(0L, turns.UnderWay);
    }

    private static void InterlockedMax(ref int most, int value)
    {
        int before;
        while (value > (before = Volatile.Read(ref most)) && Interlocked.CompareExchange(ref most, value, before) != before)
        {
        }
    }

    private static Turns Make(long maxUnderWay, int maxWaiting) => new(maxUnderWay, maxWaiting, Patience, TimeProvider.System);

    private static Task<bool> Take(Turns turns, long weight = 1) => turns.TakeAsync(weight).AsTask();
}
