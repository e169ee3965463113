using CsCheck;

namespace Diststore.Http.Tests;

public sealed class ByteBudgetTests : IDisposable
{
    private const long Max = 64 * ByteBudget.StepBytes;
    private const long Quarter = Max / 4;

    private readonly ManualTime _time = new();
    private readonly ByteBudget _budget;

    public ByteBudgetTests() => _budget = new ByteBudget(Max, _time);

    public void Dispose() => _budget.Dispose();

    [Fact]
    public void It_looks_for_who_is_slow_only_while_somebody_is_waited_for()
    {
        Assert.Equal(0, _time.TimersSet);
        using ByteReservation body = _budget.OpenForBody(null);
        using ByteReservation other = _budget.OpenForBody(null);
        _ = (body.Pace(), other.Pace());
        Assert.Equal(1, _time.TimersSet);
        body.StopPacing();
        _time.Advance(3);
        Assert.Equal(1, _time.TimersSet);
        other.StopPacing();
        _time.Advance(1);
        Assert.Equal(0, _time.TimersSet);
    }

    [Fact]
    public void Large_bodies_have_half_and_a_quarter_is_left_for_small_ones_and_for_answers()
    {
        using ByteReservation large = _budget.Open(ByteUse.LargeBody);
        Assert.True(large.TryTake(2 * Quarter));
        Assert.False(large.TryTake(1));
        ByteReservation[] small = [.. Enumerable.Range(0, 17).Select(_ => _budget.OpenForBody(null))];
        Assert.All(small[..16], one => Assert.True(one.TryTake(ByteBudget.SmallBodyBytes)));
        Assert.False(small[16].TryTake(1));
        using ByteReservation answer = _budget.Open(ByteUse.Answer);
        Assert.True(answer.TryTake(Quarter));
        Assert.False(answer.TryTake(1));
        Assert.Equal(Max, _budget.Taken);
        Array.ForEach(small, one => one.Dispose());
        Assert.Equal(3 * Quarter, _budget.Taken);
    }

    [Fact]
    public void Answers_and_large_bodies_leave_a_quarter_to_small_bodies()
    {
        using ByteReservation answer = _budget.Open(ByteUse.Answer);
        Assert.True(answer.TryTake(2 * Quarter));
        using ByteReservation large = _budget.Open(ByteUse.LargeBody);
        Assert.True(large.TryTake(Quarter));
        Assert.False(large.TryTake(1));
        using ByteReservation small = _budget.OpenForBody(100);
        Assert.True(small.TryTake(100));
    }

    [Fact]
    public void A_body_of_unknown_length_is_small_until_it_is_not()
    {
        using ByteReservation large = _budget.OpenForBody(2 * Quarter);
        Assert.True(large.TryTake(2 * Quarter));
        using ByteReservation unknown = _budget.OpenForBody(null);
        Assert.True(unknown.TryTake(ByteBudget.StepBytes));
        Assert.False(unknown.TryTake(ByteBudget.StepBytes));
        Assert.Equal((2 * Quarter) + ByteBudget.StepBytes, _budget.Taken);
        large.Dispose();
        Assert.True(unknown.TryTake(ByteBudget.StepBytes));
        unknown.Dispose();
        unknown.Dispose();
        Assert.Equal(0, _budget.Taken);
    }

