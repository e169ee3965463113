namespace Diststore.Core;

/// <summary>A write that waits at the primary, and the one answer that it will get.</summary>
/// <param name="write">What is asked for.</param>
/// <param name="instruments">Count the answer.</param>
/// <param name="expired">Set by the sweep: the version to be made a tombstone, if it still is the newest.</param>
internal sealed class PendingWrite(Write write, NodeInstruments instruments, LogPoint? expired = null)
{
    // Plain on purpose: continuations go back to the scheduler that awaits them.
    private readonly TaskCompletionSource<WriteReply> _reply = new();

    public Write Write => write;

    public LogPoint? Expired => expired;

    public Task<WriteReply> Reply => _reply.Task;

    /// <summary>What it will be answered once what it was judged by is committed.</summary>
    public WriteStatus Judged { get; private set; }

    /// <summary>Whether it was refused by what it was judged by, so that it has no sequence.</summary>
    public bool IsRefused => Judged is WriteStatus.NotFound or WriteStatus.ConditionFailed;

    public LogPoint Version { get; set; }

    public int SizeBytes => write.SizeBytes;

    /// <summary>Judges it by the newest state of its key.</summary>
    public void JudgeBy(EntryHead? newest, DateTimeOffset now)
    {
        if (expired is { } version)
        {
            Judged = newest?.Version == version && newest.HasExpired(now) ? WriteStatus.Deleted : WriteStatus.NotFound;
            return;
        }

        LogPoint? live = newest is null || newest.IsTombstone ? null : newest.Version;
        Judged = write.Condition?.Holds(live) == false ? WriteStatus.ConditionFailed
            : write.Value is not null ? live is null ? WriteStatus.Created : WriteStatus.Replaced
            : live is null ? WriteStatus.NotFound
            : WriteStatus.Deleted;
    }

    /// <summary>Answers, unless it has been answered.</summary>
    public void Answer(WriteStatus status, MasterView? view, string? detail = null)
    {
        if (!_reply.TrySetResult(new WriteReply(status, status <= WriteStatus.Deleted ? Version : default, view, detail)))
        {
            return;
        }

        if (expired is null)
        {
            instruments.WriteAnswered(status);
        }
        else if (status == WriteStatus.Deleted)
        {
            instruments.EntryExpired();
        }
    }
}

/// <summary>Writes that were judged together, and the sequence that has to be applied before they are answered.</summary>
/// <param name="Writes">The writes, refused ones among them.</param>
/// <param name="Sequence">The end of the log after them.</param>
/// <param name="WroteNothing">All were refused: the answer needs a confirmation too.</param>
/// <param name="Batch">What was ordered, if anything.</param>
internal sealed record JudgedWrites(IReadOnlyList<PendingWrite> Writes, long Sequence, bool WroteNothing, Batch? Batch);
