namespace Diststore.Core.Tests;

/// <summary>Turns: so many at once, in the order they came; by weight where they have one.</summary>
public sealed class TurnsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task So_many_at_once_and_the_rest_in_the_order_they_came()
    {
        var turns = new Turns(2, maxWaiting: 2);
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
        var turns = new Turns(10, maxWaiting: 10);
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
        var turns = new Turns(10, maxWaiting: 10);
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
        var turns = new Turns(10, maxWaiting: 10);
        Assert.True(await Take(turns, 6));
        Task<bool> heavy = turns.TakeAsync(TimeSpan.FromMilliseconds(50), TimeProvider.System, 5);
        Task<bool> light = Take(turns, 1);
        Assert.False(light.IsCompleted);

        Assert.False(await heavy);
        Assert.True(await light);
        Assert.Equal((7L, 0), (turns.UnderWay, turns.Waiting));
    }

    private static Task<bool> Take(Turns turns, long weight = 1) => turns.TakeAsync(Patience, TimeProvider.System, weight);
}
