using System.Diagnostics;
using System.Globalization;

namespace Diststore.SystemTests;

/// <summary>
/// A load whose outcome can be told without remembering it: first keys that are all stored once, then numbered writes, each
/// to a key of its own: every second one to a new key, the others to one of the first, of which every fifth is deleted.
/// </summary>
/// <param name="first">How many keys are stored at first.</param>
internal sealed class NumberedWrites(int first)
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);
    private static readonly string Padding = new('.', 90); // values of some 100 bytes

    private int _done;

    /// <summary>How many writes were acknowledged since the first keys were stored; all up to there.</summary>
    public int Done => Volatile.Read(ref _done);

    /// <summary>How many keys there have to be.</summary>
    public long Keys => first + (Done / 2) - Enumerable.Range(0, Done).Count(Deletes);

    /// <summary>Stores the first keys, as fast as it goes.</summary>
    public Task FillAsync(HttpFace http, int connections, Func<string> explain) =>
        EachAsync(Enumerable.Range(0, first), connections, number => http.PutUntilDoneAsync(First(number), Padded($"first {number}"), explain));

    /// <summary>Writes on, not faster than so many a second, until told that it is enough.</summary>
    public async Task GoOnAsync(HttpFace http, int perSecond, int connections, Func<string> explain, CancellationToken enough)
    {
        var clock = Stopwatch.StartNew();
        using var timer = new PeriodicTimer(Tick);
        while (!enough.IsCancellationRequested && await timer.WaitForNextTickAsync(CancellationToken.None))
        {
            int due = (int)(clock.Elapsed.TotalSeconds * perSecond) - Done;
            Assert.True((Done + due) / 2 < first, "there are too few keys for so many writes");
            await EachAsync(Enumerable.Range(Done, due), connections, number => http.PutUntilDoneAsync(KeyOf(number), ValueOf(number), explain));
            Interlocked.Add(ref _done, due);
        }
    }

    /// <summary>Waits until so many writes are acknowledged.</summary>
    public Task UntilAsync(int count, TimeSpan deadline, Func<string> explain) =>
        Eventually.TrueAsync(() => Task.FromResult(Done >= count ? null : $"{Done} of {count} writes are acknowledged"), deadline, explain);

    /// <summary>Some of the writes, and of the first keys as negative numbers, evenly over all.</summary>
    public IEnumerable<int> Some(int count) =>
        Enumerable.Range(0, count / 2).Select(i => (int)((long)i * Done / (count / 2)))
            .Concat(Enumerable.Range(0, count / 2).Select(i => -1 - (int)((long)i * first / (count / 2))));

    /// <summary>What a key of <see cref="Some"/> has to hold; null for nothing.</summary>
    public (string Key, string? Value) Expected(int number)
    {
        if (number >= 0)
        {
            return (KeyOf(number), ValueOf(number));
        }

        // A first key may have been written again: by the write with twice its number.
        int key = -1 - number;
        int again = 2 * key;
        return again < Done ? (First(key), ValueOf(again)) : (First(key), Padded($"first {key}"));
    }

    private static string First(int number) => string.Create(CultureInfo.InvariantCulture, $"first/{number:0000000}");

    private static bool Deletes(int write) => write % 10 == 8;

    private static string KeyOf(int write) => write % 2 == 0 ? First(write / 2) : string.Create(CultureInfo.InvariantCulture, $"later/{write:0000000}");

    private static string? ValueOf(int write) => Deletes(write) ? null : Padded($"write {write}");

    private static string Padded(string text) => text + Padding;

    private static Task EachAsync(IEnumerable<int> numbers, int connections, Func<int, Task> write) => Parallel.ForEachAsync(
        numbers, new ParallelOptions { MaxDegreeOfParallelism = connections }, (number, _) => new ValueTask(write(number)));
}
