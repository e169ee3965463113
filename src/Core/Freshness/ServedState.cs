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
/// What a node may show from where and, if that is its store, how fresh it is, all from one moment, for readers on any thread. A reader
/// takes it first and the value after it; the node's scheduler lets go of what is old first and puts the next of these in place after it.
/// So a value is never older than the state it was read with.
/// </summary>
/// <param name="From">Where to look.</param>
/// <param name="History">The history that a master's store belongs to.</param>
/// <param name="CurrentAsOf">
/// When what a master's store shows was surely the cluster's state: always where nobody else can be promoted. Copies say it for
/// themselves, see <see cref="CopyReader"/>.
/// </param>
/// <param name="Clock">What the other master was told of the primary's wall clock, with the answer that <paramref name="CurrentAsOf"/> is from.</param>
internal sealed record ServedState(ServedFrom From, Guid History, AsOf CurrentAsOf, ToldClock? Clock = null)
{
    /// <summary>Before the first view.</summary>
    public static ServedState Nothing { get; } = new(ServedFrom.Nothing, Guid.Empty, AsOf.Never);

    public bool IsFromStore => From is ServedFrom.Store or ServedFrom.StoreAsPrimary;

    /// <summary>How old what a master shows may be now; <see cref="TimeSpan.MaxValue"/> where that is not known.</summary>
    public TimeSpan Age(TimeProvider time) => CurrentAsOf.Age(time);

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
/// <param name="Sent">When the question was sent.</param>
internal sealed record ToldClock(DateTimeOffset Told, AsOf Sent)
{
    public DateTimeOffset UpperBound(TimeProvider time) =>
        Sent.Age(time) is var since && since < DateTimeOffset.MaxValue - Told ? Told + since : DateTimeOffset.MaxValue;
}
