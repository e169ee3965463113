using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary><c>DELETE /v1/kv?prefix=</c> or <c>?all=yes</c>: many keys at once, in bounded batches.</summary>
internal sealed class PrefixDeleteRoutes(IDiststore store)
{
    private const int DefaultLimit = 10_000;

    public Task DeleteAsync(HttpContext context, RequestTarget target)
    {
        if (RequestBody.Condition(context.Request.Headers) is { } fault)
        {
            return Problems.WriteAsync(context, fault);
        }

        Span<string?> given = [null, null, null];
        return target.TryGetParameters(["prefix", "all", "limit"], given, out string? problem)
            && TryRead(given[0], given[1], given[2], out PrefixDelete? asked, out problem)
                ? DeleteAsync(context, asked)
                : Problems.WriteAsync(context, Fault.Bad(problem));
    }

    // Everything goes only where that is said.
    private static bool TryRead(
        string? prefix, string? all, string? limit, [NotNullWhen(true)] out PrefixDelete? asked, [NotNullWhen(false)] out string? problem)
    {
        int most = DefaultLimit;
        problem = all is not (null or "yes") ? "the parameter all takes yes"
            : all is not null && prefix is not null ? "the parameters prefix and all do not go together"
            : all is null && string.IsNullOrEmpty(prefix) ? "this takes the parameter prefix, which must not be empty, or all=yes"
            : prefix?.Contains('\0', StringComparison.Ordinal) == true ? "the prefix contains NUL"
            : limit is not null && (!int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out most) || most is < 1 or > PrefixDelete.MaxLimit)
                ? $"the parameter limit takes a number from 1 to {PrefixDelete.MaxLimit}"
            : null;
        asked = problem is null ? new PrefixDelete(prefix ?? "", most) : null;
        return problem is null;
    }

    private async Task DeleteAsync(HttpContext context, PrefixDelete asked)
    {
        PrefixDeleteResult result = await store.DeleteAsync(asked, context.RequestAborted);
        await (result.Outcome switch
        {
            WriteOutcome.Done => Answers.BodyAsync(context, HeaderTexts.Json, Describe(result), result.Node),
            WriteOutcome.Unavailable => Answers.Unavailable(
                context, ProblemType.NothingDone, result.Detail ?? "nothing was deleted: no master can take writes now", result.Node),
            WriteOutcome.Busy => Answers.Unavailable(context, ProblemType.Busy, result.Detail ?? "too many keys are deleted already", result.Node),
            _ => Answers.Unavailable(
                context, ProblemType.OutcomeUnknown, $"the outcome is unknown: {result.Detail ?? "the answer was lost"}", result.Node),
        });
    }

    private static byte[] Describe(PrefixDeleteResult result) => JsonText.Object(json =>
    {
        json.WriteNumber("deleted", result.Deleted);
        json.WriteBoolean("more", result.More);
    });
}
