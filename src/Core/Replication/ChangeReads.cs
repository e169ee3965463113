namespace Diststore.Core;

/// <summary>What one look at the changes after a sequence has found.</summary>
/// <param name="Entries">What is shown, with its values; or none.</param>
/// <param name="Heads">The same without; or <see langword="null"/>.</param>
/// <param name="Upto">The sequence up to which was looked.</param>
/// <param name="IsWhole">Whether that is all that was applied.</param>
/// <param name="Applied">What was applied when the look began.</param>
/// <param name="ReadAt">The latest point of which something was seen.</param>
/// <param name="Epochs">The epoch history.</param>
/// <param name="Floor">The floor, as far as what was read tells of it.</param>
internal sealed record ChangeLook(
    Entry[] Entries, EntryHead[]? Heads, long Upto, bool IsWhole, LogPoint Applied, LogPoint ReadAt, EpochHistory Epochs, long Floor)
{
    /// <summary>Up to where was looked, of somebody who stands at <paramref name="from"/>.</summary>
    public LogPoint UptoPoint(LogPoint from)
    {
        if ((IsWhole ? Applied : Epochs.PointAt(Upto)) is { } known)
        {
            return known;
        }

        // Only a first pass comes by epochs that are not known any more. An earlier epoch does no harm there: what comes next is later.
        LogPoint last = Heads is { Length: > 0 } ? Heads[^1].Version : Entries.Length > 0 ? Entries[^1].Version : from;
        return new LogPoint(Math.Max(from.Epoch, last.Epoch), Upto);
    }
}

/// <summary>
/// The primary's reads for those who watch the changes. Who asks for all of them gets a page of entries. Who asks for a few keys, or for
/// no values, is served from the change index, which names only keys; then no more is read than what is shown. Who asks the same
/// at the same time shares one read. For the node's scheduler.
/// </summary>
internal sealed class ChangeReads
{
    /// <summary>Reads of entries that are under way at once.</summary>
    public const int MaxReads = 4;

    /// <summary>Reads of the change index that are under way at once.</summary>
    public const int MaxScans = 2;

    /// <summary>Reads, and scans, that wait for their turn; they hold nothing meanwhile.</summary>
    public const int MaxWaiting = 1024;

    /// <summary>Rows of the change index that one look goes through.</summary>
    public const int MaxRows = 4096;

    /// <summary>Found keys of which one look reads the values; how large these are is known only then.</summary>
    public const int MaxFound = 256;

    private readonly NodeContext _context;
    private readonly Turns _reads;
    private readonly Turns _scans;
    private readonly Flights<long, ChangeLook?> _pages = new(); // by the sequence that they are read after
    private readonly Flights<long, SearchedIndex?> _indexes = new(); // the same
    private readonly Flights<(long Since, ChangeFilter Filter), ChangeLook?> _found = new();

    public ChangeReads(NodeContext context)
    {
        // Whoever asks has a limit of its own, a part of which may have passed while it waited for a change; one look may wait twice.
        _context = context;
        _reads = new Turns(MaxReads, MaxWaiting, context.Settings.ReplyTimeout / 2, context.Time);
        _scans = new Turns(MaxScans, MaxWaiting, context.Settings.ReplyTimeout / 4, context.Time);
    }

    /// <summary>
    /// Looks at the changes after a sequence; <see langword="null"/> when the turn to do so does not come in time. A read that began
    /// earlier serves whoever asks later too: what was applied since comes after what it gives.
    /// </summary>
    public Task<ChangeLook?> LookAsync(long since, ChangeFilter filter) =>
        filter == default
            ? _pages.Join(since, () => _reads.RunAsync(() => ReadPageAsync(since), static () => null), out _)
            : SearchAsync(since, filter);

    private async Task<ChangeLook?> ReadPageAsync(long since)
    {
        ChangePage page = await _context.Store.ReadChangesAsync(since, ChangesQuery.MaxBytes);
        Entry[] shown = [.. page.Entries.Where(static entry => !InternalKeys.Is(entry.Key))];
        return new ChangeLook(shown, null, page.Upto, page.IsWhole, page.Applied, page.Applied, page.Epochs, page.Floor);
    }

    private async Task<ChangeLook?> SearchAsync(long since, ChangeFilter filter)
    {
        SearchedIndex? index = await _indexes.Join(
            since,
            () => _scans.RunAsync(
                async () => (SearchedIndex?)new SearchedIndex(await _context.Store.ReadChangeIndexAsync(since, MaxRows)), static () => null),
            out _);
        if (index is null)
        {
            return null;
        }

        IReadOnlyList<IndexedChange> found = index.Find(filter);
        return found.Count == 0
            ? LookOf(index.Page, [], null, default, index.Page.Upto)
            : await _found.Join(
                (since, filter), () => _reads.RunAsync(() => ReadFoundAsync(index.Page, found, filter), static () => null), out _);
    }

    private async Task<ChangeLook?> ReadFoundAsync(ChangeIndexPage page, IReadOnlyList<IndexedChange> found, ChangeFilter filter)
    {
        string[] keys = [.. found.Take(filter.OmitsValues ? MaxRows : MaxFound).Select(static row => row.Key)];
        if (filter.OmitsValues)
        {
            IReadOnlyList<EntryHead?> heads = await _context.Store.ReadHeadsAsync(keys);
            (EntryHead[] shown, Seen seen) = Unchanged(found, heads, static head => head.Version);
            return LookOf(page, [], shown, seen, page.Upto);
        }

        IReadOnlyList<Entry?> entries = (await _context.Store.ReadManyAsync(keys, ChangesQuery.MaxBytes)).Entries;
        (Entry[] whole, Seen there) = Unchanged(found, entries, static entry => entry.Version);
        return LookOf(page, whole, null, there, entries.Count < found.Count ? found[entries.Count - 1].Sequence : page.Upto);
    }

    // What is read after the index may be of a later moment. A key that has changed again is left out: its change comes later. One
    // that is gone was a delete that is forgotten.
    private static (T[] Shown, Seen Seen) Unchanged<T>(IReadOnlyList<IndexedChange> found, IReadOnlyList<T?> read, Func<T, LogPoint> versionOf)
        where T : class
    {
        var shown = new List<T>(read.Count);
        Seen seen = default;
        for (int i = 0; i < read.Count; i++)
        {
            if (read[i] is not { } now)
            {
                seen = seen with { Forgotten = found[i].Sequence };
            }
            else if (versionOf(now) is var version && version.Sequence == found[i].Sequence)
            {
                shown.Add(now);
            }
            else
            {
                seen = seen with { Latest = version > seen.Latest ? version : seen.Latest };
            }
        }

        return ([.. shown], seen);
    }

    private static ChangeLook LookOf(ChangeIndexPage page, Entry[] entries, EntryHead[]? heads, Seen seen, long upto) => new(
        entries,
        heads,
        upto,
        page.IsWhole && upto == page.Upto,
        page.Applied,
        seen.Latest > page.Applied ? seen.Latest : page.Applied,
        page.Epochs,
        Math.Max(page.Floor, seen.Forgotten));

    /// <summary>What was seen of later moments than that of the index.</summary>
    /// <param name="Latest">The latest version that a key has got since.</param>
    /// <param name="Forgotten">The sequence of the latest delete that is forgotten.</param>
    private readonly record struct Seen(LogPoint Latest, long Forgotten);
}
