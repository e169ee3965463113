namespace Diststore.Core;

/// <summary>
/// Reads many keys at once. Each is read as it would be alone; a strong read shows them all as the primary has them at one moment, by one
/// reading of its clock.
/// </summary>
/// <param name="Keys">The keys, at most <see cref="MaxKeys"/>; one may stand there twice.</param>
/// <param name="Options">What may be shown; of replicated entries only.</param>
[GenerateSerializer, Immutable, Alias("diststore.manyquery")]
public sealed record ManyQuery([property: Id(0)] string[] Keys, [property: Id(1)] ReadOptions Options = default)
{
    /// <summary>The most keys.</summary>
    public const int MaxKeys = 1000;

    /// <summary>The most bytes of values in one answer, which has at least one entry.</summary>
    public const int MaxValueBytes = 8 << 20;

    // What an entry costs beside its value: its key, and a media type of the longest that is taken.
    private const int MaxOverheadBytes = Entry.OverheadBytes + (2 * KeyRules.MaxBytes) + 256;

    /// <summary>So many bytes of entries of these keys have at least so many bytes of values, where there are more.</summary>
    internal long EntryBytes(long valueBytes) => valueBytes + ((long)Keys.Length * MaxOverheadBytes);
}

/// <summary>What a read of many keys found.</summary>
/// <param name="Read">
/// How it ended, how old the oldest of it is, and whether somebody had to be asked. Without an entry: found means that of each key that was
/// read it is known what there is.
/// </param>
/// <param name="Entries">Those of the first keys, in that order; <see langword="null"/> where there is none.</param>
/// <param name="Next">The index of the first key that was left out, because of the bytes that an answer may have; else <see langword="null"/>.</param>
public sealed record ManyResult(ReadResult Read, IReadOnlyList<Entry?> Entries, int? Next)
{
    /// <summary>Where no answer can be given.</summary>
    public static ManyResult Failed(in ReadResult why) => new(why with { Entry = null, Life = null, Origin = null }, [], null);

    /// <summary>How many of the first values fit into so many bytes; at least one.</summary>
    internal static int Fit(IEnumerable<Entry?> entries, long valueBytes)
    {
        long bytes = 0;
        return entries.TakeWhile((entry, i) => (bytes += entry?.Value?.Length ?? 0) <= valueBytes || i == 0).Count();
    }

    /// <summary>What a primary has told of one moment.</summary>
    /// <param name="reply">What it told, if it did.</param>
    /// <param name="entries">All that it told, if all came.</param>
    /// <param name="name">Who answers.</param>
    /// <param name="keys">How many keys were asked for.</param>
    /// <param name="since">How long ago it was asked.</param>
    internal static ManyResult Of(SnapshotReply? reply, IReadOnlyList<Entry?>? entries, string name, int keys, TimeSpan since) => reply?.Status switch
    {
        SnapshotStatus.Given when entries is not null => new ManyResult(
            new ReadResult(ReadOutcome.Found, null, name, Age: AsOf.Sum(reply.Age, since), Forwarding: Forwarding.Request),
            entries,
            entries.Count < keys ? entries.Count : null),
        SnapshotStatus.Busy => Failed(
            new ReadResult(ReadOutcome.Busy, null, name, "the primary reads as many states of many keys as it may already; ask again later")),
        SnapshotStatus.NotSettled => Failed(
            new ReadResult(ReadOutcome.Unavailable, null, name, "the time of some of these keys is up, and their deletes are not ordered yet; ask again")),
        _ => Failed(new ReadResult(ReadOutcome.Unavailable, null, name, "no master answers, so what these keys hold is not known")),
    };

    /// <summary>The answer of what was read one by one, at the process of this name. It is known of all that is shown, or there is none.</summary>
    internal static ManyResult Of(IReadOnlyList<ReadResult> read, string name, int keys)
    {
        ReadResult[] shown = [.. read.Take(Fit(read.Select(static result => result.Entry), ManyQuery.MaxValueBytes))];
        int failed = Array.FindIndex(shown, static result => !IsKnown(result));
        if (failed >= 0)
        {
            return Failed(shown[failed] with { Detail = $"keys[{failed}]: {shown[failed].Detail ?? "nobody who would know has answered"}" });
        }

        if (shown.Length == 0)
        {
            return new ManyResult(new ReadResult(ReadOutcome.Found, null, name, Age: TimeSpan.MaxValue), [], null);
        }

        // Who had to be asked says more than who had not.
        int asked = Array.FindIndex(shown, result => result.Node != name || result.Forwarding != Forwarding.None);
        ReadResult[] fetched = [.. shown.Where(static result => result.Forwarding != Forwarding.None)];
        return new ManyResult(
            shown[Math.Max(asked, 0)] with
            {
                Outcome = ReadOutcome.Found,
                Entry = null,
                Detail = null,
                Age = shown.Max(static result => result.Age),
                Forwarding = fetched.Length > 0 ? fetched[0].Forwarding : Forwarding.None,
                IsKept = fetched.Length > 0 && fetched.All(static result => result.IsKept),
                Origin = null,
                Life = null,
            },
            [.. shown.Select(static result => result.Entry)],
            shown.Length < keys ? shown.Length : null);
    }

    /// <summary>Whether it is known what there is of a key.</summary>
    internal static bool IsKnown(in ReadResult result) => result.Outcome is ReadOutcome.Found or ReadOutcome.NotFound;
}
