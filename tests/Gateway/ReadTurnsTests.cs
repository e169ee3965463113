namespace Diststore.Gateway.Tests;

/// <summary>How many reads are under way, how many wait, and what becomes of the others.</summary>
public sealed class ReadTurnsTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task So_many_have_a_turn_so_many_wait_in_order_and_the_others_are_refused_at_once()
    {
        var turns = new ReadTurns(2, 2, TimeSpan.FromSeconds(1), new StillTime());
        Assert.True(await turns.TryBeginAsync());
        Assert.True(await turns.TryBeginAsync());
        Task<bool> third = turns.TryBeginAsync().AsTask();
        Task<bool> fourth = turns.TryBeginAsync().AsTask();
        Task<bool> fifth = turns.TryBeginAsync().AsTask();
        Assert.True(fifth.IsCompleted);
        Assert.False(await fifth);
        Assert.False(third.IsCompleted || fourth.IsCompleted);

        turns.End();
        Assert.True(await third.WaitAsync(Deadline));
        Assert.False(fourth.IsCompleted);
        Assert.Equal(2, turns.UnderWay);
        turns.End();
        Assert.True(await fourth.WaitAsync(Deadline));
        turns.End();
        turns.End();
        Assert.Equal(0, turns.UnderWay);
    }

    [Fact]
    public async Task Who_has_waited_too_long_is_refused_and_leaves_no_turn_and_no_place_behind()
    {
        var turns = new ReadTurns(1, 1, TimeSpan.FromMilliseconds(1), TimeProvider.System);
        Assert.True(await turns.TryBeginAsync());
        for (int i = 0; i < 3; i++)
        {
            Assert.False(await turns.TryBeginAsync().AsTask().WaitAsync(Deadline));
        }

        turns.End();
        Assert.Equal(0, turns.UnderWay);
        Assert.True(await turns.TryBeginAsync());
        Assert.Equal(1, turns.UnderWay);
    }

    [Fact]
    public async Task Whatever_comes_first_the_end_of_patience_or_a_turn_none_is_lost_and_none_is_given_twice()
    {
        const int Most = 3;
        TimeProvider time = TimeProvider.System;
        var turns = new ReadTurns(Most, 50, TimeSpan.FromMilliseconds(2), time);
        int underWay = 0, most = 0, refused = 0;
        await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < 50; i++)
            {
                if (!await turns.TryBeginAsync())
                {
                    Interlocked.Increment(ref refused);
                    continue;
                }

                int now = Interlocked.Increment(ref underWay);
                InterlockedMax(ref most, now);
                await Task.Delay(TimeSpan.FromMilliseconds(1), time); // has its turn for a moment
                Interlocked.Decrement(ref underWay);
                turns.End();
            }
        }))).WaitAsync(TimeSpan.FromSeconds(120));
        Assert.Equal(Most, most);
        Assert.True(refused > 0);
        Assert.Equal(0, turns.UnderWay);
    }

    private static void InterlockedMax(ref int most, int value)
    {
        int before;
        while (value > (before = Volatile.Read(ref most)) && Interlocked.CompareExchange(ref most, value, before) != before)
        {
        }
    }
}
