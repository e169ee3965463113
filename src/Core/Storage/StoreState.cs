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
/// <param name="CandidateEpoch">The epoch that the candidate was remembered in.</param>
/// <param name="Memories">How many rows remember a request, void ones among them; they count for nothing else.</param>
/// <param name="VoidUpto">What remembers a request, and was ordered at this sequence or before, is void.</param>
/// <param name="VoidRemoved">Of what is void nothing is left at this sequence or before.</param>
public sealed partial record StoreState(
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
    LogPoint? Pulled = null,
    long CandidateEpoch = 0,
    long Memories = 0,
    long VoidUpto = 0,
    long VoidRemoved = 0)
{
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
    /// The state once a batch is taken that was judged <see cref="AppendStatus.Persisted"/>: at the end of the log, unless it is held already;
    /// then it is this very state.
    /// </summary>
    public StoreState WithAppended(Batch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return batch.Before == Last ? this with { Pending = Pending.Add(batch) } : this;
    }

    /// <summary>
    /// The state without the pending batches that are not in the log of the primary of <paramref name="epoch"/>; <see langword="null"/>, and
    /// nothing is dropped, where a higher epoch was seen.
    /// </summary>
    /// <param name="epoch">The message's epoch.</param>
    /// <param name="history">Which epoch gave which sequences of that log.</param>
    /// <param name="end">Where it ends.</param>
    public StoreState? AlignedTo(long epoch, EpochHistory history, LogPoint end)
    {
        ArgumentNullException.ThrowIfNull(history);
        if (epoch < HighestEpoch)
        {
            return null;
        }

        int foreign = Pending.FindIndex(batch => !history.Contains(batch.Last, end));
        return foreign < 0 ? this : this with { Pending = Pending.RemoveRange(foreign, Pending.Count - foreign) };
    }

    /// <summary>
    /// The pending batches that a commit point says are to be applied, in order, and the state once they are. None, and this very state,
    /// where it is no end of a pending batch: it is of another log, or applied already.
    /// </summary>
    public (ImmutableList<Batch> Applied, StoreState Next) ApplyUpTo(LogPoint commit)
    {
        int count = 1 + Pending.FindIndex(batch => batch.Last == commit);
        if (count == 0)
        {
            return (ImmutableList<Batch>.Empty, this);
        }

        ImmutableList<Batch> applied = Pending.GetRange(0, count);
        StoreState next = this with
        {
            Epochs = applied.Aggregate(Epochs, static (epochs, batch) => epochs.With(batch.First.Epoch, batch.First.Sequence)),
            Applied = commit,
            Pending = Pending.RemoveRange(0, count),
            VoidUpto = applied.Aggregate(VoidUpto, VoidAfter),
        };
        return (applied, next);
    }

    private static long VoidAfter(long before, Batch batch)
    {
        foreach (Entry entry in batch.Entries)
        {
            before = entry.Key == InternalKeys.VoidUpto ? Math.Max(before, InternalKeys.VoidUptoOf(entry)) : before;
        }

        return before;
    }

    /// <summary>
    /// The state in which a view is remembered, if it is newer than the one before. Whoever is its primary begins its history with what is held.
    /// </summary>
    /// <param name="view">The view.</param>
    /// <param name="asPrimary">Whether the store's node is its primary.</param>
    /// <param name="highest">Finds the highest version that is held; asked where a history begins.</param>
    public StoreState Adopted(MasterView view, bool asPrimary, Func<LogPoint> highest)
    {
        ArgumentNullException.ThrowIfNull(view);
        ArgumentNullException.ThrowIfNull(highest);
        bool begins = asPrimary && view.Epoch >= HighestEpoch && view.History != History;
        return (begins ? StartHistory(view.History, highest()) : this) with
        {
            HighestEpoch = Math.Max(HighestEpoch, view.Epoch),
            View = View is null || view.Epoch > View.Epoch ? view : View,
            Candidate = view.Epoch > CandidateEpoch ? null : Candidate,
        };
    }

    /// <summary>The state in which it is remembered whom this node asks to add to the in-sync set; the same where a higher epoch was seen.</summary>
    public StoreState WithCandidate(long epoch, MasterId candidate) =>
        epoch < HighestEpoch ? this : this with { Candidate = candidate, CandidateEpoch = epoch };

    /// <summary>The epoch history up to <see cref="Last"/>.</summary>
    public EpochHistory EpochsWithPending =>
        Pending.Aggregate(Epochs, static (epochs, batch) => epochs.With(batch.First.Epoch, batch.First.Sequence));
}
