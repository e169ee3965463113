using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>
/// The other master's side: persists what the primary sends, applies what is committed. Messages name the process that
/// they mean and carry the sender's view; a higher one is adopted before judging, and a refusal carries this node's.
/// </summary>
internal sealed class ReplicaRole(NodeContext context, Partition partition)
{
    private Task _applying = Task.CompletedTask;

    /// <summary>Persists a batch that continues the log.</summary>
    public async Task<ReplicateReply> ReplicateAsync(ReplicateRequest request)
    {
        if (!await IsMeantAsync(request.View, request.To) || !TakesBatches())
        {
            return RefusedBatch();
        }

        AppendResult result = await context.Store.AppendAsync(request.View.Epoch, request.Batch);
        switch (result.Status)
        {
            case AppendStatus.Persisted:
                await ApplyAsync(request.View, request.Commit);
                return new ReplicateReply(ReplicateStatus.Persisted, request.Batch.Last, null);
            case AppendStatus.Gap:
                return new ReplicateReply(ReplicateStatus.Gap, result.Last, null);
            default:
                return RefusedBatch();
        }
    }

    /// <summary>Drops what is not in the primary's log, and says where this log ends then.</summary>
    public async Task<ReplicateReply> AlignAsync(AlignRequest request)
    {
        if (!await IsMeantAsync(request.View, request.To) || partition.Role != NodeRole.Secondary)
        {
            return RefusedBatch();
        }

        return await context.Store.AlignAsync(request.View.Epoch, request.History, request.End)
            ? new ReplicateReply(ReplicateStatus.Persisted, context.Store.State.Last, null)
            : RefusedBatch();
    }

    /// <summary>Applies up to the commit point.</summary>
    public async Task<MasterReply> CommitAsync(CommitRequest request)
    {
        if (!await IsMeantAsync(request.View, request.To) || !TakesBatches())
        {
            return new MasterReply(false, partition.Views.Newest);
        }

        await ApplyAsync(request.View, request.Commit);
        return new MasterReply(true, null);
    }

    /// <summary>Whether the primary's epoch still stands here.</summary>
    public async Task<MasterReply> ConfirmAsync(ConfirmRequest request) =>
        await IsMeantAsync(request.View, request.To) && TakesBatches()
            ? new MasterReply(true, null)
            : new MasterReply(false, partition.Views.Newest);

    /// <summary>
    /// Takes the primary's answer to this master's question: what is committed is applied, and then this master is current as
    /// of that moment. Only the answer of the primary of this very view counts.
    /// </summary>
    public async Task<bool> FollowAsync(MasterView view, FollowReply reply, AsOf sent, AsOf currentAsOf)
    {
        if (reply.View?.Epoch != view.Epoch)
        {
            return false;
        }

        await ApplyAsync(view, reply.Upto);
        bool isWhole = partition.Views.IsActingIn(view) && context.Store.State.Applied.Sequence >= reply.Upto.Sequence;
        if (isWhole)
        {
            partition.SeeChangesUpTo(reply.Upto);
            partition.SetCurrentAsOf(currentAsOf, reply.Clock is { } told ? new ToldClock(told, sent) : null);
        }

        return isWhole;
    }

    private async Task<bool> IsMeantAsync(MasterView view, MasterId to)
    {
        if (to != context.Self)
        {
            return false;
        }

        await partition.Views.AdoptAsync(view);
        return partition.Views.IsSettledIn(view.Epoch);
    }

    private bool TakesBatches() =>
        context.Store.State.IsWhole && (partition.Role == NodeRole.Secondary || partition.IsStreaming);

    // One after the other, so that what the store has applied before is among the recent changes when this ends.
    private Task ApplyAsync(MasterView view, LogPoint commit) => _applying = ApplyAsync(_applying, view, commit);

    // A commit point counts only from the primary of the view that this node is in.
    private async Task ApplyAsync(Task before, MasterView view, LogPoint commit)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        if (partition.Views.IsActingIn(view.Epoch) && context.Store.State.Applied.Sequence < commit.Sequence)
        {
            ImmutableList<Batch> pending = context.Store.State.Pending;
            long applied = (await context.Store.ApplyAsync(commit)).Applied.Sequence;
            pending.TakeWhile(batch => batch.Last.Sequence <= applied).ToList().ForEach(partition.OnApplied);
        }
    }

    private ReplicateReply RefusedBatch() => new(ReplicateStatus.Refused, default, partition.Views.Newest);
}
