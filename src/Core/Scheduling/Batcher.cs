using System.Runtime.CompilerServices;

namespace Diststore.Core;

/// <summary>
/// Gathers concurrent questions into calls of many: while <see cref="Batches.MaxUnderWay"/> calls are under way, what arrives waits for
/// the next one, so the load itself sets the size of a batch and a lone question goes at once. Equal questions go once. A question only
/// joins a batch that has not been sent, so the answer is never older than the question. Thread-safe; where those who ask have a task
/// scheduler of their own, the calls are made and the askers go on there.
/// </summary>
/// <typeparam name="TQuestion">What is asked; equal ones are one.</typeparam>
/// <typeparam name="TAnswer">What is answered.</typeparam>
/// <param name="ask">Asks many; the answers come in the order of the questions.</param>
/// <param name="refusal">The answer to a question that is refused, because <see cref="Batches.MaxFull"/> wait or it has waited too long.</param>
/// <param name="patience">What waits for longer than this when its turn comes is not asked any more.</param>
/// <param name="time">The clock.</param>
public sealed class Batcher<TQuestion, TAnswer>(Func<TQuestion[], Task<TAnswer[]>> ask, TAnswer refusal, TimeSpan patience, TimeProvider time)
    where TQuestion : notnull
{
    private readonly Lock _lock = new();
    private readonly Queue<Batch> _full = new(); // under _lock
    private Batch _gathering = new(time);        // under _lock
    private int _underWay;                       // under _lock

    /// <summary>Whether nothing is under way and nobody waits.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_lock)
            {
                return _underWay == 0;
            }
        }
    }

    /// <summary>Asks; nothing where the call brought no answer to this question. Throws what the call throws.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<TAnswer?> AskAsync(TQuestion question)
    {
        if (Join(question, out int index) is not { } batch)
        {
            return refusal;
        }

        TAnswer[] answers = await batch.Answers;
        return index < answers.Length ? answers[index] : default;
    }

    private Batch? Join(TQuestion question, out int index)
    {
        Batch batch;
        lock (_lock)
        {
            if (_full.Count == Batches.MaxFull)
            {
                index = 0;
                return null;
            }

            batch = _gathering;
            index = batch.Add(question);
            if (_underWay == Batches.MaxUnderWay)
            {
                if (batch.Count == Batches.MaxQuestions)
                {
                    _full.Enqueue(batch);
                    _gathering = new Batch(time);
                }

                return batch;
            }

            _underWay++;
            _gathering = new Batch(time);
        }

        _ = SendAsync(batch);
        return batch;
    }

    private async Task SendAsync(Batch? batch)
    {
        while (batch is not null)
        {
            Task<TAnswer[]> call = batch.Age > patience ? Task.FromResult<TAnswer[]>([.. Enumerable.Repeat(refusal, batch.Count)]) : Ask(batch);
            await ((Task)call).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);

            // Where there is no scheduler the askers go on here, on this thread. What arrives while they write their answers is in the next
            // call: fewer and larger calls carry more than calls that never pause.
            batch.Complete(call);
            batch = Next();
        }
    }

    private Task<TAnswer[]> Ask(Batch batch)
    {
        try
        {
            return ask(batch.Questions);
        }
        catch (Exception exception)
        {
            return Task.FromException<TAnswer[]>(exception);
        }
    }

    private Batch? Next()
    {
        lock (_lock)
        {
            if (_full.TryDequeue(out Batch? full))
            {
                return full;
            }

            if (_gathering.Count == 0)
            {
                _underWay--;
                return null;
            }

            Batch gathered = _gathering;
            _gathering = new Batch(time);
            return gathered;
        }
    }

    private sealed class Batch(TimeProvider time)
    {
        private readonly Dictionary<TQuestion, int> _indexes = [];

        // Without RunContinuationsAsynchronously: a batch's askers write their answers one after the other, without a hop each.
        private readonly TaskCompletionSource<TAnswer[]> _answers = new();

        private long _begunAt;

        public int Count => _indexes.Count;

        /// <summary>How long the first question has waited.</summary>
        public TimeSpan Age => time.GetElapsedTime(_begunAt);

        public TQuestion[] Questions => [.. _indexes.Keys];

        public Task<TAnswer[]> Answers => _answers.Task;

        public int Add(TQuestion question)
        {
            if (_indexes.Count == 0)
            {
                _begunAt = time.GetTimestamp();
            }

            if (!_indexes.TryGetValue(question, out int index))
            {
                _indexes.Add(question, index = _indexes.Count);
            }

            return index;
        }

        public void Complete(Task<TAnswer[]> answer) => _answers.SetFromTask(answer);
    }
}

/// <summary>The bounds of every <see cref="Batcher{TQuestion, TAnswer}"/>.</summary>
public static class Batches
{
    /// <summary>Calls under way at once.</summary>
    public const int MaxUnderWay = 2;

    /// <summary>Questions of one call.</summary>
    public const int MaxQuestions = 256;

    /// <summary>Full batches that wait to be sent; beyond these a question is refused.</summary>
    public const int MaxFull = 16;

    /// <summary>About how many bytes of values the answer to one call carries at most; the first question always gets its turn.</summary>
    public const int MaxAnswerBytes = 1 << 20;
}
