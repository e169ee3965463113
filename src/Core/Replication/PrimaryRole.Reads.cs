using System.Collections.Immutable;

namespace Diststore.Core;

/// <content>What only a primary may say.</content>
internal sealed partial class PrimaryRole
{
    // Each but the last met an entry whose time was up.
    private const int MaxFetchRounds = 3;

    // Changed keys of one answer to a node that follows.
    private const int MaxFollowedChanges = 4096;

    // A node that asks for older changes than are at hand, and for more of them than so many bytes of entries, jumps.
    private const int MaxFollowBytes = 64 << 10;

    // Pages of keys that are made at once, for askers that may have gone meanwhile; who comes beyond them is told so.
    internal const int MaxListings = 64;

    private int _listing;

    /// <summary>What the masters have under a key, or that they have nothing.</summary>
    public async Task<FetchReply> FetchAsync(FetchRequest request)
    {
        for (int round = 0; round < MaxFetchRounds; round++)
        {
            bool isCurrent = request.IsStrong || _applied < request.MinSequence
                ? IsReady && (PlantedBugs.Has(PlantedBug.StrongWithoutConfirmation) || await ConfirmAsync())
                : await IsCurrentAsync(request.MaxAge);
            ServedState served = _partition.Served;
            Guid history = _view.History;
            LogPoint applied = _context.Store.State.Applied;
            Entry? entry = isCurrent ? await _context.Store.ReadAsync(request.Key) : null;
            if (!isCurrent || _ended)
            {
                break;
            }

            TimeSpan age = served.Age(_context.Time);
            DateTimeOffset now = _context.Time.GetUtcNow();
            if (entry is { IsTombstone: false } && !entry.HasExpired(now))
            {
                return new FetchReply(FetchStatus.Found, entry, null, entry.ExpiresAt - now, applied, age, History: history);
            }

            // By another clock, after a change of the primary, its time may not be up.
            if (entry is { IsTombstone: false } && request.IsStrong)
            {
                await ExpireAsync([EntryHead.Of(entry)]);
                continue;
            }

            string[]? holders = request.NamesHolders ? NameLocalHolders() : null;
            return new FetchReply(FetchStatus.NotFound, CurrentAt: applied, Age: age, LocalHolders: holders);
        }

        return new FetchReply(FetchStatus.CannotTell, View: _partition.Newest);
    }

    /// <summary>What changed since the point up to which a node follows, and how fresh that is.</summary>
    public async Task<FollowReply> FollowAsync(FollowRequest request)
    {
        Hear(request.Local);
        FollowReply reply = await TellChangesAsync(request);

        // Again, for the table of a view that may have begun meanwhile.
        Hear(request.Local);
        return reply with { Told = _localHolders.Now };
    }

    private async Task<FollowReply> TellChangesAsync(FollowRequest request)
    {
        if (!IsMeant() || !await IsCurrentAsync(_context.Settings.MaxStaleness / 3) || !IsMeant())
        {
            return new FollowReply(false, _partition.Newest, [], default, false, false, default);
        }

        if (request.IsMaster)
        {
            return Followed([], _recent.End, isWhole: true);
        }

        bool isKnown = request.Since is not null && request.History == _view.History && _epochs.Contains(request.Since.Value, _recent.End);
        if (!isKnown)
        {
            return Jump();
        }

        long since = request.Since!.Value.Sequence;
        if (_recent.Reach(since))
        {
            ImmutableArray<ChangedKey> changes = _recent.After(since, MaxFollowedChanges);
            LogPoint upto = changes.IsEmpty ? _recent.End : changes[^1].Version;
            return Followed(changes, upto, isWhole: upto == _recent.End);
        }

        ChangePage page = await _context.Store.ReadChangesAsync(since, MaxFollowBytes);
        return _ended ? new FollowReply(false, _partition.Newest, [], default, false, false, default)
            : since < page.Floor || !page.IsWhole
            ? Jump()
            : Followed([.. page.Entries.Select(static entry => new ChangedKey(entry.Key, entry.Version))], page.Applied, isWhole: true);

        // A commit point counts only within one view.
        bool IsMeant() => !request.IsMaster || request.Epoch == _view.Epoch || PlantedBugs.Has(PlantedBug.CommitByNumber);
    }

    /// <summary>A page of keys; null when this node is not surely the primary.</summary>
    public async Task<ListResult?> ListAsync(ListQuery query)
    {
        if (_listing >= MaxListings)
        {
            return new ListResult(
                false, [], null, default, _context.Settings.Name, $"the primary makes {MaxListings} pages of keys already; ask again later", IsBusy: true);
        }

        _listing++;
        try
        {
            if (query.IsStrong ? !IsReady || !await ConfirmAsync() : !await IsCurrentAsync(_context.Settings.MaxStaleness))
            {
                return null;
            }

            HeadPage page = await _context.Store.ScanHeadsAsync(new HeadScan(
                query.Prefix, query.After, Math.Clamp(query.Limit, 1, ListQuery.MaxLimit), ListQuery.MaxBytes, _context.Time.GetUtcNow()));
            ListedKey[] keys = [.. page.Heads.Select(static head => new ListedKey(head.Key, head.Version, head.ValueBytes, head.ContentType))];
            return _ended ? null : new ListResult(true, keys, page.Next, page.Applied, _context.Settings.Name);
        }
        finally
        {
            _listing--;
        }
    }

    private FollowReply Followed(ImmutableArray<ChangedKey> changes, LogPoint upto, bool isWhole) =>
        new(true, _view, changes, upto, isWhole, Jumps: false, _partition.Served.Age(_context.Time), Clock: _context.Time.GetUtcNow());

    private FollowReply Jump() => Followed([], _recent.End, isWhole: true) with { Jumps = true };

    private void Hear(LocalSaying? saying)
    {
        if (saying is not null)
        {
            _localHolders.Hear(saying);
        }
    }

    private string[]? NameLocalHolders() =>
        _localHolders.Name(_context.Transport.Members, _context.Settings.Name, _partition.Locals.Say(default).HoldsAny);
}
