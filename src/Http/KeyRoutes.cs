using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary><c>/v1/kv/{key}</c>: the raw value and its content type. Reads are here, <see cref="KeyWriteRoutes"/> has the rest.</summary>
internal sealed class KeyRoutes(IDiststore store, DiststoreHttpOptions options, ByteBudget budget)
{
    public const string Prefix = "/v1/kv/";

    private readonly ReadAnswers _reads = new(options);
    private readonly KeyWriteRoutes _writes = new(store, options, budget);

    public Task InvokeAsync(HttpContext context, RequestTarget target)
    {
        HttpRequest request = context.Request;
        if (!request.IsRead())
        {
            return request.Method is "PUT" or "DELETE" or "PATCH" or "POST"
                ? _writes.InvokeAsync(context, target)
                : Problems.WriteAsync(context, Fault.Method("GET, HEAD, PUT, DELETE, PATCH, POST"));
        }

        if (!target.TryGetKey(Prefix.Length, out string key, out string? problem)
            || !ReadDirectives.TryRead(request.Headers, target, ReadScope.Replicated, out ReadOptions asked, out problem)
            || !EntityTags.TryRead(request.Headers, out Condition? condition, out problem))
        {
            return Problems.WriteAsync(context, Fault.Bad(problem));
        }

        return condition is null ? _reads.AnswerAsync(context, store.GetAsync(key, asked)) : ReadAsync(context, key, asked, condition);
    }

    // A condition is judged by the entry read; where there is none, the answer is the same as without a condition (RFC 9110, section 13.2.1).
    private async Task ReadAsync(HttpContext context, string key, ReadOptions asked, Condition condition)
    {
        ReadResult result = await store.GetAsync(key, asked);
        LogPoint? version = result.Entry?.Version;
        await (result.Outcome != ReadOutcome.Found || condition.Holds(version) ? _reads.Answer(context, result)
            : condition.IfMatch?.Matches(version) == false ? Problems.WriteAsync(context, Fault.ConditionFailed(result.Node) with { Read = result })
            : _reads.NotModified(context, result));
    }
}
