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
            IReadOnlyList<Entry> expired = MayOrder
                ? await _context.Store.ReadExpiredAsync(_context.Time.GetUtcNow(), MaxSweptAtOnce)
                : [];
            PendingWrite[] sweep = [.. expired.Select(entry => new PendingWrite(new Write(entry.Key, null), _context.Instruments, entry.Version))];
            if (MayOrder)
            {
                Array.ForEach(sweep, Enqueue);
                await Task.WhenAll(sweep.Select(static write => write.Reply));
            }

            if (sweep.Length < MaxSweptAtOnce)
            {
                await _context.Delay(SweepPeriod);
            }
        }
    }
}
