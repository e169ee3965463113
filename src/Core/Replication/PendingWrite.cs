namespace Diststore.Core;

/// <summary>A request to write that waits at the primary, and the one answer that it will get.</summary>
/// <param name="transaction">What is asked for.</param>
/// <param name="instruments">Count the answer.</param>
/// <param name="expired">Set by the sweep: the version to be made a tombstone, if it still is the newest.</param>
internal sealed class PendingWrite(Transaction transaction, NodeInstruments instruments, LogPoint? expired = null)
{
    // Plain on purpose: continuations go back to the scheduler that awaits them.
    private readonly TaskCompletionSource<WriteReply> _reply = new();

    public Transaction Transaction => transaction;

    public LogPoint? Expired => expired;

    public Task<WriteReply> Reply => _reply.Task;

    /// <summary>What it will be answered once what it was judged by is committed; set once, when it is judged.</summary>
    public WriteVerdict? Verdict { get; set; }

    /// <summary>What it takes while it waits, in bytes.</summary>
    public int SizeBytes { get; } = transaction.SizeBytes;

    /// <summary>How many keys have to be looked at to judge it.</summary>
    public int KeyCount => transaction.KeyCount;

    /// <summary>The keys that have to be looked at to judge it.</summary>
    public IEnumerable<string> Keys
    {
        get
        {
            foreach (Write operation in transaction.Operations)
            {
                yield return operation.Key;
            }

            foreach (KeyCondition condition in transaction.Conditions)
            {
                yield return condition.Key;
            }

            if (transaction.Mark is { } mark)
            {
                yield return mark.Key;
            }
        }
    }

    /// <summary>Answers as it was judged, unless it has been answered.</summary>
    public void AnswerAsJudged(MasterView? view)
    {
        WriteVerdict verdict = Verdict!;
        Answer(new WriteReply(
            verdict.Status,
            verdict.IsAcknowledged ? verdict.Version : default,
            view,
            verdict.Detail,
            verdict.Results,
            verdict.Failed,
            verdict.IsReplay));
    }

    /// <summary>Answers that it is not acknowledged, unless it has been answered.</summary>
    public void Answer(WriteStatus status, MasterView? view, string? detail = null) => Answer(new WriteReply(status, default, view, detail));

    private void Answer(WriteReply reply)
    {
        if (!_reply.TrySetResult(reply))
        {
            return;
        }

        if (expired is null)
        {
            instruments.WriteAnswered(reply.Status);
        }
        else if (reply.Status == WriteStatus.Deleted)
        {
            instruments.EntryExpired();
        }
    }
}

/// <summary>What a request to write was judged to be.</summary>
/// <param name="Status">What became of it.</param>
/// <param name="Version">The last version that it made; of one that is acknowledged without having written, the end of the log then.</param>
/// <param name="Wrote">Whether it has sequences, so that it may stand even if nobody is told.</param>
/// <param name="Results">What became of each operation, where that is more than the version says.</param>
/// <param name="Failed">The conditions that do not hold.</param>
/// <param name="Detail">A sentence for the caller.</param>
/// <param name="IsReplay">Whether this is an earlier answer again.</param>
internal sealed record WriteVerdict(
    WriteStatus Status,
    LogPoint Version = default,
    bool Wrote = false,
    OperationResult[]? Results = null,
    int[]? Failed = null,
    string? Detail = null,
    bool IsReplay = false)
{
    public bool IsAcknowledged => Status is WriteStatus.Created or WriteStatus.Replaced or WriteStatus.Deleted or WriteStatus.Done;
}

/// <summary>Writes that were judged together, and the sequence that has to be applied before they are answered.</summary>
/// <param name="Writes">The writes, refused ones among them.</param>
/// <param name="Sequence">The end of the log after them.</param>
/// <param name="WroteNothing">All were refused: the answer needs a confirmation too.</param>
/// <param name="Batch">What was ordered, if anything.</param>
internal sealed record JudgedWrites(IReadOnlyList<PendingWrite> Writes, long Sequence, bool WroteNothing, Batch? Batch);
