namespace Diststore.Core;

/// <summary>
/// Writes on their way through the primary: they wait, are judged by the newest state and get their sequences, and are answered once
/// what they were judged by is committed and applied. For the node's scheduler.
/// </summary>
internal sealed class WriteOrder
{
    /// <summary>
    /// Batches that are ordered and not yet applied. While one is under way all that comes gathers in the next; with more of
    /// them at once each would be smaller, and each costs every master a sync and both a message.
    /// </summary>
    private const int MaxBatchesUnderWay = 1;

    private readonly NodeContext _context;
    private readonly PrimaryStanding _standing;
    private readonly PrimaryLog _log;
    private readonly Confirmation _confirmation;
    private readonly Action<Batch> _onOrdered;
    private readonly Action<Batch> _onApplied;
    private readonly WaitingWrites _waiting = new();
    private readonly Queue<JudgedWrites> _judged = new();
    private readonly NewestEntries _newest;
    private readonly Signal _work = new();

    /// <param name="context">What the node works with.</param>
    /// <param name="standing">Whether it may order.</param>
    /// <param name="log">Where batches go.</param>
    /// <param name="confirmation">Asked for where nothing was written.</param>
    /// <param name="onOrdered">Called with each batch that is in the log now, to have it persisted everywhere.</param>
    /// <param name="onApplied">Called with each batch that is applied, before its writes are answered.</param>
    public WriteOrder(
        NodeContext context, PrimaryStanding standing, PrimaryLog log, Confirmation confirmation, Action<Batch> onOrdered, Action<Batch> onApplied)
    {
        _context = context;
        _standing = standing;
        _log = log;
        _confirmation = confirmation;
        _onOrdered = onOrdered;
        _onApplied = onApplied;
        _newest = new NewestEntries(context.Store);
        foreach (Batch batch in context.Store.State.Pending)
        {
            _newest.Remember(batch);
            _judged.Enqueue(new JudgedWrites([], batch.Last.Sequence, WroteNothing: false, batch));
        }
    }

    /// <summary>Whether nothing is ordered that is not answered yet.</summary>
    public bool IsIdle => _judged.Count == 0;

    /// <summary>Takes a write. Completes once it is acknowledged, refused or given up.</summary>
    public Task<WriteReply> WriteAsync(WriteRequest request)
    {
        var write = new PendingWrite(request.Transaction, _context.Instruments);
        if (_standing.HasEnded || request.Epoch != _standing.View.Epoch)
        {
            write.Answer(WriteStatus.NotPrimary, _standing.Newest);
        }
        else if (_standing.WhyRefused is { } reason)
        {
            write.Answer(WriteStatus.Refused, _standing.View, reason);
        }
        else
        {
            return PutInLineAsync(write);
        }

        return write.Reply;
    }

    /// <summary>Puts a write in line, and gives its answer; one for which there is no room is answered so.</summary>
    public Task<WriteReply> PutInLineAsync(PendingWrite write)
    {
        if (_waiting.TryAdd(write))
        {
            _work.Set();
        }
        else
        {
            write.Answer(WriteStatus.Overloaded, _standing.View, "too many writes are waiting");
        }

        return write.Reply;
    }

    /// <summary>Whether it may order has changed.</summary>
    public void Wake() => _work.Set();

    /// <summary>Orders until the role ends. While a batch is under way the next one gathers: all that wait go into it.</summary>
    public async Task RunAsync()
    {
        while (!_standing.HasEnded)
        {
            if (!_standing.MayOrder || _waiting.IsEmpty || _judged.Count >= MaxBatchesUnderWay)
            {
                await _work.WaitAsync();
                continue;
            }

            await OrderAsync(_waiting.TakeBatch());
        }
    }

    /// <summary>Answers what is applied.</summary>
    public void AnswerApplied()
    {
        while (_judged.TryPeek(out JudgedWrites? judged) && judged.Sequence <= _log.Applied)
        {
            _judged.Dequeue();
            if (judged.Batch is { } batch)
            {
                _newest.Forget(batch);
                _onApplied(batch);
            }

            if (judged.WroteNothing || _confirmation.NeedsRegistry)
            {
                _context.Watch(AnswerConfirmedAsync(judged));
            }
            else
            {
                Answer(judged);
            }
        }

        _work.Set();
    }