    [Fact]
    public async Task Who_waits_holds_nothing_and_is_served_in_turn()
    {
        using ByteReservation first = _budget.Open(ByteUse.Answer);
        Assert.True(await first.TakeAsync(2 * Quarter, default));
        await Assert.ThrowsAsync<InvalidOperationException>(() => first.TakeAsync(1, default).AsTask());
        using ByteReservation second = _budget.Open(ByteUse.Answer);
        using ByteReservation third = _budget.Open(ByteUse.Answer);
        using var gone = new CancellationTokenSource();
        Task<bool> two = second.TakeAsync(2 * Quarter, gone.Token).AsTask();
        Task<bool> three = third.TakeAsync(1, default).AsTask();
        first.GiveBack(Quarter);
        Assert.False(two.IsCompleted || three.IsCompleted, "the first to wait is the first to get");
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => two);
        first.Dispose();
        Assert.True(await three);
        Assert.Equal(1, _budget.Taken);
        Assert.False(await second.TakeAsync((2 * Quarter) + 1, default), "there never is so much");
    }

    [Fact]
    public async Task Where_nothing_is_taken_anything_fits_and_lets_nobody_else_in()
    {
        using ByteReservation first = _budget.Open(ByteUse.Answer);
        Assert.True(first.TryTake(10 * Max));
        using ByteReservation second = _budget.Open(ByteUse.Answer);
        Assert.False(second.TryTake(1));
        first.Dispose();
        Assert.True(await second.TakeAsync(10 * Max, default));
        using ByteReservation third = _budget.OpenForBody(1);
        Assert.False(third.TryTake(1));
    }

    [Fact]
    public async Task Who_waited_for_room_is_not_slow_for_that()
    {
        using ByteReservation first = _budget.Open(ByteUse.Answer);
        Assert.True(first.TryTake(2 * Quarter));
        using ByteReservation second = _budget.Open(ByteUse.Answer);
        Task<bool> waiting = second.TakeAsync(2 * Quarter, default).AsTask();
        using ByteReservation body = _budget.Open(ByteUse.LargeBody);
        Assert.True(body.TryTake(Quarter));
        _time.Advance(60);
        first.Dispose();
        Assert.True(await waiting);
        second.Pace();
        _time.Advance(9);
        Assert.False(second.HasEnded);
        _time.Advance(1);
        Assert.True(second.HasEnded);
    }

    [Fact]
    public void Who_is_slow_is_ended_while_it_is_tight()
    {
        using ByteReservation slow = _budget.Open(ByteUse.LargeBody);
        using ByteReservation fast = _budget.Open(ByteUse.LargeBody);
        using ByteReservation done = _budget.Open(ByteUse.LargeBody);
        Array.ForEach([slow, fast, done], one => Assert.True(one.TryTake(1) && one.Pace().CanBeCanceled));
        done.StopPacing();
        Pass(60);
        Assert.False(slow.HasEnded, "there is room enough");

        using ByteReservation most = _budget.Open(ByteUse.Answer);
        Assert.True(most.TryTake(2 * Quarter));
        Pass(1);
        Assert.True(slow.HasEnded);
        Assert.False(fast.HasEnded || done.HasEnded);

        using ByteReservation late = _budget.Open(ByteUse.Answer);
        late.Pace();
        Pass(9);
        Assert.False(late.HasEnded, "nobody is slow within the first seconds");
        Pass(1);
        Assert.True(late.HasEnded);

        void Pass(int seconds)
        {
            for (int second = 0; second < seconds; second++)
            {
                fast.Progress(ByteBudget.LeastBytesPerSecond);
                _time.Advance(1);
            }
        }
    }

    [Fact]
    public void Who_is_slow_is_ended_where_somebody_was_refused_though_half_is_free()
    {
        using ByteReservation slow = _budget.Open(ByteUse.LargeBody);
        Assert.True(slow.TryTake(2 * Quarter));
        slow.Pace();
        _time.Advance(60);
        Assert.False(slow.HasEnded);
        using ByteReservation other = _budget.Open(ByteUse.LargeBody);
        Assert.False(other.TryTake(1));
        _time.Advance(1);
        Assert.True(slow.HasEnded);
    }

    [Fact]
    public void Whatever_is_taken_and_given_back_the_shares_hold_and_the_sum_is_right() =>
        Gen.Select(Gen.Int[0, 9], Gen.Int[0, 2], Gen.Int[1, 20 * ByteBudget.StepBytes]).Array[1, 100].Sample(steps =>
        {
            using var budget = new ByteBudget(Max, _time);
            var held = new Dictionary<int, (ByteReservation Room, long Bytes)>();
            foreach ((int who, int use, int bytes) in steps)
            {
                if (held.Remove(who, out (ByteReservation Room, long Bytes) one))
                {
                    one.Room.Dispose();
                    continue;
                }

                ByteReservation room = budget.Open((ByteUse)use);
                held[who] = (room, room.TryTake(bytes) ? bytes : 0);
                long Sum(params ByteUse[] uses) => held.Values.Where(one => uses.Contains(one.Room.Use)).Sum(one => one.Bytes);
                Assert.Equal(Sum(ByteUse.SmallBody, ByteUse.LargeBody, ByteUse.Answer), budget.Taken);
                Assert.InRange(budget.Taken, 0, Max);
                Assert.InRange(Sum(ByteUse.SmallBody, ByteUse.LargeBody), 0, 3 * Quarter);
                Assert.InRange(Sum(ByteUse.Answer, ByteUse.LargeBody), 0, 3 * Quarter);
                Assert.InRange(Sum(ByteUse.LargeBody), 0, 2 * Quarter);
                Assert.InRange(Sum(ByteUse.Answer), 0, 2 * Quarter);
            }

            foreach ((ByteReservation room, _) in held.Values)
            {
                room.Dispose();
            }

            Assert.Equal(0, budget.Taken);
        });
}
