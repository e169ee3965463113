using Diststore.Core;

namespace Diststore.Gateway.Tests;

public sealed class ReadBatcherTests
{
    private readonly List<(string[] Keys, TaskCompletionSource<ReadResult?[]> Answer)> _calls = [];

    [Fact]
    public async Task A_lone_read_goes_at_once()
    {
        ReadBatcher batcher = Create();
        Task<ReadResult?> read = batcher.ReadAsync("a").AsTask();
        Assert.Equal(["a"], Assert.Single(_calls).Keys);
        Answer(0);
        Assert.Equal("a", (await read)?.Entry?.Key);
    }

    [Fact]
    public async Task While_calls_are_under_way_reads_gather_and_equal_keys_go_once()
    {
        ReadBatcher batcher = Create();
        List<Task<ReadResult?>> reads = [];
        string[] keys = ["a", "b", "c", "d", "c", "d", "e"];
        foreach (string key in keys)
        {
            reads.Add(batcher.ReadAsync(key).AsTask());
        }

        Assert.Equal(ReadBatcher.MaxUnderWay, _calls.Count);
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
        ReadBatcher batcher = Create();
        List<Task<ReadResult?>> reads = [];
        int room = ReadBatcher.MaxUnderWay + (ReadBatcher.MaxKeys * ReadBatcher.MaxFullBatches);
        for (int i = 0; i < room; i++)
        {
            reads.Add(batcher.ReadAsync($"{i}").AsTask());
        }

        ReadResult? refused = await batcher.ReadAsync("one more");
        Assert.Equal(ReadOutcome.Unavailable, refused?.Outcome);
        for (int call = 0; call < _calls.Count; call++)
        {
            Assert.InRange(_calls[call].Keys.Length, 1, ReadBatcher.MaxKeys);
            Answer(call);
        }

        for (int i = 0; i < room; i++)
        {
            Assert.Equal($"{i}", (await reads[i])?.Entry?.Key);
        }

        Assert.Equal(ReadBatcher.MaxUnderWay + ReadBatcher.MaxFullBatches, _calls.Count);
    }

    [Fact]
    public async Task A_failed_call_fails_its_readers_only_and_the_next_goes_on()
    {
        ReadBatcher batcher = Create();
        Task<ReadResult?> first = batcher.ReadAsync("a").AsTask();
        Task<ReadResult?> second = batcher.ReadAsync("b").AsTask();
        Task<ReadResult?> third = batcher.ReadAsync("c").AsTask();
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
        var throwing = new ReadBatcher(_ => throw new InvalidOperationException());
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await throwing.ReadAsync("a"));
        var silent = new ReadBatcher(_ => Task.FromResult(Array.Empty<ReadResult?>()));
        Assert.Null(await silent.ReadAsync("a"));
        Assert.Null(await silent.ReadAsync("b"));
    }

    [Fact]
    public async Task Under_load_from_many_threads_everyone_gets_the_answer_to_the_own_question()
    {
        var batcher = new ReadBatcher(async keys =>
        {
            await Task.Yield();
            return [.. keys.Select(key => (ReadResult?)Found(key))];
        });
        await Parallel.ForAsync(0, 20_000, async (number, _) =>
        {
            string key = $"{number % 700}";
            Assert.Equal(key, (await batcher.ReadAsync(key))?.Entry?.Key);
        });
    }

    private ReadBatcher Create()
    {
        // Under xunit's context an answer would not go on inline, and what follows from it would have to be waited for.
        SynchronizationContext.SetSynchronizationContext(null);
        return new ReadBatcher(keys =>
        {
            var answer = new TaskCompletionSource<ReadResult?[]>();
            _calls.Add((keys, answer));
            return answer.Task;
        });
    }

    private void Answer(int call) => _calls[call].Answer.SetResult([.. _calls[call].Keys.Select(key => (ReadResult?)Found(key))]);

    private static ReadResult Found(string key) => new(ReadOutcome.Found, new Entry(key, [], null, default), "n");
}
