using CsCheck;

namespace Diststore.Core.Tests;

public sealed class TurnOfPeriodTests
{
    private static readonly TimeSpan Quarter = TimeSpan.FromMilliseconds(250);

    [Theory]
    [InlineData(1000, 250)] // just had its turn
    [InlineData(1001, 249)]
    [InlineData(1125, 125)]
    [InlineData(1126, 374)] // the round took so long that the next turn would come at once
    [InlineData(1249, 251)] // the timer was early: this is the turn at 1250
    public void The_next_turn_is_a_multiple_of_the_period_but_not_sooner_than_half_of_it(int now, int left) =>
        Assert.Equal(TimeSpan.FromMilliseconds(left), NodeContext.ToTurn(TimeSpan.FromMilliseconds(now), Quarter));

    [Fact]
    public void What_has_a_period_that_divides_another_falls_together_with_it() =>
        Gen.Int[0, 1_000_000].Sample(static now =>
        {
            var time = TimeSpan.FromMilliseconds(now);
            TimeSpan turn = time + NodeContext.ToTurn(time, 4 * Quarter);
            return turn.Ticks % Quarter.Ticks == 0 && turn - time <= 6 * Quarter && turn > time;
        });
}
