using System.Collections.Immutable;

namespace Diststore.Core;

/// <content>The rules for content that comes from elsewhere: by syncing, from a backup, or as the start of another history.</content>
public sealed partial record StoreState
{
    // What was written after a backup has used the epochs that would come next.
    private const int EpochsSkipped = 1000;

    /// <summary>
    /// The state in which a sync begins, without pending batches; <see langword="null"/> where it must not: a higher epoch was
    /// seen, or content of which only a part was taken would have to go on with changes. A full sync goes on where an earlier one
    /// of the same history stands.
    /// </summary>
    public StoreState? StartSync(long epoch, SyncKind kind, Guid history)
    {
        if (kind is not (SyncKind.Full or SyncKind.Changes))
        {
            throw new ArgumentOutOfRangeException(nameof(kind), kind, "nothing to start");
        }

        return epoch < HighestEpoch || (kind == SyncKind.Changes && !IsWhole && Pulled is null) ? null
            : kind == SyncKind.Changes ? this with { Pending = ImmutableList<Batch>.Empty }
            : this with
            {
                Pending = ImmutableList<Batch>.Empty,
                History = history,
                Epochs = EpochHistory.Empty,
                Applied = LogPoint.Zero,
                IsWhole = false,
                Cursor = !IsWhole && History == history ? Cursor : null,
                Pulled = null,
                VoidRemoved = 0,
            };
    }

    /// <summary>
    /// Whether a page of a full sync is taken, which goes on after the key <paramref name="after"/>, and the state to go on in if it is not.
    /// Refused: a page of an epoch below the highest seen, one outside of a full sync, one that does not go on where the cursor stands, and one
    /// whose floor has passed the first sequence. Of what changed since then tombstones are forgotten, so this sync cannot end: its
    /// cursor goes, and the next start begins with the first page.
    /// </summary>
    public (bool IsTaken, StoreState Otherwise) JudgePage(long epoch, string? after, KeyPage page)
    {
        ArgumentNullException.ThrowIfNull(page);
        if (epoch < HighestEpoch || IsWhole || (after is not null && after != Cursor?.After))
        {
            return (false, this);
        }

        return after is not null && page.Floor > Cursor!.FirstSequence ? (false, this with { Cursor = null }) : (true, this);
    }

    /// <summary>The state once that page is taken, all that it does not name being removed.</summary>
    public StoreState AfterPage(string? after, KeyPage page)
    {
        ArgumentNullException.ThrowIfNull(page);
        long first = after is null ? page.Applied.Sequence : Cursor!.FirstSequence;
        return this with { Cursor = new SyncCursor(page.LastKey(after), first), Floor = page.More ? Floor : page.Floor };
    }

    /// <summary>
    /// The state once a page of changes is taken; <see langword="null"/> where a higher epoch was seen. Only one that reaches what the
    /// primary has applied moves the mark there; another says up to where changes were pulled, so that a sync which starts again goes on
    /// from there.
    /// </summary>
    public StoreState? AfterChanges(long epoch, ChangePage page)
    {
        ArgumentNullException.ThrowIfNull(page);
        return epoch < HighestEpoch ? null
            : page.IsWhole
            ? this with
            {
                Applied = page.Applied,
                Epochs = page.Epochs,
                Floor = Math.Max(Floor, page.Floor),
                IsWhole = true,
                Cursor = null,
                Pulled = null,
                Pending = PendingAfter(page.Applied),
                VoidUpto = page.VoidUpto,
            }
            : this with { Pulled = page.Epochs.PointAt(page.Upto) ?? Pulled };
    }

    /// <summary>
    /// The last sequence of which a tombstone may be forgotten, where those from <paramref name="keepFrom"/> on are needed. What lies beyond
    /// the mark was taken by a sync that has not ended: the floor must not pass the mark.
    /// </summary>
    public long ForgetsUpTo(long keepFrom) => Math.Min(keepFrom - 1, Applied.Sequence);

    /// <summary>The state in which tombstones up to that sequence are forgotten.</summary>
    public StoreState WithFloor(long forgotten) => this with { Floor = Math.Max(Floor, forgotten) };

    /// <summary>
    /// Up to where rows of what is void may be removed: not while a full sync is under way, whose pages may bring older ones than were looked
    /// at, nor beyond the mark.
    /// </summary>
    public long RemovesVoidUpTo => IsWhole ? Math.Min(VoidUpto, Applied.Sequence) : 0;

    /// <summary>Whether there may be such rows.</summary>
    public bool HasVoid => VoidRemoved < RemovesVoidUpTo;

    /// <summary>The state in which none of them is left at that sequence or before.</summary>
    public StoreState WithVoidRemoved(long upto) => this with { VoidRemoved = Math.Max(VoidRemoved, Math.Min(upto, RemovesVoidUpTo)) };

    /// <summary>
    /// The state in which the content is the start of another history. Where a sync had not ended, the mark lies below what is
    /// held: the highest sequence held is taken for it, so that none is given twice, and nobody may sync from below. Of what was done
    /// then only a part may be there, so what remembers requests is void.
    /// </summary>
    public StoreState StartHistory(Guid history, LogPoint highest)
    {
        StoreState started = this with { History = history, IsWhole = true, Cursor = null, Pulled = null };
        bool isPart = !IsWhole || highest.Sequence > Applied.Sequence;
        started = highest.Sequence <= Applied.Sequence
            ? started
            : started with
            {
                Epochs = Epochs.With(highest.Epoch, highest.Sequence),
                Applied = highest,
                Pending = PendingAfter(highest),
                Floor = Math.Max(Floor, highest.Sequence),
            };
        return isPart ? started with { VoidUpto = started.Last.Sequence } : started;
    }

    /// <summary>
    /// The state of a store that a backup of this one is restored to: without a view, of a history of its own, and as if it had seen
    /// the epochs that the lost future may have used.
    /// </summary>
    /// <param name="history">Random.</param>
    /// <param name="skipped">Epochs skipped besides the first thousand, random: the same backup may be restored twice.</param>
    public StoreState Restored(Guid history, int skipped)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(skipped);
        return Empty with
        {
            HighestEpoch = HighestEpoch + EpochsSkipped + skipped,
            History = history,
            Epochs = Epochs,
            Applied = Applied,
            Floor = Floor,
            Entries = Entries,
            LiveBytes = LiveBytes,
            Memories = Memories,
            VoidUpto = VoidUpto,
            VoidRemoved = VoidRemoved,
        };
    }

    /// <summary>
    /// The pending batches that stay when the mark moves to <paramref name="applied"/>: one of an earlier stream may have
    /// come in while changes were pulled, and counts only if it continues there.
    /// </summary>
    private ImmutableList<Batch> PendingAfter(LogPoint applied)
    {
        int next = Pending.FindIndex(batch => batch.Before == applied);
        return next < 0 ? ImmutableList<Batch>.Empty : Pending.RemoveRange(0, next);
    }
}
