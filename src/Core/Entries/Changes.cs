namespace Diststore.Core;

/// <summary>
/// How far somebody who follows the changes has got. A first pass, from the beginning, may show less than there was: a key that is
/// deleted after it was shown comes again, but of one that was deleted before its deletion may be forgotten already. That does no
/// harm up to what was applied when its first page was read, so the pass may go on as long as no deletion later than that is
/// forgotten; its ids carry that point until it is passed.
/// <para>
/// Nor is what lies before a point all that was there at that point: a key that was changed again by the time that a page was read is
/// shown with the later change only. If that one is lost, by a forced election or because a backup is restored, the earlier one stands
/// again, and whoever goes on from the point would never see it. So an id carries up to where the state was applied that its page
/// shows, until it is passed too.
/// </para>
/// </summary>
/// <param name="Point">The last change seen, or the point up to where there was nothing to see.</param>
/// <param name="PassUpto">What was applied when the first pass began, if it has not come so far; else <see cref="LogPoint.Zero"/>.</param>
/// <param name="ReadAt">What was applied when the page was read, if that is beyond the two others; else <see cref="LogPoint.Zero"/>.</param>
[GenerateSerializer, Immutable, Alias("diststore.changeid")]
public readonly record struct ChangeId(
    [property: Id(0)] LogPoint Point, [property: Id(1)] LogPoint PassUpto = default, [property: Id(2)] LogPoint ReadAt = default)
{
    /// <summary>The beginning.</summary>
    public static ChangeId Start => default;

    /// <summary>Whether a page from here begins a first pass.</summary>
    public bool IsStart => this == Start;

    /// <summary>The point after which no deletion may have been forgotten.</summary>
    public LogPoint Judged => PassUpto == LogPoint.Zero ? Point : PassUpto;

    /// <summary>The latest point of which something was shown: it has to be in the history still.</summary>
    public LogPoint Shown => ReadAt == LogPoint.Zero ? Judged : ReadAt;

    /// <summary>The id of a point on a pass, or after it, of a page that was read at some point.</summary>
    public static ChangeId At(LogPoint point, LogPoint passUpto, LogPoint readAt)
    {
        var id = new ChangeId(point, point.Sequence < passUpto.Sequence ? passUpto : LogPoint.Zero);
        return id.Judged.Sequence < readAt.Sequence ? id with { ReadAt = readAt } : id;
    }

    /// <summary>The id of a point that shows all that was applied there.</summary>
    public static implicit operator ChangeId(LogPoint point) => new(point);

    /// <summary>Reads what <see cref="ToString"/> gives, and nothing else.</summary>
    public static bool TryParse(string text, out ChangeId id)
    {
        ArgumentNullException.ThrowIfNull(text);
        ReadOnlySpan<char> rest = text;
        bool isRead = TryCut(ref rest, '~', out LogPoint readAt);
        isRead &= TryCut(ref rest, '.', out LogPoint passUpto);
        isRead &= LogPoint.TryParse(rest, out LogPoint point);
        id = new ChangeId(point, passUpto, readAt);
        isRead &= passUpto == LogPoint.Zero || IsBefore(point, passUpto);
        isRead &= readAt == LogPoint.Zero || IsBefore(id.Judged, readAt);
        return isRead;
    }

    /// <summary>
    /// <c>epoch-sequence</c>; on a first pass a dot and the point that it has to pass; a tilde and the point that its page was read at.
    /// </summary>
    public override string ToString() =>
        $"{Point}{(PassUpto == LogPoint.Zero ? "" : $".{PassUpto}")}{(ReadAt == LogPoint.Zero ? "" : $"~{ReadAt}")}";

    private static bool IsBefore(LogPoint one, LogPoint other) => one.Sequence < other.Sequence && one.Epoch <= other.Epoch;

    // Takes off the mark and the point behind it; zero where there is none.
    private static bool TryCut(ref ReadOnlySpan<char> text, char mark, out LogPoint point)
    {
        point = default;
        int at = text.IndexOf(mark);
        bool isRead = at < 0 || (LogPoint.TryParse(text[(at + 1)..], out point) && point != LogPoint.Zero);
        text = at < 0 ? text : text[..at];
        return isRead;
    }
}

/// <summary>Which changes to read.</summary>
/// <param name="Since">Those after this; <see cref="ChangeId.Start"/> for all that there are.</param>
/// <param name="Wait">How long to wait for the first one, at most <see cref="MaxWait"/>.</param>
/// <param name="Filter">Of which keys, and whether with their values.</param>
[GenerateSerializer, Immutable, Alias("diststore.changes")]
public sealed record ChangesQuery(
    [property: Id(0)] ChangeId Since, [property: Id(1)] TimeSpan Wait, [property: Id(2)] ChangeFilter Filter = default)
{
    /// <summary>The longest wait of one read; who wants to wait longer asks again.</summary>
    public static TimeSpan MaxWait { get; } = TimeSpan.FromSeconds(2);

    /// <summary>About how many bytes of entries one read gives.</summary>
    public const int MaxBytes = 1 << 20;
}

/// <summary>How a read of changes ended.</summary>
public enum ChangesOutcome
{
    /// <summary>The changes are given; none if none that is shown came while it waited.</summary>
    Page = 0,

    /// <summary>The point lies below the floor, or not in the history: start over with a listing.</summary>
    Gone = 1,

    /// <summary>No primary answers.</summary>
    Unavailable = 2,

    /// <summary>Too many changes are read already: ask again later.</summary>
    Busy = 3,
}

/// <summary>Changes in ascending order.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Entries">The changed entries, tombstones among them; none where no values were asked for.</param>
/// <param name="Node">The name of the node that answered the caller.</param>
/// <param name="Detail">A sentence for the caller where there is no page.</param>
/// <param name="Upto">
/// The point up to which the changes were *scanned*, which is not always the last one's, for what the filter hides and internal rows
/// show nothing; zero where nothing was scanned.
/// </param>
/// <param name="PassUpto">What the first pass that the page is of has to pass, or zero.</param>
/// <param name="ReadAt">What was applied when the page was read.</param>
/// <param name="Heads">The heads of what has changed, in place of the entries, where no values were asked for.</param>
[GenerateSerializer, Immutable, Alias("diststore.changespage")]
public sealed record ChangesResult(
    [property: Id(0)] ChangesOutcome Outcome,
    [property: Id(1)] Entry[] Entries,
    [property: Id(2)] string Node,
    [property: Id(3)] string? Detail = null,
    [property: Id(4)] LogPoint Upto = default,
    [property: Id(5)] LogPoint PassUpto = default,
    [property: Id(6)] LogPoint ReadAt = default,
    [property: Id(7)] EntryHead[]? Heads = null)
{
    /// <summary>How many changes are shown.</summary>
    public int Count => Heads?.Length ?? Entries.Length;

    /// <summary>The version of the last change that is shown; zero where none is.</summary>
    public LogPoint Last => Count == 0 ? LogPoint.Zero : Heads is null ? Entries[^1].Version : Heads[^1].Version;

    /// <summary>Whether this is a page that shows nothing.</summary>
    public bool ShowsNothing => Outcome == ChangesOutcome.Page && Count == 0;

    /// <summary>The id of a change of this page, or of the point up to which it scanned.</summary>
    public ChangeId IdOf(LogPoint change) => ChangeId.At(change, PassUpto, ReadAt);
}
