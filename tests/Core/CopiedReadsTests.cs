namespace Diststore.Core.Tests;

/// <summary>How a gateway reads that keeps copies.</summary>
public sealed class CopiedReadsTests : IDisposable
{
    private static readonly Guid History = Guid.NewGuid();
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(1);

    private readonly ManualTime _time = new();
    private readonly CopyReader _copies;
    private readonly CopiedReads _reads;
    private readonly Queue<Func<ReadResult>> _answers = new();
    private readonly List<ReadOptions> _asked = [];
    private readonly SemaphoreSlim _heard = new(0);
    private TaskCompletionSource _gate = new();

    public CopiedReadsTests()
    {
        _copies = new CopyReader(1 << 20, TimeSpan.FromMinutes(5), _time);
        _copies.Follow(_copies.Now, new News(History, [], Point(10), IsWhole: true, Jumps: true), AsOf.Now(_time));
        _reads = new CopiedReads(_copies, "door", Bound, _time, AskAsync);
        _gate.SetResult();
    }

    public void Dispose() => _heard.Dispose();

    [Fact]
    public async Task A_miss_is_asked_once_and_shown_from_the_copy_from_then_on()
    {
        _answers.Enqueue(() => Found(7));
        ReadResult first = await _reads.GetAsync("key", default);
        Assert.Equal(("a", null), (first.Node, first.Origin));
        _time.Advance(Bound / 2);
        ReadResult second = await _reads.GetAsync("key", default);
        Assert.Equal(("door", Bound / 2, Forwarding.None), (second.Node, second.Age, second.Forwarding));
        Assert.Single(_asked);
    }

    [Fact]
    public async Task What_is_too_old_for_the_read_is_asked_for_and_what_must_be_strong_always()
    {
        Assert.True(_copies.Keep(Value(7), History, Point(10), life: null));
        _time.Advance(Bound / 2);
        foreach (ReadOptions options in new[] { new ReadOptions(IsStrong: true), new ReadOptions(MaxAge: Bound / 4), new ReadOptions(MinSequence: 11) })
        {
            _answers.Enqueue(() => Found(7) with { Origin = null });
            Assert.Equal("a", (await _reads.GetAsync("key", options)).Node);
            Assert.Equal(options, _asked[^1]);
        }

        _time.Advance(Bound);
        Assert.Equal("door", (await _reads.GetAsync("key", new ReadOptions(MaxStale: Bound))).Node);
        _answers.Enqueue(() => Found(7));
        Assert.Equal("a", (await _reads.GetAsync("key", default)).Node);
    }

    [Fact]
    public async Task Only_if_cached_asks_nobody()
    {
        Assert.Equal((ReadOutcome.NotHere, "door"), await OutcomeAsync("key"));
        Assert.True(_copies.Keep(Value(7), History, Point(10), life: null));
        Assert.Equal((ReadOutcome.Found, "door"), await OutcomeAsync("key"));
        _time.Advance(2 * Bound);
        Assert.Equal((ReadOutcome.NotHere, "door"), await OutcomeAsync("key"));
        Assert.Empty(_asked);

        async Task<(ReadOutcome, string)> OutcomeAsync(string key) =>
            await _reads.GetAsync(key, new ReadOptions(OnlyHere: true)) is var read ? (read.Outcome, read.Node) : default;
    }

    [Fact]
    public async Task What_may_not_be_kept_is_not()
    {
        _answers.Enqueue(() => Found(7));
        await _reads.GetAsync("key", new ReadOptions(KeepsNoCopy: true));
        _answers.Enqueue(() => Found(7) with { Origin = new Origin(Guid.NewGuid(), Point(10)) }); // another history
        await _reads.GetAsync("key", default);
        _answers.Enqueue(() => Found(7) with { Origin = new Origin(History, Point(9)) }); // older than what is followed
        await _reads.GetAsync("key", default);
        _answers.Enqueue(() => Found(7) with { Origin = null }); // one node's alone
        await _reads.GetAsync("key", default);
        _answers.Enqueue(() => Found(7) with { Life = TimeSpan.Zero }); // its time is up
        await _reads.GetAsync("key", default);
        Assert.Equal(0, _copies.Count);
    }

