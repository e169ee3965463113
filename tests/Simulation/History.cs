namespace Diststore.Simulation;

/// <summary>What one strong operation on one key was.</summary>
internal enum OperationKind
{
    /// <summary>Stores a value.</summary>
    Put,

    /// <summary>Removes the value.</summary>
    Delete,

    /// <summary>Stores a value if the key has the expected one.</summary>
    Swap,

    /// <summary>Shows the value.</summary>
    Read,

    /// <summary>Adds to the value, and shows what it has become: <see cref="Operation.Expected"/>.</summary>
    Move,
}

/// <summary>How it ended, as its client saw it.</summary>
internal enum OperationOutcome
{
    /// <summary>Nobody knows: it took effect at some time after it began, or never.</summary>
    Unknown,

    /// <summary>A write that met a value; a read that shows one.</summary>
    Existed,

    /// <summary>A write that met none; a read that shows none.</summary>
    Absent,

    /// <summary>A swap whose expectation did not hold.</summary>
    Refused,
}

/// <summary>
/// A strong operation: a write, or a linearizable read. Values are never used twice; 0 stands for no value. Times are
/// virtual; one without an answer ends at <see cref="long.MaxValue"/>.
/// </summary>
internal sealed record Operation(OperationKind Kind, long Value, long Expected, OperationOutcome Outcome, long Began, long Ended);

/// <summary>
/// A read with a bound, zero for a strong one: when it arrived and what it showed, null for "not found". Something at least
/// as new as <c>AtLeast</c> had to show, however old that is.
/// </summary>
internal sealed record BoundedRead(string Key, string Node, long Arrived, long Ended, TimeSpan Bound, LogPoint? Shown, LogPoint AtLeast);

/// <summary>A write that was acknowledged.</summary>
internal sealed record Acknowledged(Entry Entry, long At);

/// <summary>A write as far as its client has got with it.</summary>
internal sealed class Attempt(long began)
{
    public long Began => began;

    /// <summary>Where it was ordered, if it was acknowledged.</summary>
    public LogPoint? Version { get; set; }

    /// <summary>Whether it surely did nothing and never will.</summary>
    public bool DidNothing { get; set; }
}

/// <summary>All that clients saw, by key.</summary>
internal sealed class History
{
    public Dictionary<string, List<Operation>> Operations { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, List<Acknowledged>> Writes { get; } = new(StringComparer.Ordinal);

    public List<BoundedRead> Reads { get; } = [];

    /// <summary>All writes that were begun, those of which nothing was heard any more among them.</summary>
    public Dictionary<string, List<Attempt>> Attempts { get; } = new(StringComparer.Ordinal);

    /// <summary>Keys that had a value which ends by itself: what is not there any more may have been.</summary>
    public HashSet<string> Expiring { get; } = new(StringComparer.Ordinal);

    public void Add(string key, Operation operation) => ListOf(Operations, key).Add(operation);

    public Attempt Begin(string key, long now)
    {
        var attempt = new Attempt(now);
        ListOf(Attempts, key).Add(attempt);
        return attempt;
    }

    public void Acknowledge(Entry entry, long at) => ListOf(Writes, entry.Key).Add(new Acknowledged(entry, at));

    /// <summary>The newest version of a key that was acknowledged of what was ordered in an era; zero if there is none.</summary>
    public LogPoint NewestOf(string key, Era era, long before = long.MaxValue)
    {
        LogPoint newest = LogPoint.Zero;
        foreach (Acknowledged write in Writes.GetValueOrDefault(key) ?? [])
        {
            newest = write.At < before && era.Ordered(write.Entry.Version) && write.Entry.Version > newest ? write.Entry.Version : newest;
        }

        return newest;
    }

    private static List<T> ListOf<T>(Dictionary<string, List<T>> lists, string key)
    {
        if (!lists.TryGetValue(key, out List<T>? list))
        {
            lists[key] = list = [];
        }

        return list;
    }
}
