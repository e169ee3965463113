using System.Runtime.CompilerServices;
using Diststore.Contracts;
using Diststore.Core;

namespace Diststore.Gateway;

/// <summary>
/// Gathers concurrent reads into calls of many keys: while <see cref="MaxUnderWay"/> calls are under way, what arrives waits for the next
/// one, so the load itself sets the size of a batch and a lone read goes at once. A key that is asked twice goes once. A read only
/// joins a batch that has not been sent, so the answer is never older than the question. Thread-safe.
/// </summary>
/// <param name="ask">Asks for many keys; the answers come in the order of the keys.</param>
internal sealed class ReadBatcher(Func<string[], Task<ReadResult?[]>> ask)
{
    /// <summary>Calls under way at once.</summary>
    public const int MaxUnderWay = 2;

    /// <summary>Keys of one call.</summary>
    public const int MaxKeys = INodeGrain.MaxKeys;

    /// <summary>Full batches that wait to be sent; beyond these a read is refused.</summary>
    public const int MaxFullBatches = 16;

    /// <summary>What a read is told that is refused.</summary>
    public const string TooManyReads = "too many reads wait already";

    private readonly Lock _lock = new();
    private readonly Queue<Batch> _full = new(); // under _lock
    private Batch _gathering = new();            // under _lock
    private int _underWay;                       // under _lock

    /// <summary>Reads a key; null where the answer is not at hand and has to be asked for otherwise. Throws what the call throws.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ReadResult?> ReadAsync(string key)
    {
        if (Join(key, out int index) is not { } batch)
        {
            return new ReadResult(ReadOutcome.Unavailable, null, "", TooManyReads);
        }

        ReadResult?[] answers = await batch.Answers;
        return index < answers.Length ? answers[index] : null;
    }

    private Batch? Join(string key, out int index)
    {
        Batch batch;
        lock (_lock)
        {
            if (_full.Count == MaxFullBatches)
            {
                index = 0;
                return null;
            }

            batch = _gathering;
            index = batch.Add(key);
            if (_underWay == MaxUnderWay)
            {
                if (batch.Count == MaxKeys)
                {
                    _full.Enqueue(batch);
                    _gathering = new Batch();
                }

                return batch;
            }

            _underWay++;
            _gathering = new Batch();
        }

        _ = SendAsync(batch);
        return batch;
    }

    private async Task SendAsync(Batch? batch)
    {
        while (batch is not null)
        {
            Task<ReadResult?[]> call = Ask(batch);
            await ((Task)call).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

            // The readers go on here, on this thread. What arrives while they write their answers is in the next call: fewer and larger
            // calls carry more than calls that never pause.
            batch.Complete(call);
            batch = Next();
        }
    }

    private Task<ReadResult?[]> Ask(Batch batch)
    {
        try
        {
            return ask(batch.Keys);
        }
        catch (Exception exception)
        {
            return Task.FromException<ReadResult?[]>(exception);
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
            _gathering = new Batch();
            return gathered;
        }
    }

    private sealed class Batch
    {
        private readonly Dictionary<string, int> _indexes = new(StringComparer.Ordinal);

        // Without RunContinuationsAsynchronously: a batch's readers write their answers one after the other, without a hop each.
        private readonly TaskCompletionSource<ReadResult?[]> _answers = new();

        public int Count => _indexes.Count;

        public string[] Keys => [.. _indexes.Keys];

        public Task<ReadResult?[]> Answers => _answers.Task;

        public int Add(string key)
        {
            if (!_indexes.TryGetValue(key, out int index))
            {
                _indexes.Add(key, index = _indexes.Count);
            }

            return index;
        }

        public void Complete(Task<ReadResult?[]> answer) => _answers.SetFromTask(answer);
    }
}