    [Fact]
    public async Task The_life_of_what_is_kept_counts_from_the_question()
    {
        _gate = new TaskCompletionSource();
        _answers.Enqueue(() => Found(7) with { Life = Bound });
        Task<ReadResult> read = _reads.GetAsync("key", default).AsTask();
        await _heard.WaitAsync();
        _time.Advance(Bound / 2);
        _gate.SetResult();
        Assert.Equal((Bound / 2, Bound / 2), ((await read).Age, (await read).Life));
        Assert.Equal(Bound / 2, _copies.Look("key").Life);
    }

    [Fact]
    public async Task Who_joins_a_miss_gets_its_answer_unless_that_is_too_old_or_says_that_there_is_nothing()
    {
        _gate = new TaskCompletionSource();
        _answers.Enqueue(() => Found(7));
        Task<ReadResult> first = _reads.GetAsync("key", default).AsTask(), second = _reads.GetAsync("key", default).AsTask();
        _gate.SetResult();
        Assert.Equal(Point(7), (await first).Entry!.Version);
        Assert.Equal(Point(7), (await second).Entry!.Version);
        Assert.Single(_asked);

        _gate = new TaskCompletionSource();
        _answers.Enqueue(() => new ReadResult(ReadOutcome.NotFound, null, "a"));
        _answers.Enqueue(() => Found(11));
        first = _reads.GetAsync("other", default).AsTask();
        second = _reads.GetAsync("other", default).AsTask();
        _gate.SetResult();
        Assert.Equal(ReadOutcome.NotFound, (await first).Outcome);
        Assert.Equal(ReadOutcome.Found, (await second).Outcome);
        Assert.Equal(3, _asked.Count);
    }

    [Fact]
    public async Task However_many_join_a_miss_that_finds_nothing_the_next_question_is_one()
    {
        _gate = new TaskCompletionSource();
        for (int i = 0; i < 3; i++)
        {
            _answers.Enqueue(static () => new ReadResult(ReadOutcome.NotFound, null, "a"));
        }

        // On a scheduler that runs one after the other, so that all have asked again before the second answer comes.
        ReadResult[] read = await Task.Factory.StartNew(
            () =>
            {
                Task<ReadResult>[] reads = [.. Enumerable.Range(0, 100).Select(_ => _reads.GetAsync("key", default).AsTask())];
                _gate.SetResult();
                return Task.WhenAll(reads);
            },
            CancellationToken.None,
            TaskCreationOptions.None,
            new NodeScheduler()).Unwrap();
        Assert.All(read, static read => Assert.Equal(ReadOutcome.NotFound, read.Outcome));
        Assert.Equal(2, _asked.Count);
    }

    [Fact]
    public async Task A_read_that_takes_old_values_says_so_to_who_is_asked()
    {
        _answers.Enqueue(static () => Found(7));
        var options = new ReadOptions(MaxStale: TimeSpan.MaxValue);
        await _reads.GetAsync("key", options);
        Assert.Equal(options, Assert.Single(_asked));
    }

    [Fact]
    public async Task An_answer_of_a_node_with_a_wider_bound_is_asked_for_anew()
    {
        _answers.Enqueue(static () => Found(7) with { Age = 3 * Bound });
        _answers.Enqueue(static () => Found(8));
        Assert.Equal(Point(8), (await _reads.GetAsync("key", default)).Entry!.Version);
        Assert.Equal([new ReadOptions(), new ReadOptions(MaxAge: Bound)], _asked);
    }

    private static LogPoint Point(long sequence) => new(3, sequence);

    private static Entry Value(long sequence) => new("key", [1], null, Point(sequence));

    private static ReadResult Found(long sequence) =>
        new(ReadOutcome.Found, Value(sequence), "a", Forwarding: Forwarding.Miss, Origin: new Origin(History, Point(10)));

    private async ValueTask<ReadResult> AskAsync(string key, ReadOptions options)
    {
        _asked.Add(options);
        _heard.Release();
        await _gate.Task;
        return _answers.Dequeue()();
    }
}
