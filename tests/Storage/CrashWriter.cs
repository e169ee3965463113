namespace Diststore.Storage.Tests;

/// <summary>The process that is killed: writes without end and says after each answer what it was told is persisted.</summary>
internal static class CrashWriter
{
    private const int UnderWay = 8; // batches at once, so that some are always unanswered

    public static async Task RunAsync(string path, int seed)
    {
        await using RocksStore store = RocksStore.Open(new RocksStoreOptions
        {
            Path = path,
            ClusterId = "test",
            TimeProvider = TimeProvider.System,
            CacheBytes = 4 << 20,
        });
        using IEnumerator<Batch> batches = Batches(store.State.Last, seed).GetEnumerator();
        var answers = new Queue<(Task<AppendResult> Answer, Batch Batch)>();
        while (true)
        {
            while (answers.Count < UnderWay)
            {
                batches.MoveNext();
                answers.Enqueue((store.AppendAsync(1, batches.Current).AsTask(), batches.Current));
            }

            (Task<AppendResult> answer, Batch oldest) = answers.Dequeue();
            if ((await answer).Status != AppendStatus.Persisted)
            {
                throw new InvalidOperationException("an append was refused");
            }

            Console.WriteLine(oldest.Last.Sequence);
            if (oldest.Last.Sequence % 2 == 0)
            {
                _ = store.ApplyAsync(oldest.Last).AsTask();
            }
        }
    }

    /// <summary>What is written after that point: the same for the same seed.</summary>
    public static IEnumerable<Batch> Batches(LogPoint last, int seed)
    {
        var random = new Random(seed);
        while (true)
        {
            Batch batch = Writes.Next(last, [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => Write(random, last))]);
            last = batch.Last;
            yield return batch;
        }
    }

    private static (string Key, string? Value) Write(Random random, LogPoint last) =>
        ($"k{random.Next(50)}", random.Next(4) == 0 ? null : $"{last.Sequence}");
}
