using System.Globalization;
using System.Text;

namespace Diststore.Core;

/// <summary>
/// Forgets requests that were remembered for long enough: orders, under one internal key, the sequence up to which their memories are void.
/// What counts is how long the primary has held a sequence applied, by its monotonic clock and from taking over at the earliest: no wall clock
/// makes anybody forget too soon, and after a change of the primary all are remembered for longer. For the node's scheduler.
/// </summary>
internal sealed class MemoryRetention(NodeContext context, PrimaryStanding standing, PrimaryLog log, WriteOrder writes)
{
    /// <summary>While so many are remembered, void ones that are not removed yet among them, a request that would be one more is refused.</summary>
    public const long MaxMemories = 1_000_000;

    // Moments that are noted within one retention: so much later than it has to be is anything forgotten, and never sooner.
    private const int MaxNoted = 1000;

    private static readonly TimeSpan LeastPeriod = TimeSpan.FromSeconds(1);

    private readonly Queue<(long Sequence, long At)> _held = new(); // applied then, ascending
    private long _noted = -1;

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

    /// <summary>Notes what is applied now, and orders that what was applied for long enough is void. Where nothing is remembered nothing is ordered.</summary>
    public async Task ForgetAsync()
    {
        Note();
        long upto = 0;
        while (_held.TryPeek(out (long Sequence, long At) oldest) && context.Time.GetElapsedTime(oldest.At) >= Retention)
        {
            upto = _held.Dequeue().Sequence;
        }

        if (upto > 0 && context.Store.State is { Memories: > 0, VoidUpto: var already } && upto > already && standing.MayOrder)
        {
            await OrderAsync(upto);
        }
    }

    private void Note()
    {
        if (standing.IsReady && context.Store.State.Memories > 0 && log.Applied > _noted)
        {
            _noted = log.Applied;
            _held.Enqueue((_noted, context.Time.GetTimestamp()));
        }
    }

    // One that is refused, or lost, is followed by the next.
    private Task<WriteReply> OrderAsync(long upto)
    {
        byte[] row = Encoding.ASCII.GetBytes(upto.ToString(CultureInfo.InvariantCulture));
        var write = new PendingWrite(Transaction.Of(new Write(InternalKeys.VoidUpto, row)), context.Instruments);
        writes.PutInLine(write);
        return write.Reply;
    }
}
