namespace Diststore.Core;

/// <summary>
/// Expiry: the primary alone compares wall clocks, and turns what has expired into tombstones. For the node's scheduler.
/// </summary>
internal sealed class ExpirySweep(NodeContext context, PrimaryStanding standing, WriteOrder writes)
{
    /// <summary>Entries that one round of the sweep turns into tombstones.</summary>
    private const int MaxSweptAtOnce = 1024;

    private static readonly TimeSpan SweepPeriod = TimeSpan.FromSeconds(1);

    /// <summary>Sweeps until the role ends. Costs what expires and not what exists: the store has an index by time.</summary>
    public async Task RunAsync()
    {
        while (!standing.HasEnded)
        {
            IReadOnlyList<EntryHead> expired = standing.MayOrder
                ? await context.Store.ReadExpiredAsync(context.Time.GetUtcNow(), MaxSweptAtOnce)
                : [];

            // Where nothing could be ordered (too few are in sync, say), asking again at once would only burn the processor.
            bool wasSwept = await ExpireAsync(expired);
            if (expired.Count < MaxSweptAtOnce || !wasSwept)
            {
                await context.DelayToTurn(SweepPeriod);
            }
        }
    }

    /// <summary>Orders the tombstones of entries whose time is up, and waits for them. False where ordering was not allowed.</summary>
    public async Task<bool> ExpireAsync(IReadOnlyList<EntryHead> expired)
    {
        if (!standing.MayOrder)
        {
            return false;
        }

        WriteReply[] replies = await Task.WhenAll(expired.Select(entry =>
            writes.PutInLineAsync(new PendingWrite(Transaction.Of(new Write(entry.Key, null)), context.Instruments, entry.Version))));
        return replies.All(static reply => reply.Status is WriteStatus.Deleted or WriteStatus.NotFound);
    }
}
