namespace Diststore.Core.Tests;

/// <summary>How a gateway follows a node: what it asks, and what it makes of the answers.</summary>
public sealed class CopyFollowerTests : IAsyncLifetime
{
    private static readonly Guid History = Guid.NewGuid(), Process = Guid.NewGuid();
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(1);

    private readonly ManualTime _time = new();
    private readonly CopyReader _copies;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Queue<(CopyQuestion Question, TimeSpan Timeout, TaskCompletionSource<CopyNews?> Answer)> _asked = new();
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly Task _following;

    public CopyFollowerTests()
    {
        _copies = new CopyReader(1 << 20, TimeSpan.FromMinutes(5), _time);
        _following = new CopyFollower(_copies, Bound, _time, AskAsync).RunAsync(_stopping.Token);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _stopping.CancelAsync();
        while (!_following.IsCompleted)
        {
            if (await _arrived.WaitAsync(TimeSpan.FromMilliseconds(5)))
            {
                Take().Answer.TrySetResult(null);
            }
        }

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _following);
    }

    [Fact]
    public async Task The_first_question_waits_for_nothing_and_the_next_for_a_quarter_of_the_bound()
    {
        var first = await NextAsync();
        Assert.Equal((null, TimeSpan.Zero, Bound / 3), (first.Question.Since, first.Question.Wait, first.Question.MaxAge));
        first.Answer.SetResult(News(10, jumps: true));
        var second = await NextAsync();
        Assert.Equal((Point(10), Bound / 4, History), (second.Question.Since, second.Question.Wait, second.Question.History));
        Assert.Equal((Bound / 4) + (Bound / 3), second.Timeout);
        second.Answer.SetResult(News(10));
    }

    [Fact]
    public async Task The_moment_is_when_the_question_was_sent_less_what_the_node_tells()
    {
        (await NextAsync()).Answer.SetResult(News(10, jumps: true) with { Age = TimeSpan.FromHours(1) });
        var second = await NextAsync();
        Assert.True(_copies.Keep(Value(7), History, Point(10), life: null));
        _time.Advance(Bound / 4);
        second.Answer.SetResult(News(10) with { Age = Bound / 3 });
        (await NextAsync()).Answer.SetResult(null);
        Assert.Equal((Bound / 4) + (Bound / 3), _copies.Look("key").Age);
    }

    [Fact]
    public async Task What_changed_is_dropped_and_a_hint_drops_without_moving_the_point()
    {
        (await NextAsync()).Answer.SetResult(News(10, jumps: true));
        var second = await NextAsync();
        Assert.True(_copies.Keep(Value(7), History, Point(10), life: null));
        second.Answer.SetResult(News(10) with { Hinted = [new ChangedKey("key", Point(11))], Hints = new HintNumber(Process, 1) });
        var third = await NextAsync();
        Assert.Equal((null, Point(10), 1), (_copies.Look("key").Entry, _copies.Now.Followed, third.Question.Hints.Number));
        third.Answer.SetResult(News(12) with { Changes = [new ChangedKey("key", Point(11)), new ChangedKey("other", Point(12))] });
        (await NextAsync()).Answer.SetResult(null);
        Assert.Equal(Point(12), _copies.Now.Followed);
    }

    [Fact]
    public async Task Where_there_is_more_it_asks_on_at_once_and_is_not_current_before_the_end()
    {
        (await NextAsync()).Answer.SetResult(News(10, jumps: true));
        (await NextAsync()).Answer.SetResult(News(11) with { Changes = [new ChangedKey("a", Point(11))], IsWhole = false });
        var third = await NextAsync();
        Assert.Equal((TimeSpan.Zero, Point(11)), (third.Question.Wait, third.Question.Since));
        third.Answer.SetResult(null);
    }

    [Fact]
    public async Task A_node_that_tells_nothing_leaves_point_and_moment_as_they_are()
    {
        (await NextAsync()).Answer.SetResult(News(10, jumps: true));
        var second = await NextAsync();
        Assert.True(_copies.Keep(Value(7), History, Point(10), life: null));
        _time.Advance(Bound / 2);
        second.Answer.SetResult(new CopyNews(false, default, [], default, false, false, TimeSpan.MaxValue, [], default));
        (await NextAsync()).Answer.SetResult(null);
        Assert.Equal(Bound / 2, _copies.Look("key").Age);
        Assert.Equal(Point(10), _copies.Now.Followed);
    }

    private static LogPoint Point(long sequence) => new(3, sequence);

    private static Entry Value(long sequence) => new("key", [1], null, Point(sequence));

    private static CopyNews News(long upto, bool jumps = false) =>
        new(true, History, [], Point(upto), IsWhole: true, jumps, TimeSpan.Zero, [], new HintNumber(Process, 0));

    private Task<CopyNews?> AskAsync(CopyQuestion question, TimeSpan timeout)
    {
        var answer = new TaskCompletionSource<CopyNews?>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_asked)
        {
            _asked.Enqueue((question, timeout, answer));
        }

        _arrived.Release();
        return answer.Task;
    }

    private async Task<(CopyQuestion Question, TimeSpan Timeout, TaskCompletionSource<CopyNews?> Answer)> NextAsync()
    {
        Assert.True(await _arrived.WaitAsync(TimeSpan.FromSeconds(30)), "nothing was asked");
        return Take();
    }

    private (CopyQuestion Question, TimeSpan Timeout, TaskCompletionSource<CopyNews?> Answer) Take()
    {
        lock (_asked)
        {
            return _asked.Dequeue();
        }
    }
}
