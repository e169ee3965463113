namespace Diststore.Core;

/// <summary>
/// A write, from the node that it was posted to: on to the primary, which orders it. Tried again only where the answer
/// proves that nothing was done. For the node's scheduler.
/// </summary>
internal sealed class WritePath(NodeContext context, Partition partition, PrimaryFinder finder)
{
    private const string OutcomeUnknown = "the primary did not answer; whether the write was done is not known";

    private readonly WriteTurns _turns = new(2 * context.Settings.ReplyTimeout, context.Time);

    /// <summary>A stall while the primary loses its peer fits in; beyond it the outcome is not known.</summary>
    public TimeSpan AnswerTimeout => 4 * context.Settings.ReplyTimeout;

    private string Name => context.Settings.Name;

    /// <summary>Does all of it, or nothing.</summary>
    public async Task<WriteResult> WriteAsync(Transaction transaction)
    {
        string? why = null;
        long sent = 0;
        if (await finder.AskPrimaryAsync<WriteReply>(SendOnceAsync, poster: Name) is { } answer)
        {
            return Result(transaction, answer, sent);
        }

        string missing = finder.Missing is { Length: > 0 } names ? $"; no master in sync is alive, {names} must come back" : "";
        return new WriteResult(
            WriteOutcome.Unavailable, default, Name, $"there is no primary now; nothing was done{(why is null ? "" : $" ({why})")}{missing}");

        async Task<Attempt<WriteReply>> SendOnceAsync(MasterView view)
        {
            sent = context.Time.GetTimestamp();
            WriteReply? reply = await SendInTurnAsync(view, new WriteRequest(view.Epoch, transaction));
            if (reply is null)
            {
                // The primary is reported, and the write is not tried again.
                finder.OnPrimaryFailed(view, null);
                return new WriteReply(WriteStatus.Unknown, default, null, OutcomeUnknown);
            }

            if (reply.Status == WriteStatus.NotPrimary)
            {
                why = reply.Detail;
                return Attempt<WriteReply>.Failed(reply.View);
            }

            return reply;
        }
    }

    // What goes to another node takes its turn.
    private async Task<WriteReply?> SendInTurnAsync(MasterView view, WriteRequest request)
    {
        if (view.Primary == context.Self)
        {
            return await SendAsync(view, request);
        }

        int bytes = request.Transaction.SizeBytes;
        if (!await _turns.TakeAsync(bytes))
        {
            return new WriteReply(WriteStatus.Overloaded, default, view, WriteTurns.Refusal);
        }

        try
        {
            return await SendAsync(view, request);
        }
        finally
        {
            _turns.Give(bytes);
        }
    }

    // Null: the outcome is unknown.
    private async Task<WriteReply?> SendAsync(MasterView view, WriteRequest request)
    {
        try
        {
            Task<WriteReply> reply = view.Primary == context.Self
                ? WriteHereAsync(view, request)
                : context.Transport.Peer(view.Primary.Name).WriteAsync(request);
            return await reply.WaitAsync(AnswerTimeout, context.Time, context.Stopping);
        }
        catch (NodeNotFoundException)
        {
            // It was not even sent.
            return new WriteReply(WriteStatus.NotPrimary, default, null);
        }
        catch (Exception e)
        {
            // Also when this node stops meanwhile: whoever posted is told that the outcome is unknown.
            context.Log.CallLost(view.Primary.Name, e.Message);
            return null;
        }
    }

    private async Task<WriteReply> WriteHereAsync(MasterView view, WriteRequest request)
    {
        await partition.Views.AdoptAsync(view);
        return partition.Primary is { } primary
            ? await primary.WriteAsync(request)
            : new WriteReply(WriteStatus.NotPrimary, default, partition.Views.Newest);
    }

    private WriteResult Result(Transaction transaction, WriteReply reply, long sent)
    {
        WriteResult result = Result(reply, Name);
        partition.Copies.OnWritten(transaction, result, context.Time.GetElapsedTime(sent));
        return result;
    }

    /// <summary>What the primary's answer says to a user.</summary>
    public static WriteResult Result(WriteReply reply, string node)
    {
        WriteOutcome outcome = reply.Status switch
        {
            WriteStatus.Created => WriteOutcome.Created,
            WriteStatus.Replaced => WriteOutcome.Replaced,
            WriteStatus.Deleted => WriteOutcome.Deleted,
            WriteStatus.NotFound => WriteOutcome.NotFound,
            WriteStatus.Overloaded => WriteOutcome.Busy,
            WriteStatus.Refused => WriteOutcome.Unavailable,
            WriteStatus.ConditionFailed => WriteOutcome.ConditionFailed,
            WriteStatus.OverQuota => WriteOutcome.OverQuota,
            WriteStatus.Done => WriteOutcome.Done,
            WriteStatus.Conflict => WriteOutcome.Conflict,
            WriteStatus.TooLarge => WriteOutcome.TooLarge,
            WriteStatus.KeyReused => WriteOutcome.KeyReused,
            _ => WriteOutcome.Unknown,
        };
        return new WriteResult(
            outcome, reply.Version, node, reply.Detail, reply.View?.History ?? Guid.Empty, reply.Results, reply.Failed, reply.IsReplay);
    }
}
