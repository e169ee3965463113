namespace Diststore.Core;

/// <summary>
/// How far somebody who follows the changes has got. A first pass, from the beginning, may show less than there was: a key that is
/// deleted after it was shown comes again, but of one that was deleted before its deletion may be forgotten already. That does no
/// harm up to what was applied when its first page was read, so the pass may go on as long as no deletion later than that is
/// forgotten; its ids carry that point until it is passed.
/// </summary>
/// <param name="Point">The last change seen, or the point up to where there was nothing to see.</param>
/// <param name="PassUpto">What was applied when the first pass began, if it has not come so far; else <see cref="LogPoint.Zero"/>.</param>
[GenerateSerializer, Immutable, Alias("diststore.changeid")]
public readonly record struct ChangeId([property: Id(0)] LogPoint Point, [property: Id(1)] LogPoint PassUpto)
{
    /// <summary>The beginning.</summary>
    public static ChangeId Start => default;

    /// <summary>Whether a page from here begins a first pass.</summary>
    public bool IsStart => this == Start;

    /// <summary>The point that decides whether what follows is complete.</summary>
    public LogPoint Judged => PassUpto == LogPoint.Zero ? Point : PassUpto;

    /// <summary>The id of a point on a pass, or after it.</summary>
    public static ChangeId At(LogPoint point, LogPoint passUpto) => new(point, point.Sequence < passUpto.Sequence ? passUpto : LogPoint.Zero);

    /// <summary>The id of a point that is on no first pass.</summary>
    public static implicit operator ChangeId(LogPoint point) => new(point, LogPoint.Zero);

    /// <summary>Reads what <see cref="ToString"/> gives, and nothing else.</summary>
    public static bool TryParse(string text, out ChangeId id)
    {
        ArgumentNullException.ThrowIfNull(text);
        int dot = text.IndexOf('.', StringComparison.Ordinal);
        LogPoint passUpto = default;
        bool isRead = LogPoint.TryParse(dot < 0 ? text : text.AsSpan(0, dot), out LogPoint point)
            && (dot < 0 || (LogPoint.TryParse(text.AsSpan(dot + 1), out passUpto) && point.Sequence < passUpto.Sequence && point.Epoch <= passUpto.Epoch));
        id = new ChangeId(point, passUpto);
        return isRead;
    }

    /// <summary><c>epoch-sequence</c>, and on a first pass a dot and the point that it has to pass.</summary>
    public override string ToString() => PassUpto == LogPoint.Zero ? Point.ToString() : $"{Point}.{PassUpto}";
}

/// <summary>Which changes to read.</summary>
/// <param name="Since">Those after this; <see cref="ChangeId.Start"/> for all that there are.</param>
/// <param name="Wait">How long to wait for the first one, at most <see cref="MaxWait"/>.</param>
[GenerateSerializer, Immutable, Alias("diststore.changes")]
public sealed record ChangesQuery([property: Id(0)] ChangeId Since, [property: Id(1)] TimeSpan Wait)
{
    /// <summary>The longest wait of one read; who wants to wait longer asks again.</summary>
    public static TimeSpan MaxWait { get; } = TimeSpan.FromSeconds(2);

    /// <summary>About how many bytes of entries one read gives.</summary>
    public const int MaxBytes = 1 << 20;
}

/// <summary>How a read of changes ended.</summary>
public enum ChangesOutcome
{
    /// <summary>The changes are given; none if there were none while it waited.</summary>
    Page = 0,

    /// <summary>The point lies below the floor, or not in the history: start over with a listing.</summary>
    Gone = 1,

    /// <summary>No primary answers.</summary>
    Unavailable = 2,
}

/// <summary>Changes in ascending order.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Entries">The changed entries, tombstones among them.</param>
/// <param name="Node">The name of the node that answered the caller.</param>
/// <param name="Detail">A sentence for the caller where there is no page.</param>
/// <param name="Upto">The point up to which the changes were looked at, which is not always the last one's; zero where it did not move.</param>
/// <param name="PassUpto">What the first pass that the page is of has to pass, or zero.</param>
[GenerateSerializer, Immutable, Alias("diststore.changespage")]
public sealed record ChangesResult(
    [property: Id(0)] ChangesOutcome Outcome,
    [property: Id(1)] Entry[] Entries,
    [property: Id(2)] string Node,
    [property: Id(3)] string? Detail = null,
    [property: Id(4)] LogPoint Upto = default,
    [property: Id(5)] LogPoint PassUpto = default)
{
    /// <summary>The id of a change of this page.</summary>
    public ChangeId IdOf(LogPoint change) => ChangeId.At(change, PassUpto);
}
