namespace Diststore.Core;

/// <summary>
/// Deletes keys by their prefix, a page at a time: keys are looked for as a listing does it, and their deletes wait in line like any write, some
/// hundred at a time, so that other writers have their turn in between. For the node's scheduler.
/// </summary>
internal sealed class PrimaryDeletes(NodeContext context, PrimaryStanding standing, WriteOrder writes)
{
    /// <summary>The most keys that one page deletes.</summary>
    public const int MaxKeys = 256;

    /// <summary>Pages that are deleted at once; who comes beyond them is told so.</summary>
    public const int MaxPages = 16;

    private int _pages;

    /// <summary>Deletes the next keys; a key that is written meanwhile may go or stay.</summary>
    public async Task<PrefixDeleteReply> DeleteAsync(PrefixDeleteRequest request)
    {
        if (standing.HasEnded || request.Epoch != standing.View.Epoch)
        {
            return new PrefixDeleteReply(WriteStatus.NotPrimary, 0, request.After, standing.Newest);
        }

        if (standing.WhyRefused is { } reason)
        {
            return new PrefixDeleteReply(WriteStatus.Refused, 0, request.After, standing.View, reason);
        }

        if (_pages >= MaxPages)
        {
            return new PrefixDeleteReply(
                WriteStatus.Overloaded, 0, request.After, standing.View, $"the primary deletes {MaxPages} pages of keys already; ask again later");
        }

        _pages++;
        try
        {
            return await DeletePageAsync(request);
        }
        finally
        {
            _pages--;
        }
    }

    private async Task<PrefixDeleteReply> DeletePageAsync(PrefixDeleteRequest request)
    {
        var scan = new HeadScan(request.Prefix, request.After, Math.Clamp(request.Limit, 1, MaxKeys), ListQuery.MaxBytes, context.Time.GetUtcNow());
        HeadPage page = await context.Store.ScanHeadsAsync(scan);
        WriteReply[] replies = await Task.WhenAll(page.Heads.Select(head =>
            writes.PutInLineAsync(new PendingWrite(Transaction.Of(new Write(head.Key, null)), context.Instruments))));
        int deleted = replies.Count(static reply => reply.Status == WriteStatus.Deleted);
        WriteReply? other = Array.Find(replies, static reply => reply.Status is not (WriteStatus.Deleted or WriteStatus.NotFound));
        return other is null
            ? new PrefixDeleteReply(WriteStatus.Done, deleted, page.Next, standing.View)
            : new PrefixDeleteReply(other.Status, deleted, request.After, other.View, other.Detail);
    }
}
