namespace Diststore.Core;

/// <summary>
/// Deletes by prefix, from the node that was asked: page after page by the primary, whoever that is, until all are gone, or as many as were
/// asked for, or the time of one request is over. Deleting a key twice does no harm, so a page that broke off is asked for again. For the
/// node's scheduler.
/// </summary>
internal sealed class PrefixDeletes(NodeContext context, Partition partition, PrimaryFinder finder, TimeSpan answerTimeout)
{
    private string Name => context.Settings.Name;

    // After that it ends, if it has deleted anything: it is asked to go on.
    private TimeSpan Patience => 2 * context.Settings.ReplyTimeout;

    public async Task<PrefixDeleteResult> DeleteAsync(PrefixDelete asked)
    {
        long started = context.Time.GetTimestamp();
        long deleted = 0;
        string? after = null;
        while (true)
        {
            int limit = (int)Math.Min(asked.Limit - deleted, PrimaryDeletes.MaxKeys);
            PrefixDeleteReply? reply = await finder.AskPrimaryAsync<PrefixDeleteReply>(view => AskOnceAsync(view, asked.Prefix, after, limit));
            if (reply is not { Status: WriteStatus.Done })
            {
                return Failed(reply, deleted);
            }

            (deleted, after) = (deleted + reply.Deleted, reply.Next);
            TimeSpan passed = context.Time.GetElapsedTime(started);
            bool isOver = passed >= (deleted > 0 ? Patience : answerTimeout);
            if (after is null || deleted >= asked.Limit || isOver)
            {
                return new PrefixDeleteResult(WriteOutcome.Done, deleted, after is not null, Name);
            }
        }

        async Task<Attempt<PrefixDeleteReply>> AskOnceAsync(MasterView view, string prefix, string? from, int limit)
        {
            PrefixDeleteReply? reply = await SendAsync(view, new PrefixDeleteRequest(view.Epoch, prefix, from, limit));
            if (reply is null)
            {
                finder.OnPrimaryFailed(view, null);
                return new PrefixDeleteReply(WriteStatus.Unknown, 0, from, null, "the primary did not answer");
            }

            deleted += reply.Status == WriteStatus.Done ? 0 : reply.Deleted;
            return reply.Status == WriteStatus.NotPrimary ? Attempt<PrefixDeleteReply>.Failed(reply.View) : reply;
        }
    }

    private PrefixDeleteResult Failed(PrefixDeleteReply? reply, long deleted)
    {
        WriteOutcome outcome = reply?.Status switch
        {
            // What was deleted before is gone: to say that nothing was done would be wrong.
            null or WriteStatus.Refused or WriteStatus.NotPrimary => deleted > 0 ? WriteOutcome.Unknown : WriteOutcome.Unavailable,
            WriteStatus.Overloaded => deleted > 0 ? WriteOutcome.Unknown : WriteOutcome.Busy,
            _ => WriteOutcome.Unknown,
        };
        string why = reply?.Detail ?? "there is no primary now";
        return new PrefixDeleteResult(outcome, deleted, true, Name, $"{why}; {deleted} keys were deleted before; ask again");
    }

    // Null: nobody knows what became of it.
    private async Task<PrefixDeleteReply?> SendAsync(MasterView view, PrefixDeleteRequest request)
    {
        if (view.Primary == context.Self)
        {
            await partition.Views.AdoptAsync(view);
        }

        return await context.AskAsync(view.Primary.Name, peer => peer.DeletePageAsync(request), answerTimeout);
    }
}
