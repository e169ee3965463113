namespace Diststore.Core;

/// <summary>
/// The primary's log: what is ordered, persisted here, committed and applied. The commit point is what this store and everyone whose
/// answer is needed have persisted; the store applies up to there. For the node's scheduler.
/// </summary>
internal sealed class PrimaryLog
{
    private readonly NodeContext _context;
    private readonly PrimaryStanding _standing;
    private readonly Action _advance;
    private readonly Action _onApplied;
    private readonly long _tookOver; // the end of what was there when this node became the primary

    private long _persisted;
    private bool _isApplying;

    /// <param name="context">What the node works with.</param>
    /// <param name="standing">Whether it still is the primary.</param>
    /// <param name="advance">Called when this store has persisted or applied more.</param>
    /// <param name="onApplied">Called each time that more is applied, before that.</param>
    public PrimaryLog(NodeContext context, PrimaryStanding standing, Action advance, Action onApplied)
    {
        _context = context;
        _standing = standing;
        _advance = advance;
        _onApplied = onApplied;
        StoreState state = context.Store.State;

        // A new primary takes its whole pending log as written, and answers nothing as primary before all is applied.
        Tail = new LogTail(state.Applied);
        foreach (Batch batch in state.Pending)
        {
            Tail.Add(batch);
        }

        Epochs = state.EpochsWithPending;
        Last = state.Last;
        _persisted = _tookOver = state.Last.Sequence;
        Applied = state.Applied.Sequence;
        Committed = state.Applied;
    }

    /// <summary>The newest batches, to be sent to the other master.</summary>
    public LogTail Tail { get; }

    /// <summary>Which epoch gave which sequences, all that is ordered included.</summary>
    public EpochHistory Epochs { get; private set; }

    /// <summary>The last point that is ordered.</summary>
    public LogPoint Last { get; private set; }

    /// <summary>The last point that all have persisted whose answer is needed.</summary>
    public LogPoint Committed { get; private set; }

    /// <summary>The last sequence that the store has applied.</summary>
    public long Applied { get; private set; }

    /// <summary>Whether all is applied that was there when this node became the primary.</summary>
    public bool HasAppliedWhatItTookOver => Applied >= _tookOver;

    /// <summary>Puts a batch at the end of the log.</summary>
    public void Add(Batch batch)
    {
        Last = batch.Last;
        Epochs = Epochs.With(batch.First.Epoch, batch.First.Sequence);
        Tail.Add(batch);
    }

    /// <summary>
    /// Has this store persist a batch. The append is queued in this very call, so before the store hears of any later view.
    /// </summary>
    public async Task PersistAsync(Batch batch)
    {
        AppendResult result = await _context.Store.AppendAsync(_standing.View.Epoch, batch);
        if (result.Status != AppendStatus.Persisted)
        {
            // Own batches are queued before a higher epoch is, so this store is not what this role believes it to be.
            throw new StoreFailedException($"the store took an own batch as {result.Status} at {result.Last}");
        }

        _persisted = Math.Max(_persisted, batch.Last.Sequence);
        _advance();
    }

    /// <summary>Moves the commit point to what this store and the others have persisted, and applies up to there.</summary>
    /// <param name="persistedByOthers">What everyone else has whose answer is needed; the highest number where nobody's is.</param>
    public void Commit(long persistedByOthers)
    {
        long committed = Math.Min(_persisted, persistedByOthers);
        if (committed > Committed.Sequence)
        {
            Committed = Tail.EndAtOrBefore(committed);
        }

        if (Applied < Committed.Sequence && !_isApplying)
        {
            _isApplying = true;
            _context.Watch(ApplyAsync());
        }
    }

    private async Task ApplyAsync()
    {
        while (!_standing.HasEnded && Applied < Committed.Sequence)
        {
            StoreState state = await _context.Store.ApplyAsync(Committed);
            if (state.Applied.Sequence <= Applied)
            {
                throw new StoreFailedException($"the store does not apply {Committed}; it stands at {state.Applied}");
            }

            Applied = state.Applied.Sequence;
            if (!_standing.HasEnded)
            {
                _onApplied();
            }
        }

        _isApplying = false;
        Tail.Trim(Applied);
        _advance();
    }
}
