namespace Diststore.Core;

/// <summary>
/// What this node holds local-only, and what it says of it. With each question what has changed a node says whether it holds
/// any such entry, so that a read which the masters cannot answer is put only to those that may. Who has said "none" has to be
/// heard saying "some" before a read of its next entry can be relied on, so that is when it is acknowledged. For the node's
/// scheduler.
/// </summary>
internal sealed class LocalOnlyEntries(NodeContext context)
{
    /// <summary>Entries that may wait to be acknowledged, beside the one that is stored; more are refused before they are.</summary>
    public const int MaxWaiting = 1024;

    // Waits hold by this node's clock, what they wait for ends by another's: two clocks' rates differ by less than this part.
    private const double ClockMargin = 1.0 / 16;
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(1);

    private long _number;
    private long _none; // the number of the last "none"
    private int _changing; // entries on their way, to the store or to their acknowledgement, and deletes

    // When "none" was last said. A former process of this name may have said so until this one began.
    private long _noneAt = context.Time.GetTimestamp();

    // When a primary was first known to have heard "some" since then.
    private long? _heardAt;

    /// <summary>Has the primary asked, and so told, soon.</summary>
    public Action? Ask { get; set; }

    /// <summary>Whether there is any entry, or may be one: deletes count when they are done.</summary>
    private bool HoldsAny => _changing > 0 || context.Store.State.LocalEntries > 0;

    /// <summary>How long what is heard of other nodes counts, by this node's clock and with a margin for theirs.</summary>
    private TimeSpan Bound => context.Settings.LocalOnlyBound * (1 + ClockMargin);

    /// <summary>Stores an entry. Completes once every read that begins then finds it, whichever node it is asked of.</summary>
    public async Task<WriteResult> PutAsync(Entry entry)
    {
        string name = context.Settings.Name;
        if (_changing >= MaxWaiting && !IsKnown)
        {
            return new WriteResult(WriteOutcome.Unavailable, default, name, "too many local-only entries wait to be acknowledged");
        }

        _changing++;
        try
        {
            WriteOutcome outcome = await context.Store.PutLocalAsync(entry, context.Settings.LocalMaxBytes);
            if (outcome == WriteOutcome.OverQuota)
            {
                return new WriteResult(outcome, default, name, "this node would hold more local-only than Data:LocalMaxBytes allows");
            }

            await UntilKnownAsync();
            return new WriteResult(outcome, default, name);
        }
        catch (OperationCanceledException) when (context.Stopping.IsCancellationRequested)
        {
            return new WriteResult(WriteOutcome.Unknown, default, name, "the node stops; the entry is stored, but other nodes may not find it yet");
        }
        finally
        {
            _changing--;
        }
    }

    /// <summary>Removes an entry; false where there is none.</summary>
    public async Task<bool> DeleteAsync(string key)
    {
        _changing++;
        try
        {
            return await context.Store.DeleteLocalAsync(key);
        }
        finally
        {
            _changing--;
        }
    }

    /// <summary>What to say now, with what the primary told last.</summary>
    public LocalSaying Say(ToldMoment told)
    {
        bool holdsAny = HoldsAny;
        _number++;
        if (!holdsAny)
        {
            (_none, _noneAt, _heardAt) = (_number, context.Time.GetTimestamp(), null);
        }

        return new LocalSaying(context.Settings.Name, context.Self.ProcessId, _number, holdsAny, told);
    }

    /// <summary>A primary that was surely that has heard what was said.</summary>
    public void OnHeard(LocalSaying saying)
    {
        if (saying.HoldsAny && saying.Number > _none)
        {
            _heardAt ??= context.Time.GetTimestamp();
        }
    }

    private bool IsKnown => Left() <= TimeSpan.Zero;

    // A bound after "some" was heard no earlier primary's word counts any more, nor, two bounds after the last "none" was
    // said, anybody's who heard that.
    private TimeSpan Left()
    {
        TimeSpan unheard = (2 * Bound) - context.Time.GetElapsedTime(_noneAt);
        TimeSpan heard = _heardAt is { } at ? Bound - context.Time.GetElapsedTime(at) : TimeSpan.MaxValue;
        return heard < unheard ? heard : unheard;
    }

    private async Task UntilKnownAsync()
    {
        if (_heardAt is null && !IsKnown)
        {
            Ask?.Invoke();
        }

        // What is heard meanwhile shortens it; nothing lengthens it, for "none" is not said while an entry waits.
        while (Left() is var left && left > TimeSpan.Zero)
        {
            TimeSpan pause = Bound / 8 < LongestPause ? Bound / 8 : LongestPause;

            // Timers count whole milliseconds, rounded down: what is left of one would be no wait at all.
            await context.Delay((left < pause ? left : pause) + ShortestPause);
        }
    }
}
