using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>A store's state in short, from one moment between two write operations.</summary>
/// <param name="HighestEpoch">The highest epoch seen.</param>
/// <param name="View">The newest view remembered.</param>
/// <param name="History">The history that the content belongs to; empty before the first.</param>
/// <param name="Epochs">Which sequence each epoch of the applied state began at.</param>
/// <param name="Applied">The last applied write; the mark where the content came by syncing.</param>
/// <param name="Pending">The batches persisted beyond it, in order.</param>
/// <param name="Floor">Changes at or below this sequence may be incomplete: tombstones were forgotten.</param>
/// <param name="IsWhole">False from the start of a full sync until its last change.</param>
/// <param name="Cursor">Where a full sync stands, if one is under way.</param>
/// <param name="Candidate">Whom this node asked to add to the in-sync set.</param>
/// <param name="Entries">How many applied entries are no tombstones.</param>
/// <param name="LocalEntries">How many local-only entries there are.</param>
/// <param name="LiveBytes">Bytes of the keys (as UTF-8) and values of all applied entries that are no tombstones.</param>
/// <param name="LocalBytes">The same of all local-only entries.</param>
/// <param name="Pulled">Up to where changes were pulled beyond the mark, if a pull of them is under way; of <paramref name="History"/>.</param>
public sealed record StoreState(
    long HighestEpoch,
    MasterView? View,
    Guid History,
    EpochHistory Epochs,
    LogPoint Applied,
    ImmutableList<Batch> Pending,
    long Floor,
    bool IsWhole,
    SyncCursor? Cursor,
    MasterId? Candidate,
    long Entries,
    long LocalEntries,
    long LiveBytes,
    long LocalBytes,
    LogPoint? Pulled = null)
{
    // What was written after a backup has used the epochs that would come next.
    private const int EpochsSkipped = 1000;

    /// <summary>An empty store's.</summary>
    public static StoreState Empty { get; } = new(
        0, null, Guid.Empty, EpochHistory.Empty, LogPoint.Zero, ImmutableList<Batch>.Empty, 0, true, null, null, 0, 0, 0, 0);

    /// <summary>The end of the log.</summary>
    public LogPoint Last => Pending.Count > 0 ? Pending[^1].Last : Applied;

    /// <summary>From where a sync may go on with changes: what was pulled, else the mark; zero where only everything will do.</summary>
    public LogPoint SyncsFrom => Pulled ?? (IsWhole ? Applied : LogPoint.Zero);

    /// <summary>
    /// How a store takes a local-only entry of so many bytes in the place of <paramref name="old"/> of them, if there was one:
    /// the same for every store. What does not grow is always taken.
    /// </summary>
    public WriteOutcome JudgeLocal(long? old, long bytes, long maxBytes)
    {
        long growth = bytes - (old ?? 0);
        return growth > 0 && growth > maxBytes - LocalBytes ? WriteOutcome.OverQuota
            : old is null ? WriteOutcome.Created
            : WriteOutcome.Replaced;
    }

    /// <summary>The state after a local-only entry of <paramref name="old"/> bytes became one of <paramref name="bytes"/>; null is none.</summary>
    public StoreState WithLocal(long? old, long? bytes) => this with
    {
        LocalEntries = LocalEntries + (bytes is null ? 0 : 1) - (old is null ? 0 : 1),
        LocalBytes = LocalBytes + (bytes ?? 0) - (old ?? 0),
    };

    /// <summary>
    /// How a store takes a batch: the fence, the same for every store. Refused when the message's
    /// <paramref name="epoch"/> is below the highest seen; persisted when it continues the log or is held already.
    /// </summary>
    public AppendStatus Judge(long epoch, Batch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (epoch < HighestEpoch)
        {
            return AppendStatus.StaleEpoch;
        }

        bool isHeld = batch.Before == Last || Epochs.Contains(batch.Last, Applied) || Pending.Exists(held => held.Last == batch.Last);
        return IsWhole && isHeld ? AppendStatus.Persisted : AppendStatus.Gap;
    }

    /// <summary>
    /// The pending batches that stay when the mark moves to <paramref name="applied"/>: one of an earlier stream may have
    /// come in while changes were pulled, and counts only if it continues there.
    /// </summary>
    public ImmutableList<Batch> PendingAfter(LogPoint applied)
    {
        int next = Pending.FindIndex(batch => batch.Before == applied);
        return next < 0 ? ImmutableList<Batch>.Empty : Pending.RemoveRange(0, next);
    }

    /// <summary>The epoch history up to <see cref="Last"/>.</summary>
    public EpochHistory EpochsWithPending =>
        Pending.Aggregate(Epochs, static (epochs, batch) => epochs.With(batch.First.Epoch, batch.First.Sequence));

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
        };
    }

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
            };
    }

    /// <summary>
    /// The state once a page of changes is taken. Only one that reaches what the primary has applied moves the mark there; another
    /// says up to where changes were pulled, so that a sync which starts again goes on from there.
    /// </summary>
    public StoreState AfterChanges(ChangePage page)
    {
        ArgumentNullException.ThrowIfNull(page);
        return page.IsWhole
            ? this with
            {
                Applied = page.Applied,
                Epochs = page.Epochs,
                Floor = Math.Max(Floor, page.Floor),
                IsWhole = true,
                Cursor = null,
                Pulled = null,
                Pending = PendingAfter(page.Applied),
            }
            : this with { Pulled = page.Epochs.PointAt(page.Upto) ?? Pulled };
    }

    /// <summary>
    /// The state in which the content is the start of another history. Where a sync had not ended, the mark lies below what is
    /// held: the highest sequence held is taken for it, so that none is given twice, and nobody may sync from below.
    /// </summary>
    public StoreState StartHistory(Guid history, LogPoint highest)
    {
        StoreState started = this with { History = history, IsWhole = true, Cursor = null, Pulled = null };
        return highest.Sequence <= Applied.Sequence
            ? started
            : started with
            {
                Epochs = Epochs.With(highest.Epoch, highest.Sequence),
                Applied = highest,
                Pending = PendingAfter(highest),
                Floor = Math.Max(Floor, highest.Sequence),
            };
    }
}
