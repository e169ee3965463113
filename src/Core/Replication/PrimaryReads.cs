namespace Diststore.Core;

/// <summary>What only a primary may say of a key. For the node's scheduler.</summary>
internal sealed class PrimaryReads(
    NodeContext context,
    Partition partition,
    PrimaryStanding standing,
    PrimaryLog log,
    Confirmation confirmation,
    ExpirySweep expiry,
    FollowSource followers)
{
    // Each but the last met an entry whose time was up.
    internal const int MaxFetchRounds = 3;

    /// <summary>What the masters have under each key, or that they have nothing; nothing for those that do not fit into one answer.</summary>
    public async Task<FetchReply?[]> FetchAsync(FetchRequest[] requests)
    {
        for (int round = 0; round < MaxFetchRounds; round++)
        {
            bool isCurrent = requests.Any(request => request.IsStrong || log.Applied < request.MinSequence)
                ? standing.IsReady && await confirmation.ConfirmAsync()
                : await confirmation.IsCurrentAsync(requests.Min(static request => request.MaxAge));
            ServedState served = partition.Served;
            Guid history = standing.View.History;
            LogPoint applied = context.Store.State.Applied;
            IReadOnlyList<Entry?> entries = isCurrent ? await ReadAsync(requests) : [];
            if (!isCurrent || standing.HasEnded)
            {
                break;
            }

            var shown = new Shown(history, applied, served.Age(context.Time), context.Time.GetUtcNow());
            EntryHead[] expired =
            [
                .. entries.Where((entry, i) => requests[i].IsStrong && shown.HasExpired(entry)).Select(static entry => EntryHead.Of(entry!)),
            ];
            if (expired.Length == 0)
            {
                return [.. requests.Select((request, i) => i < entries.Count ? Reply(request, entries[i], shown) : null)];
            }

            // By another clock, after a change of the primary, their time may not be up.
            await expiry.ExpireAsync(expired);
        }

        return [.. requests.Select(_ => new FetchReply(FetchStatus.CannotTell, View: standing.Newest))];
    }

    /// <summary>
    /// Many keys from one state and by one reading of the clock, confirmed to be the primary's. Of entries whose time is up the tombstones are
    /// ordered first, and another state is read: by another clock, after a change of the primary, their time may not be up.
    /// </summary>
    public async Task<SnapshotReply> ReadSnapshotAsync(ManyQuery query)
    {
        string name = context.Settings.Name;
        for (int round = 0; round < MaxFetchRounds; round++)
        {
            if (!standing.IsReady || !await confirmation.ConfirmAsync() || standing.HasEnded)
            {
                return SnapshotReply.Without(SnapshotStatus.CannotTell, name, standing.Newest);
            }

            ServedState served = partition.Served;
            ManyEntries read = await context.Store.ReadSnapshotAsync(query.Keys, query.EntryBytes(ManyQuery.MaxValueBytes));
            if (standing.HasEnded)
            {
                return SnapshotReply.Without(SnapshotStatus.CannotTell, name, standing.Newest);
            }

            DateTimeOffset now = context.Time.GetUtcNow();
            Entry?[] shown = [.. read.Entries.Select(static entry => entry is { IsTombstone: false } ? entry : null)];
            EntryHead[] expired = [.. shown.OfType<Entry>().Where(entry => entry.HasExpired(now)).Select(EntryHead.Of).DistinctBy(static head => head.Key)];
            if (expired.Length == 0)
            {
                shown = shown[..ManyResult.Fit(shown, ManyQuery.MaxValueBytes)];
                return new SnapshotReply(SnapshotStatus.Given, shown, shown.Length, name, Age: served.Age(context.Time));
            }

            await expiry.ExpireAsync(expired);
        }

        return SnapshotReply.Without(SnapshotStatus.NotSettled, name);
    }

    private async ValueTask<IReadOnlyList<Entry?>> ReadAsync(FetchRequest[] requests) => requests.Length == 1
        ? [await context.Store.ReadAsync(requests[0].Key)]
        : (await context.Store.ReadManyAsync([.. requests.Select(static request => request.Key)], Batches.MaxAnswerBytes)).Entries;

    private FetchReply Reply(FetchRequest request, Entry? entry, in Shown shown) => entry is { IsTombstone: false } && !shown.HasExpired(entry)
        ? new FetchReply(FetchStatus.Found, entry, null, entry.ExpiresAt - shown.Now, shown.Applied, shown.Age, History: shown.History)
        : new FetchReply(
            FetchStatus.NotFound, CurrentAt: shown.Applied, Age: shown.Age, LocalHolders: request.NamesHolders ? followers.NameLocalHolders() : null);

    // The state that the entries of one answer are of.
    private readonly record struct Shown(Guid History, LogPoint Applied, TimeSpan Age, DateTimeOffset Now)
    {
        public bool HasExpired(Entry? entry) => entry is { IsTombstone: false } && entry.HasExpired(Now);
    }
}
