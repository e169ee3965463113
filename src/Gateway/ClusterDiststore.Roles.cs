using Diststore.Contracts;
using Diststore.Core;

namespace Diststore.Gateway;

/// <content>What operators ask for.</content>
internal sealed partial class ClusterDiststore
{
    /// <inheritdoc/>
    public async ValueTask<RoleResult> StepDownAsync(string? node, CancellationToken cancellation = default)
    {
        if (node is null)
        {
            return new RoleResult(RoleOutcome.Refused, "", "a gateway has no role; ?node=NAME says which node is to give its role away");
        }

        (Reached reached, RoleResult? result) = await AtAsync(node, static grain => grain.StepDownAsync());
        return result ?? reached switch
        {
            Reached.NoSuchNode => new RoleResult(RoleOutcome.UnknownNode, ""),
            Reached.NotSent => new RoleResult(RoleOutcome.Unavailable, "", NotSentBecause),
            _ => new RoleResult(RoleOutcome.Unavailable, "", "the node did not answer; look at the cluster again"),
        };
    }

    /// <inheritdoc/>
    public ValueTask<RoleResult> ForceElectionAsync(string node, bool acceptsDataLoss, CancellationToken cancellation = default) =>
        AskOnceAsync(grain => grain.ForceElectionAsync(node, acceptsDataLoss));

    /// <inheritdoc/>
    public ValueTask<RoleResult> MaintainAsync(string node, TimeSpan time, CancellationToken cancellation = default) =>
        AskOnceAsync(grain => grain.MaintainAsync(node, time));

    private async ValueTask<RoleResult> AskOnceAsync(Func<INodeGrain, Task<RoleResult>> wish)
    {
        // Where nothing was sent the next one is asked; otherwise what became of it is not known.
        for (int attempt = 0; attempt <= _nodes.All.Count && _nodes.Next() is { } asked; attempt++)
        {
            try
            {
                return await CallAsync(asked, wish, LiveNodes.CallTimeout);
            }
            catch (NodeNotFoundException exception)
            {
                SetAside(asked, exception);
            }
            catch (Exception exception)
            {
                SetAside(asked, exception);
                return new RoleResult(RoleOutcome.Unavailable, "", "the node that was asked did not answer; look at the cluster again");
            }
        }

        return new RoleResult(RoleOutcome.Unavailable, "", _nodes.NotReadyBecause ?? "no node could be reached");
    }
}