    /// <summary>
    /// Everybody who waits hears that nothing comes any more. What has no sequence was surely not done; what has one and is not
    /// acknowledged may yet stand.
    /// </summary>
    public void FailAll(string reason, WriteStatus ofWhatWasNotDone)
    {
        foreach (PendingWrite write in _waiting.TakeAll())
        {
            write.Answer(ofWhatWasNotDone, _standing.Newest, reason);
        }

        foreach (PendingWrite write in _judged.SelectMany(static judged => judged.Writes))
        {
            write.Answer(write.Verdict!.Wrote ? WriteStatus.Unknown : ofWhatWasNotDone, _standing.Newest, reason);
        }

        _judged.Clear();
        _work.Set();
    }

    // Judges writes against the newest state, pending included, and orders those that write. Reads may have to wait for
    // the disk, so whether ordering is still allowed is asked after them, and nothing is awaited from there on.
    private async Task OrderAsync(List<PendingWrite> writes)
    {
        Dictionary<string, Newest> newest;
        try
        {
            newest = await _newest.ReadAsync(writes.SelectMany(static write => write.Keys));
            int fitting = BatchPlan.Fitting(writes, newest, _context.Time.GetUtcNow());
            _waiting.PutBack(writes[fitting..]);
            writes.RemoveRange(fitting, writes.Count - fitting);
            await _newest.ReadValuesAsync(newest, BatchPlan.KeysOfValues(writes, newest));
        }
        catch (StoreFailedException)
        {
            // Whatever else becomes of this node, these were surely not done.
            writes.ForEach(unordered => unordered.Answer(WriteStatus.NotPrimary, _standing.Newest, "the primary's store has failed"));
            throw;
        }

        if (!_standing.MayOrder)
        {
            writes.ForEach(write => write.Answer(WriteStatus.NotPrimary, _standing.Newest));
            return;
        }

        if (_standing.WhyNotAcknowledged is { } reason)
        {
            writes.ForEach(write => write.Answer(WriteStatus.Refused, _standing.View, reason));
            return;
        }

        Order(writes, newest);
    }

    private void Order(List<PendingWrite> writes, Dictionary<string, Newest> newest)
    {
        StoreState state = _context.Store.State;
        bool isFull = _context.Settings.DataMaxBytes is > 0 and long most && state.LiveBytes >= most;
        var limits = new WriteLimits(isFull, RemembersNoMore: state.Memories >= MemoryRetention.MaxMemories, state.VoidUpto);
        var draft = new BatchDraft(newest, _log.Last, _standing.View.Epoch, _context.Time.GetUtcNow(), limits);
        foreach (PendingWrite write in writes)
        {
            write.Verdict = draft.Judge(write);
        }

        Batch? batch = draft.ToBatch();
        if (batch is not null)
        {
            _log.Add(batch);
            _newest.Remember(batch);
            _context.Instruments.BatchOrdered();
        }

        _judged.Enqueue(new JudgedWrites(writes, _log.Last.Sequence, batch is null, batch));
        if (batch is null)
        {
            AnswerApplied();
        }
        else
        {
            _onOrdered(batch);
        }
    }

    private async Task AnswerConfirmedAsync(JudgedWrites judged)
    {
        if (await _confirmation.ConfirmAsync())
        {
            Answer(judged);
            return;
        }

        foreach (PendingWrite write in judged.Writes)
        {
            WriteStatus status = write.Verdict!.Wrote ? WriteStatus.Unknown : WriteStatus.NotPrimary;
            write.Answer(status, _standing.Newest, "whether this node is still the primary could not be confirmed");
        }
    }

    private void Answer(JudgedWrites judged)
    {
        string? whyNot = _standing.WhyNotAcknowledged;
        foreach (PendingWrite write in judged.Writes)
        {
            if (whyNot is null)
            {
                write.AnswerAsJudged(_standing.View);
            }
            else
            {
                write.Answer(write.Verdict!.Wrote ? WriteStatus.Unknown : WriteStatus.Refused, _standing.View, whyNot);
            }
        }
    }
}
