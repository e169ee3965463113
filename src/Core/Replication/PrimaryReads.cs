namespace Diststore.Core;

/// <summary>What only a primary may say of a key, and of all keys. For the node's scheduler.</summary>
internal sealed class PrimaryReads(
    NodeContext context,
    Partition partition,
    PrimaryStanding standing,
    PrimaryLog log,
    Confirmation confirmation,
    ExpirySweep expiry,
    FollowSource followers)
{
    /// <summary>Pages of keys that are made at once, for askers that may have gone meanwhile; who comes beyond them is told so.</summary>
    public const int MaxListings = 64;

    // Each but the last met an entry whose time was up.
    private const int MaxFetchRounds = 3;

    private int _listing;

    /// <summary>What the masters have under a key, or that they have nothing.</summary>
    public async Task<FetchReply> FetchAsync(FetchRequest request)
    {
        for (int round = 0; round < MaxFetchRounds; round++)
        {
            bool isCurrent = request.IsStrong || log.Applied < request.MinSequence
                ? standing.IsReady && await confirmation.ConfirmAsync()
                : await confirmation.IsCurrentAsync(request.MaxAge);
            ServedState served = partition.Served;
            Guid history = standing.View.History;
            LogPoint applied = context.Store.State.Applied;
            Entry? entry = isCurrent ? await context.Store.ReadAsync(request.Key) : null;
            if (!isCurrent || standing.HasEnded)
            {
                break;
            }

            TimeSpan age = served.Age(context.Time);
            DateTimeOffset now = context.Time.GetUtcNow();
            if (entry is { IsTombstone: false } && !entry.HasExpired(now))
            {
                return new FetchReply(FetchStatus.Found, entry, null, entry.ExpiresAt - now, applied, age, History: history);
            }

            // By another clock, after a change of the primary, its time may not be up.
            if (entry is { IsTombstone: false } && request.IsStrong)
            {
                await expiry.ExpireAsync([EntryHead.Of(entry)]);
                continue;
            }

            string[]? holders = request.NamesHolders ? followers.NameLocalHolders() : null;
            return new FetchReply(FetchStatus.NotFound, CurrentAt: applied, Age: age, LocalHolders: holders);
        }

        return new FetchReply(FetchStatus.CannotTell, View: standing.Newest);
    }

    /// <summary>A page of keys; null when this node is not surely the primary.</summary>
    public async Task<ListResult?> ListAsync(ListQuery query)
    {
        if (_listing >= MaxListings)
        {
            return new ListResult(
                false, [], null, default, context.Settings.Name, $"the primary makes {MaxListings} pages of keys already; ask again later", IsBusy: true);
        }

        _listing++;
        try
        {
            if (query.IsStrong ? !standing.IsReady || !await confirmation.ConfirmAsync() : !await confirmation.IsCurrentAsync(context.Settings.MaxStaleness))
            {
                return null;
            }

            HeadPage page = await context.Store.ScanHeadsAsync(new HeadScan(
                query.Prefix, query.After, Math.Clamp(query.Limit, 1, ListQuery.MaxLimit), ListQuery.MaxBytes, context.Time.GetUtcNow()));
            ListedKey[] keys = [.. page.Heads.Select(static head => new ListedKey(head.Key, head.Version, head.ValueBytes, head.ContentType))];
            return standing.HasEnded ? null : new ListResult(true, keys, page.Next, page.Applied, context.Settings.Name);
        }
        finally
        {
            _listing--;
        }
    }
}
