namespace Diststore.Core.Tests;

/// <summary>What whoever reads from copies shows, and how old that is.</summary>
public sealed class CopyReaderTests
{
    private static readonly Guid History = Guid.NewGuid();
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly ManualTime _time = new();
    private readonly CopyReader _copies;

    public CopyReaderTests()
    {
        _copies = new CopyReader(1 << 20, TimeSpan.FromMinutes(5), _time);
        Follow(null, Point(10), jumps: true);
        Assert.True(_copies.Keep(Value("key", 7), History, Point(10), life: null));
    }

    [Fact]
    public void What_is_kept_is_shown_with_its_age_and_its_point()
    {
        _time.Advance(Second / 2);
        HeldEntry held = _copies.Look("key");
        Assert.Equal((Point(7), Second / 2, Point(10)), (held.Entry!.Version, held.Age, held.CurrentAt));
        Assert.True(held.Serves(default, Second));
        Assert.False(held.Serves(default, Second / 4));
        Assert.False(held.Serves(new ReadOptions { MinSequence = 11 }, Second));
        Assert.False(_copies.Look("other").Serves(default, TimeSpan.MaxValue));
    }

    [Fact]
    public void What_an_upstream_told_that_is_old_itself_makes_nothing_younger_than_that()
    {
        _time.Advance(Second);
        _copies.Follow(_copies.Now, new News(History, [], Point(10), IsWhole: true, Jumps: false), AsOf.Now(_time).Less(Second / 4, _time));
        Assert.Equal(Second / 4, _copies.Look("key").Age);

        // One that is older still takes nothing back.
        _copies.Follow(_copies.Now, new News(History, [], Point(10), IsWhole: true, Jumps: false), AsOf.Now(_time).Less(Second, _time));
        Assert.Equal(Second / 4, _copies.Look("key").Age);
    }

    [Fact]
    public void What_changed_goes_and_the_rest_is_as_fresh_as_the_question()
    {
        Assert.True(_copies.Keep(Value("other", 8), History, Point(10), life: null));
        _time.Advance(Second);
        Follow(Point(10), Point(12), jumps: false, new ChangedKey("key", Point(12)));
        Assert.Null(_copies.Look("key").Entry);
        Assert.Equal((Point(8), TimeSpan.Zero, Point(12)), (_copies.Look("other").Entry!.Version, _copies.Look("other").Age, _copies.Now.Followed));
        Assert.False(_copies.Keep(Value("key", 7), History, Point(11), life: null)); // it comes late
    }

    [Fact]
    public void An_answer_that_does_not_tell_everything_makes_nothing_younger()
    {
        _time.Advance(Second);
        _copies.Follow(_copies.Now, new News(History, [], Point(11), IsWhole: false, Jumps: false), AsOf.Now(_time));
        Assert.Equal((Second, Point(11)), (_copies.Look("key").Age, _copies.Now.Followed));
    }

