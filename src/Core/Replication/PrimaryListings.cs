namespace Diststore.Core;

/// <summary>The primary's pages of keys. For the node's scheduler.</summary>
internal sealed class PrimaryListings(NodeContext context, PrimaryStanding standing, Confirmation confirmation)
{
    /// <summary>
    /// Pages that are made at once, for askers that may have gone meanwhile; who comes beyond them is told so. A page with values may hold one
    /// of the largest size, and counts as <see cref="ValuesWeight"/>.
    /// </summary>
    public const int MaxListings = 64;

    private const int ValuesWeight = 8;

    // Scans of one count: each looks at a bounded number of rows, and others have their turn in between.
    private const int MaxCountScans = 16;

    private int _listing;

    /// <summary>A page; null when this node is not surely the primary.</summary>
    public async Task<ListResult?> ListAsync(ListQuery query)
    {
        int weight = query.Shows == ListShows.Values ? ValuesWeight : 1;
        if (_listing + weight > MaxListings)
        {
            return new ListResult(
                false, [], null, default, context.Settings.Name, $"the primary makes {MaxListings} pages of keys already; ask again later", IsBusy: true);
        }

        _listing += weight;
        try
        {
            if (query.IsStrong ? !standing.IsReady || !await confirmation.ConfirmAsync() : !await confirmation.IsCurrentAsync(context.Settings.MaxStaleness))
            {
                return null;
            }

            ListResult page = await (query.Shows switch
            {
                ListShows.Values => ShowValuesAsync(query),
                ListShows.Count => CountAsync(query),
                _ => ShowKeysAsync(query),
            });
            return standing.HasEnded ? null : page;
        }
        finally
        {
            _listing -= weight;
        }
    }

    private async Task<ListResult> ShowKeysAsync(ListQuery query)
    {
        HeadPage page = await ScanPageAsync(query);
        return Page(page, [.. page.Heads.Select(static head => Listed(head))]);
    }

    // The values are read after the keys were found: one may be newer than the page's point, and a key may be gone. Who goes on with the changes
    // after that point hears of both.
    private async Task<ListResult> ShowValuesAsync(ListQuery query)
    {
        HeadPage page = await ScanPageAsync(query);
        ManyEntries read = await context.Store.ReadManyAsync([.. page.Heads.Select(static head => head.Key)], ListQuery.MaxBytes);
        DateTimeOffset now = context.Time.GetUtcNow();
        ListedKey[] keys =
        [
            .. read.Entries.OfType<Entry>()
                .Where(entry => !entry.IsTombstone && !entry.HasExpired(now))
                .Select(static entry => Listed(EntryHead.Of(entry), entry.Value)),
        ];
        int given = read.Entries.Count;
        return Page(given < page.Heads.Length ? page with { Next = page.Heads[given - 1].Key } : page, keys);
    }

    private async Task<ListResult> CountAsync(ListQuery query)
    {
        long count = 0, bytes = 0;
        HeadPage page = new([], query.After, default);
        for (int scan = 0; scan < MaxCountScans && (scan == 0 || page.Next is not null); scan++)
        {
            page = await ScanAsync(query, page.Next, int.MaxValue, int.MaxValue);
            count += page.Heads.Length;
            bytes += page.Heads.Sum(static head => (long)head.ValueBytes);
        }

        return Page(page, []) with { Count = count, ValueBytes = bytes };
    }

    private ValueTask<HeadPage> ScanAsync(ListQuery query, string? after, int limit, int maxBytes) =>
        context.Store.ScanHeadsAsync(new HeadScan(query.Prefix, after, limit, maxBytes, context.Time.GetUtcNow()));

    private ValueTask<HeadPage> ScanPageAsync(ListQuery query) =>
        ScanAsync(query, query.After, Math.Clamp(query.Limit, 1, ListQuery.MaxLimit), ListQuery.MaxBytes);

    private static ListedKey Listed(EntryHead head, byte[]? value = null) =>
        new(head.Key, head.Version, head.ValueBytes, head.ContentType, head.ExpiresAt, value);

    private ListResult Page(HeadPage page, ListedKey[] keys) => new(true, keys, page.Next, page.Applied, context.Settings.Name);
}
