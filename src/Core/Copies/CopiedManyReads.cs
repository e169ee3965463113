namespace Diststore.Core;

/// <summary>
/// Reads of many keys at a gateway: those of which it holds copies that are young enough are shown, the others a node is asked for, as many
/// in one call as a message carries. What comes is kept as <see cref="CopiedReads"/> keeps it. Any thread.
/// </summary>
/// <param name="copies">The copies; <see langword="null"/> where the gateway keeps none.</param>
/// <param name="name">The gateway's name.</param>
/// <param name="bound">How old what is shown may be by default, where it keeps copies.</param>
/// <param name="time">The clock.</param>
/// <param name="ask">Asks the cluster for at most <see cref="Batches.MaxQuestions"/>; gives the first results, at least one.</param>
internal sealed class CopiedManyReads(
    CopyReader? copies, string name, TimeSpan bound, TimeProvider time, Func<ManyQuery, Task<ReadResult[]>> ask)
{
    /// <summary>Reads many keys; not strongly.</summary>
    public async ValueTask<ManyResult> ReadAsync(ManyQuery query)
    {
        ReadResult[] found = new ReadResult[query.Keys.Length];
        var missing = new List<int>();
        for (int i = 0; i < found.Length; i++)
        {
            HeldEntry held = copies?.Look(query.Keys[i]) ?? default;
            found[i] = new ReadResult(ReadOutcome.Found, held.Entry, name, Age: held.Age, Life: held.Life);
            if (!held.Serves(query.Options, bound) || ManyReads.LacksExpiry(found[i]))
            {
                found[i] = new ReadResult(
                    ReadOutcome.NotHere, null, name, held.Entry is null ? "this gateway does not have this key" : "what this gateway has is too old");
                missing.Add(i);
            }
        }

        if (missing.Count > 0 && !(copies is not null && query.Options.OnlyHere))
        {
            found = await new ManyFilling(found, missing, Batches.MaxQuestions, ManyQuery.MaxValueBytes).RunAsync(
                async indexes => await FetchAsync([.. indexes.Select(index => query.Keys[index])], query.Options));
        }

        return ManyResult.Of(found, name, query.Keys.Length);
    }

    // The age of an answer is counted from before it was asked for.
    private async Task<ReadResult[]> FetchAsync(string[] keys, ReadOptions options)
    {
        long asked = time.GetTimestamp();
        ReadResult[] results = await ask(new ManyQuery(keys, options));
        if (copies is not null && options.TakesAnyHit && results.Any(result => result.Outcome == ReadOutcome.Found && result.Age > options.BoundOf(bound)))
        {
            // A node whose own bound is wider.
            asked = time.GetTimestamp();
            results = await ask(new ManyQuery(keys, options with { MaxAge = bound }));
        }

        TimeSpan since = time.GetElapsedTime(asked);
        return [.. results.Select(result => Taken(result, options, since))];
    }

    private ReadResult Taken(ReadResult result, ReadOptions options, TimeSpan since)
    {
        TimeSpan? life = result.Life - since;
        if (result is { Origin: { } origin, Entry: { } entry } && !options.KeepsNoCopy)
        {
            copies?.Keep(entry, origin.History, origin.CurrentAt, life);
        }

        return result with { Age = AsOf.Sum(result.Age, since), Origin = null, Life = life };
    }
}
