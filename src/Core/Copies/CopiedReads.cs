namespace Diststore.Core;

/// <summary>
/// Reads of a gateway that keeps copies: what it holds itself if that is young enough, else a node's answer, which it keeps where no change of
/// the key can have been missed. Concurrent misses for one key are one question. Any thread.
/// </summary>
/// <param name="copies">The copies.</param>
/// <param name="name">The gateway's name, which hits tell.</param>
/// <param name="bound">How old what is shown may be by default.</param>
/// <param name="time">The clock.</param>
/// <param name="ask">Asks the cluster.</param>
internal sealed class CopiedReads(CopyReader copies, string name, TimeSpan bound, TimeProvider time, Func<string, ReadOptions, ValueTask<ReadResult>> ask)
{
    /// <summary>Reads a key.</summary>
    public ValueTask<ReadResult> GetAsync(string key, ReadOptions options)
    {
        HeldEntry held = options.IsStrong ? default : copies.Look(key);
        return held.Serves(options, bound) ? new ValueTask<ReadResult>(new ReadResult(ReadOutcome.Found, held.Entry, name, Age: held.Age, Life: held.Life))
            : options.OnlyHere ? new ValueTask<ReadResult>(NotHere(held))
            : new ValueTask<ReadResult>(MissAsync(key, options));
    }

    private ReadResult NotHere(in HeldEntry held) => new(
        ReadOutcome.NotHere, null, name, held.Entry is null ? "this gateway does not have this key" : "what this gateway has is too old");

    private async Task<ReadResult> MissAsync(string key, ReadOptions options)
    {
        if (!options.TakesAnyHit || options.MaxStale > TimeSpan.Zero)
        {
            return await FetchAsync(key, options);
        }

        ReadResult result = await ShareAsync(key, options, out bool isJoined);
        if (isJoined && !IsReplicated(result))
        {
            // The word that there is nothing, or a value of one node alone, of before this read came is nothing to it.
            return await ShareAsync(key, options, out _);
        }

        // What was asked before this read came may be too old for it.
        return isJoined && result.Age > bound ? await FetchAsync(key, options) : result;
    }

    private Task<ReadResult> ShareAsync(string key, ReadOptions options, out bool isJoined) => copies.Misses.Join(
        (key, options.Scope, options.KeepsNoCopy),
        () => FetchAsync(key, new ReadOptions(options.Scope, KeepsNoCopy: options.KeepsNoCopy)),
        out isJoined);

    private static bool IsReplicated(in ReadResult result) => result.Outcome == ReadOutcome.Found && result.Entry!.Version != LogPoint.Zero;

    // The age of an answer is counted from before it was asked for.
    private async Task<ReadResult> FetchAsync(string key, ReadOptions options)
    {
        long asked = time.GetTimestamp();
        ReadResult result = await ask(key, options);
        if (options.TakesAnyHit && IsReplicated(result) && result.Age > options.BoundOf(bound))
        {
            // A node whose own bound is wider.
            asked = time.GetTimestamp();
            result = await ask(key, options with { MaxAge = bound });
        }

        TimeSpan since = time.GetElapsedTime(asked);
        TimeSpan? life = result.Life - since;
        if (result.Origin is { } origin && result.Entry is { } entry && !options.KeepsNoCopy)
        {
            copies.Keep(entry, origin.History, origin.CurrentAt, life);
        }

        return result with { Age = AsOf.Sum(result.Age, since), Origin = null, Life = life };
    }
}
