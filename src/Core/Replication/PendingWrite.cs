namespace Diststore.Core;

/// <summary>A write that waits at the primary, and the one answer that it will get.</summary>
internal sealed class PendingWrite(WriteRequest request)
{
    // Plain on purpose: continuations go back to the scheduler that awaits them.
    private readonly TaskCompletionSource<WriteReply> _reply = new();

    public WriteRequest Request => request;

    public Task<WriteReply> Reply => _reply.Task;

    /// <summary>What it will be answered once what it was judged by is committed.</summary>
    public WriteStatus Judged { get; set; }

    public LogPoint Version { get; set; }

    public int SizeBytes => Entry.OverheadBytes + (2 * request.Key.Length) + (request.Value?.Length ?? 0);

    public void Answer(WriteStatus status, MasterView? view, string? detail = null) =>
        _reply.TrySetResult(new WriteReply(status, status <= WriteStatus.Deleted ? Version : default, view, detail));
}

/// <summary>Writes that were judged together, and the sequence that has to be applied before they are answered.</summary>
/// <param name="Writes">The writes, refused ones among them.</param>
/// <param name="Sequence">The end of the log after them.</param>
/// <param name="WroteNothing">All were refused: the answer needs a confirmation too.</param>
/// <param name="Batch">What was ordered, if anything.</param>
internal sealed record JudgedWrites(IReadOnlyList<PendingWrite> Writes, long Sequence, bool WroteNothing, Batch? Batch);
