namespace Diststore.Core;

/// <summary>Where a node finds what it shows without asking anyone.</summary>
internal enum ServedFrom
{
    /// <summary>Nowhere: its life is over.</summary>
    Nothing = 0,

    /// <summary>Its copies.</summary>
    Copies = 1,

    /// <summary>Its store, as an in-sync master, which knows an upper bound of the primary's wall clock at best.</summary>
    Store = 2,

    /// <summary>Its store, as the primary, whose wall clock counts.</summary>
    StoreAsPrimary = 3,
}

/// <summary>
/// What a node may show and how fresh that is, all from one moment, for readers on any thread. A reader takes it first and
/// the value after it; the node's scheduler drops what is old first and puts the next of these in place after it. So a
/// value is never older than the state it was read with.
/// </summary>
/// <param name="From">Where to look.</param>
/// <param name="CurrentAsOf">
/// When, by the node's own monotonic clock, this was surely the cluster's state; <see cref="Never"/>, or <see cref="Always"/>
/// where nobody else can be promoted.
/// </param>
/// <param name="Followed">Up to where copies follow the primary; a store's applied point says that for itself.</param>
/// <param name="Clock">What the other master was told of the primary's wall clock, with the answer that <paramref name="CurrentAsOf"/> is from.</param>
internal sealed record ServedState(ServedFrom From, long CurrentAsOf, LogPoint Followed, ToldClock? Clock = null)
{
    public const long Never = long.MinValue;
    public const long Always = long.MaxValue;

    /// <summary>Before the first view.</summary>
    public static ServedState Nothing { get; } = new(ServedFrom.Nothing, Never, LogPoint.Zero);

    public bool IsFromStore => From is ServedFrom.Store or ServedFrom.StoreAsPrimary;

    /// <summary>How old what is shown may be now; <see cref="TimeSpan.MaxValue"/> where that is not known.</summary>
    public TimeSpan Age(TimeProvider time) => CurrentAsOf switch
    {
        Never => TimeSpan.MaxValue,
        Always => TimeSpan.Zero,
        _ => time.GetElapsedTime(CurrentAsOf) is var age && age > TimeSpan.Zero ? age : TimeSpan.Zero,
    };

    /// <summary>
    /// The moment that what expires is judged by, not before the primary's clock; <see langword="null"/> where it is not known, so
    /// that what expires is not this node's to show.
    /// </summary>
    public DateTimeOffset? PrimaryNow(TimeProvider time) => From == ServedFrom.StoreAsPrimary ? time.GetUtcNow() : Clock?.UpperBound(time);
}

/// <summary>
/// The primary's wall clock, as told in answer to a question. It showed <paramref name="Told"/> after the question was sent, so
/// that and all the time since the sending is an upper bound of what it shows now, as long as nobody sets it.
/// </summary>
/// <param name="Told">What it showed.</param>
/// <param name="SentAt">When the question was sent, by the own monotonic clock.</param>
internal sealed record ToldClock(DateTimeOffset Told, long SentAt)
{
    public DateTimeOffset UpperBound(TimeProvider time) =>
        time.GetElapsedTime(SentAt) is var since && since < DateTimeOffset.MaxValue - Told ? Told + since : DateTimeOffset.MaxValue;
}
