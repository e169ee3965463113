using System.Globalization;
using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary>
/// What an operator may ask of the masters: <c>POST /v1/cluster/step-down?node=</c>,
/// <c>POST /v1/cluster/maintenance?node=&amp;for=</c> and, as the last resort,
/// <c>POST /v1/cluster/force-election?node=&amp;accept-data-loss=yes</c>. Where it is done the answer shows the cluster.
/// </summary>
internal sealed class RoleRoutes(INodeAccess nodes)
{
    public const string StepDownPath = "/v1/cluster/step-down";
    public const string MaintenancePath = "/v1/cluster/maintenance";
    public const string ForcePath = "/v1/cluster/force-election";

    private static readonly string ForWords = $"the parameter for takes seconds, 1 to {MasterRegistry.MaxMaintenance.TotalSeconds:F0}, or 0 to end it";

    public Task StepDownAsync(HttpContext context, RequestTarget target)
    {
        Span<string?> node = [null];
        if (!context.Request.IsPost())
        {
            return Problems.WriteAsync(context, Fault.Method("POST"));
        }

        return target.TryGetParameters(["node"], node, out string? problem)
            ? AnswerAsync(context, nodes.StepDownAsync(node[0], context.RequestAborted), node[0])
            : Problems.WriteAsync(context, Fault.Bad(problem));
    }

    public Task MaintainAsync(HttpContext context, RequestTarget target)
    {
        Span<string?> values = [null, null];
        if (!context.Request.IsPost())
        {
            return Problems.WriteAsync(context, Fault.Method("POST"));
        }

        if (!target.TryGetParameters(["node", "for"], values, out string? problem))
        {
            return Problems.WriteAsync(context, Fault.Bad(problem));
        }

        bool isTime = int.TryParse(values[1], NumberStyles.None, CultureInfo.InvariantCulture, out int seconds)
            && seconds <= MasterRegistry.MaxMaintenance.TotalSeconds;
        if (string.IsNullOrEmpty(values[0]))
        {
            return Problems.WriteAsync(context, Fault.Bad("the parameter node has to name the master that is to be maintained"));
        }

        return isTime
            ? AnswerAsync(context, nodes.MaintainAsync(values[0]!, TimeSpan.FromSeconds(seconds), context.RequestAborted), values[0])
            : Problems.WriteAsync(context, Fault.Bad(ForWords));
    }

    public Task ForceAsync(HttpContext context, RequestTarget target)
    {
        Span<string?> values = [null, null];
        if (!context.Request.IsPost())
        {
            return Problems.WriteAsync(context, Fault.Method("POST"));
        }

        if (!target.TryGetParameters(["node", "accept-data-loss"], values, out string? problem))
        {
            return Problems.WriteAsync(context, Fault.Bad(problem));
        }

        if (string.IsNullOrEmpty(values[0]))
        {
            return Problems.WriteAsync(context, Fault.Bad("the parameter node has to name the node that is to be the primary"));
        }

        return values[1] is null or "yes"
            ? AnswerAsync(context, nodes.ForceElectionAsync(values[0]!, values[1] is not null, context.RequestAborted), values[0])
            : Problems.WriteAsync(context, Fault.Bad("the parameter accept-data-loss takes yes"));
    }

    private async Task AnswerAsync(HttpContext context, ValueTask<RoleResult> asked, string? node)
    {
        RoleResult result = await asked;
        await (result.Outcome switch
        {
            RoleOutcome.Done => ServiceRoutes.ShowClusterAsync(context, nodes),
            RoleOutcome.Refused => Problems.WriteAsync(
                context, new Fault(StatusCodes.Status409Conflict, ProblemType.Conflict, result.Detail ?? "this is not allowed now", Node: result.Node)),
            RoleOutcome.UnknownNode => Problems.WriteAsync(context, Fault.UnknownNode(node)),
            _ => Answers.Unavailable(context, ProblemType.OutcomeUnknown, result.Detail ?? "nobody who could do this answers", result.Node),
        });
    }
}
