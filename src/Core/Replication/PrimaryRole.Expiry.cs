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
            await ExpireAsync(expired);
            if (expired.Count < MaxSweptAtOnce)
            {
                await _context.Delay(SweepPeriod);
            }
        }
    }

    // Orders the tombstones of entries whose time is up, and waits for them. Nothing, where ordering is not allowed now.
    private async Task ExpireAsync(IReadOnlyList<EntryHead> expired)
    {
        if (MayOrder)
        {
            PendingWrite[] sweep = [.. expired.Select(entry => new PendingWrite(new Write(entry.Key, null), _context.Instruments, entry.Version))];
            Array.ForEach(sweep, Enqueue);
            await Task.WhenAll(sweep.Select(static write => write.Reply));
        }
    }
}
