using System.Globalization;
using System.Text;

namespace Diststore.Core;

/// <summary>
/// Forgets requests that were remembered for long enough: orders, under one internal key, the sequence up to which their memories are void.
/// What counts is how long the primary has held a sequence applied, by its monotonic clock and from taking over at the earliest: no wall clock
/// makes anybody forget too soon, and after a change of the primary all are remembered for longer. Where no memory would become void nothing
/// is ordered. For the node's scheduler.
/// </summary>
internal sealed class MemoryRetention(NodeContext context, PrimaryStanding standing, PrimaryLog log, WriteOrder writes)
{
    /// <summary>While so many are remembered, void ones that are not removed yet among them, a request that would be one more is refused.</summary>
    public const long MaxMemories = 1_000_000;

    // Moments that are noted within one retention: so much later than it has to be is anything forgotten, and never sooner.
    private const int MaxNoted = 1000;

    private static readonly TimeSpan LeastPeriod = TimeSpan.FromSeconds(1);

    private readonly Queue<(long Sequence, long At)> _held = new(); // applied then, ascending
    private readonly NodeInstruments _uncounted = new(context.Settings.Name, meters: null); // no user asked for what is written here
    private bool _hasMore = true; // since the last note memories may have been applied; at first those that were there before
    private long _due; // held for long enough, and not surely void

    private TimeSpan Retention => context.Settings.IdempotencyRetention;

    /// <summary>Forgets until the role ends.</summary>
    public async Task RunAsync()
    {
        TimeSpan period = Retention / MaxNoted > LeastPeriod ? Retention / MaxNoted : LeastPeriod;
        while (!standing.HasEnded)
        {
            await ForgetAsync();
            await context.Delay(period);
        }
    }

    /// <summary>A batch is applied.</summary>
    public void OnApplied(Batch batch) => _hasMore |= batch.Entries.Any(static entry => InternalKeys.IsMemory(entry.Key));

    /// <summary>Notes what is applied now, and orders that what was applied for long enough is void.</summary>
    public async Task ForgetAsync()
    {
        Note();
        long upto = 0;
        while (_held.TryPeek(out (long Sequence, long At) oldest) && context.Time.GetElapsedTime(oldest.At) >= Retention)
        {
            upto = _held.Dequeue().Sequence;
        }

        // What is not held any more was void before. What cannot be ordered now is ordered later, though nothing may be noted after it.
        StoreState state = context.Store.State;
        _due = state.Memories == 0 ? 0 : Math.Max(_due, upto);
        if (_due > state.VoidUpto && standing.TakesWrites)
        {
            await OrderAsync(_due);
        }
    }

    private void Note()
    {
        if (standing.IsReady && _hasMore && context.Store.State.Memories > 0)
        {
            _hasMore = false;
            _held.Enqueue((log.Applied, context.Time.GetTimestamp()));
        }
    }

    private Task<WriteReply> OrderAsync(long upto)
    {
        byte[] row = Encoding.ASCII.GetBytes(upto.ToString(CultureInfo.InvariantCulture));
        return writes.PutInLineAsync(new PendingWrite(Transaction.Of(new Write(InternalKeys.VoidUpto, row)), _uncounted));
    }
}
