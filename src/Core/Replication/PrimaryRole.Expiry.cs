namespace Diststore.Core;

/// <content>Expiry: the primary alone compares wall clocks, and turns what has expired into tombstones.</content>
internal sealed partial class PrimaryRole
{
    /// <summary>Entries that one round of the sweep turns into tombstones.</summary>
    private const int MaxSweptAtOnce = 1024;

    private static readonly TimeSpan SweepPeriod = TimeSpan.FromSeconds(1);

    // Costs what expires and not what exists: the store has an index by time.
    private async Task ExpireLoopAsync()
    {
        while (!_ended)
        {
            IReadOnlyList<EntryHead> expired = MayOrder
                ? await _context.Store.ReadExpiredAsync(_context.Time.GetUtcNow(), MaxSweptAtOnce)
                : [];

            // Where nothing could be ordered (too few are in sync, say), asking again at once would only burn the processor.
            bool wasSwept = await ExpireAsync(expired);
            if (expired.Count < MaxSweptAtOnce || !wasSwept)
            {
                await _context.Delay(SweepPeriod);
            }
        }
    }

    // Orders the tombstones of entries whose time is up, and waits for them. False where ordering was not allowed.
    private async Task<bool> ExpireAsync(IReadOnlyList<EntryHead> expired)
    {
        if (!MayOrder)
        {
            return false;
        }

        PendingWrite[] sweep = [.. expired.Select(entry => new PendingWrite(new Write(entry.Key, null), _context.Instruments, entry.Version))];
        Array.ForEach(sweep, PutInLine);
        WriteReply[] replies = await Task.WhenAll(sweep.Select(static write => write.Reply));
        return replies.All(static reply => reply.Status is WriteStatus.Deleted or WriteStatus.NotFound);
    }
}
