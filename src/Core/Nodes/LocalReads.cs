namespace Diststore.Core;

/// <summary>
/// What this node itself holds of a replicated key, and how fresh that is. Any thread; touches neither the scheduler nor a
/// lock.
/// </summary>
internal sealed class LocalReads(NodeContext context, Partition partition, CopyReader copies)
{
    /// <summary>Looks in the copies or, on an in-sync master, in the store.</summary>
    public ValueTask<HeldEntry> LookAsync(string key)
    {
        // First what may be shown and how fresh it is, then the value: see ServedState.
        ServedState served = partition.Served;
        switch (served.From)
        {
            case ServedFrom.Nothing:
                return default;
            case ServedFrom.Copies:
                return new ValueTask<HeldEntry>(copies.Look(key));
            default:
                LogPoint applied = context.Store.State.Applied;
                ValueTask<Entry?> read = context.Store.ReadAsync(key);
                return read.IsCompletedSuccessfully
                    ? new ValueTask<HeldEntry>(Shown(read.Result, served, applied))
                    : LookAsync(read, served, applied);
        }
    }

    /// <summary>Whether something of the key could be shown, and of which version: without its value, which may be large.</summary>
    public async ValueTask<HeldHead> LookHeadAsync(string key)
    {
        ServedState served = partition.Served;
        if (served.IsFromStore)
        {
            EntryHead? head = (await context.Store.ReadHeadsAsync([key]))[0];
            bool isShown = head is { IsTombstone: false } && (head.ExpiresAt is not { } at || LifeOf(at, served) > TimeSpan.Zero);
            return new HeldHead(isShown ? head!.Version : null, served.Age(context.Time));
        }

        HeldEntry held = await LookAsync(key);
        return new HeldHead(held.Entry?.Version, held.Age);
    }

    /// <summary>
    /// The same for many keys, which are read together: as many as <paramref name="maxBytes"/> hold, at least one. What is beyond
    /// that is not in the answer.
    /// </summary>
    public async ValueTask<IReadOnlyList<HeldEntry>> LookManyAsync(IReadOnlyList<string> keys, long maxBytes)
    {
        ServedState served = partition.Served;
        if (served.IsFromStore)
        {
            LogPoint applied = context.Store.State.Applied;
            ManyEntries read = await context.Store.ReadManyAsync(keys, maxBytes);
            return [.. read.Entries.Select(entry => Shown(entry, served, applied))];
        }

        var held = new List<HeldEntry>(keys.Count);
        long bytes = 0;
        foreach (string key in keys)
        {
            // Of no key that the store would have to be asked for, so it is there at once.
            HeldEntry next = await LookAsync(key);
            bytes += next.Entry?.SizeBytes ?? 0;
            if (held.Count > 0 && bytes > maxBytes)
            {
                break;
            }

            held.Add(next);
        }

        return held;
    }

    private async ValueTask<HeldEntry> LookAsync(ValueTask<Entry?> read, ServedState served, LogPoint applied) => Shown(await read, served, applied);

    // Whether an entry has expired is for the primary's clock to say, or a bound of it; null where that is not known.
    private TimeSpan? LifeOf(DateTimeOffset expiresAt, ServedState served) => expiresAt - served.PrimaryNow(context.Time);

    private HeldEntry Shown(Entry? entry, ServedState served, LogPoint applied)
    {
        TimeSpan age = served.Age(context.Time);
        if (entry is not { IsTombstone: false, ExpiresAt: { } at })
        {
            return new HeldEntry(entry is { IsTombstone: false } ? entry : null, age, applied, served.History);
        }

        TimeSpan? life = LifeOf(at, served);
        return life > TimeSpan.Zero
            ? new HeldEntry(entry, age, applied, served.History, life)
            : new HeldEntry(null, age, applied, served.History, IsUntold: life is null);
    }
}
