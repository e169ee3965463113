namespace Diststore.Core.Tests;

public sealed class BatcherTests
{
    private readonly ManualTime _time = new();
    private readonly TimeSpan _patience = TimeSpan.FromSeconds(1);
    private readonly List<(string[] Keys, TaskCompletionSource<ReadResult?[]> Answer)> _calls = [];

    [Fact]
    public async Task A_lone_read_goes_at_once()
    {
        Batcher<string, ReadResult?> batcher = Create();
        Task<ReadResult?> read = batcher.AskAsync("a").AsTask();
        Assert.Equal(["a"], Assert.Single(_calls).Keys);
        Answer(0);
        Assert.Equal("a", (await read)?.Entry?.Key);
    }

    [Fact]
    public async Task While_calls_are_under_way_reads_gather_and_equal_keys_go_once()
    {
        Batcher<string, ReadResult?> batcher = Create();
        List<Task<ReadResult?>> reads = [];
        string[] keys = ["a", "b", "c", "d", "c", "d", "e"];
        foreach (string key in keys)
        {
            reads.Add(batcher.AskAsync(key).AsTask());
        }

        Assert.Equal(Batches.MaxUnderWay, _calls.Count);
        Answer(1);
        Assert.Equal(["c", "d", "e"], _calls[2].Keys);
        Answer(0);
        Assert.Equal(3, _calls.Count);
        Answer(2);
        for (int i = 0; i < keys.Length; i++)
        {
            Assert.Equal(keys[i], (await reads[i])?.Entry?.Key);
        }
    }

    [Fact]
    public async Task A_batch_has_a_bound_and_so_has_the_queue()
    {
        Batcher<string, ReadResult?> batcher = Create();
        List<Task<ReadResult?>> reads = [];
        int room = Batches.MaxUnderWay + (Batches.MaxQuestions * Batches.MaxFull);
        for (int i = 0; i < room; i++)
        {
            reads.Add(batcher.AskAsync($"{i}").AsTask());
        }

        ReadResult? refused = await batcher.AskAsync("one more");
        Assert.Equal(ReadOutcome.Unavailable, refused?.Outcome);
        for (int call = 0; call < _calls.Count; call++)
        {
            Assert.InRange(_calls[call].Keys.Length, 1, Batches.MaxQuestions);
            Answer(call);
        }

        for (int i = 0; i < room; i++)
        {
            Assert.Equal($"{i}", (await reads[i])?.Entry?.Key);
        }

        Assert.Equal(Batches.MaxUnderWay + Batches.MaxFull, _calls.Count);
    }

    [Fact]
    public async Task What_has_waited_for_too_long_when_its_turn_comes_is_refused_and_not_asked()
    {
        Batcher<string, ReadResult?> batcher = Create();
        Task<ReadResult?>[] reads = [.. new[] { "a", "b", "c" }.Select(key => batcher.AskAsync(key).AsTask())];
        _time.Advance(_patience + TimeSpan.FromTicks(1));
        Task<ReadResult?> late = batcher.AskAsync("d").AsTask();
        Answer(0);
        Assert.Equal(ReadOutcome.Unavailable, (await reads[2])?.Outcome);
        Assert.Equal(ReadOutcome.Unavailable, (await late)?.Outcome);
        Assert.Equal(2, _calls.Count);

        // It stands for nothing but itself.
        Task<ReadResult?> next = batcher.AskAsync("e").AsTask();
        Assert.Equal(["e"], _calls[2].Keys);
        Answer(1);
        Answer(2);
        Assert.Equal("e", (await next)?.Entry?.Key);
    }

    [Fact]
    public async Task A_failed_call_fails_its_readers_only_and_the_next_goes_on()
    {
        Batcher<string, ReadResult?> batcher = Create();
        Task<ReadResult?> first = batcher.AskAsync("a").AsTask();
        Task<ReadResult?> second = batcher.AskAsync("b").AsTask();
        Task<ReadResult?> third = batcher.AskAsync("c").AsTask();
        _calls[0].Answer.SetException(new TimeoutException());
        await Assert.ThrowsAsync<TimeoutException>(async () => await first);
        Answer(1);
        Answer(2);
        Assert.Equal("b", (await second)?.Entry?.Key);
        Assert.Equal("c", (await third)?.Entry?.Key);
    }

    [Fact]
    public async Task A_call_that_throws_at_once_or_answers_too_little_does_no_harm()
    {
        var throwing = new Batcher<string, ReadResult?>(
            _ => throw new InvalidOperationException(), null, _patience, _time);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await throwing.AskAsync("a"));
        var silent = new Batcher<string, ReadResult?>(
            _ => Task.FromResult(Array.Empty<ReadResult?>()), null, _patience, _time);
        Assert.Null(await silent.AskAsync("a"));
        Assert.Null(await silent.AskAsync("b"));
    }

    [Fact]
    public async Task Under_load_from_many_threads_everyone_gets_the_answer_to_the_own_question()
    {
        var batcher = new Batcher<string, ReadResult?>(
            async keys =>
            {
                await Task.Yield();
                return [.. keys.Select(key => (ReadResult?)Found(key))];
            },
            null,
            _patience,
            _time);
        await Parallel.ForAsync(0, 20_000, async (number, _) =>
        {
            string key = $"{number % 700}";
            Assert.Equal(key, (await batcher.AskAsync(key))?.Entry?.Key);
        });
    }

    private Batcher<string, ReadResult?> Create()
    {
        // Under xunit's context an answer would not go on inline, and what follows from it would have to be waited for.
        SynchronizationContext.SetSynchronizationContext(null);
        return new Batcher<string, ReadResult?>(
            keys =>
            {
                var answer = new TaskCompletionSource<ReadResult?[]>();
                _calls.Add((keys, answer));
                return answer.Task;
            },
            new ReadResult(ReadOutcome.Unavailable, null, ""),
            _patience,
            _time);
    }

    private void Answer(int call) => _calls[call].Answer.SetResult([.. _calls[call].Keys.Select(key => (ReadResult?)Found(key))]);

    private static ReadResult Found(string key) => new(ReadOutcome.Found, new Entry(key, [], null, default), "n");
}