    [Fact]
    public void An_answer_to_a_question_from_another_point_or_history_is_not_taken()
    {
        _time.Advance(Second);
        Follow(Point(9), Point(20), jumps: false);
        Follow(null, Point(20), jumps: true);
        _copies.Follow(_copies.Now with { History = Guid.NewGuid() }, new News(History, [], Point(20), IsWhole: true, Jumps: false), AsOf.Now(_time));
        Assert.Equal((Second, Point(10)), (_copies.Look("key").Age, _copies.Now.Followed));
        Assert.NotNull(_copies.Look("key").Entry);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void A_jump_and_another_history_drop_all(bool jumps, bool another)
    {
        Guid history = another ? Guid.NewGuid() : History;
        _copies.Follow(_copies.Now, new News(history, [], Point(50), IsWhole: true, jumps), AsOf.Now(_time));
        Assert.Null(_copies.Look("key").Entry);
        Assert.False(_copies.Keep(Value("key", 7), History, Point(49), life: null));
        Assert.True(_copies.Keep(Value("key", 7), history, Point(50), life: null));
    }

    [Fact]
    public void A_hint_drops_and_keeps_out_and_moves_neither_point_nor_moment()
    {
        _time.Advance(Second);
        _copies.OnChanged(new ChangedKey("key", Point(15)));
        Assert.Null(_copies.Look("key").Entry);
        Assert.Equal((Second, Point(10)), (_copies.Look("key").Age, _copies.Now.Followed));
        Assert.False(_copies.Keep(Value("key", 7), History, Point(12), life: null));
        Assert.True(_copies.IsOutdated(Value("key", 14)));
        Assert.True(_copies.Keep(Value("key", 15), History, Point(15), life: null));
    }

    [Fact]
    public void What_is_forgotten_is_neither_shown_nor_fresh_nor_kept_until_the_upstream_has_told_something()
    {
        _copies.Forget();
        Assert.Equal((null, TimeSpan.MaxValue, null), (_copies.Look("key").Entry, _copies.Look("key").Age, _copies.Now.Followed));
        Assert.False(_copies.Keep(Value("key", 7), History, Point(10), life: null));
        Follow(null, Point(10), jumps: true);
        Assert.True(_copies.Keep(Value("key", 7), History, Point(10), life: null));
    }

    /// <summary>The clock is read in the middle of a look-up: what happens then is what another thread does meanwhile.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_happens_while_a_read_is_under_way_says_nothing_of_the_value_that_it_has(bool forgets)
    {
        _time.Advance(Second / 4);
        _time.OnceRead = forgets ? _copies.Forget : () => Follow(Point(10), Point(12), jumps: false, new ChangedKey("key", Point(12)));

        HeldEntry held = _copies.Look("key");

        Assert.Equal((Point(7), Second / 4, Point(10)), (held.Entry!.Version, held.Age, held.CurrentAt));
        Assert.Null(_copies.Look("key").Entry);
        Assert.Equal(forgets ? null : Point(12), _copies.Now.Followed);
    }

    [Fact]
    public void A_look_up_allocates_nothing()
    {
        string key = new(['k', 'e', 'y']);
        Assert.NotNull(_copies.Look(key).Entry);
        int found = 0;
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            found += _copies.Look(key).Entry is null ? 0 : 1;
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(1000, found);
    }

    [Fact]
    public async Task Whoever_asks_the_same_meanwhile_gets_the_same_answer_and_a_failure_is_asked_anew()
    {
        var flights = new Flights<string, int>();
        var answer = new TaskCompletionSource<int>();
        int asked = 0;
        Task<int> first = flights.Join("a", AskAsync, out bool firstJoined);
        Task<int> second = flights.Join("a", AskAsync, out bool secondJoined);
        Task<int> other = flights.Join("b", static () => Task.FromResult(2), out bool otherJoined);
        Assert.Equal((false, true, false), (firstJoined, secondJoined, otherJoined));
        Assert.Equal(2, await other);

        answer.SetException(new InvalidOperationException("lost"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => first);
        await Assert.ThrowsAsync<InvalidOperationException>(() => second);
        Assert.Equal(1, asked);
        answer = new TaskCompletionSource<int>();
        answer.SetResult(7);
        Assert.Equal(7, await flights.Join("a", AskAsync, out bool joined));
        Assert.False(joined);

        Task<int> AskAsync()
        {
            asked++;
            return answer.Task;
        }
    }

    private static LogPoint Point(long sequence) => new(3, sequence);

    private static Entry Value(string key, long sequence) => new(key, [1], null, Point(sequence));

    private void Follow(LogPoint? asked, LogPoint upto, bool jumps, params ChangedKey[] changes) =>
        _copies.Follow(_copies.Now with { Followed = asked }, new News(History, [.. changes], upto, IsWhole: true, jumps), AsOf.Now(_time));
}
