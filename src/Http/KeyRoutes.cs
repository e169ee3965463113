using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary><c>GET HEAD PUT DELETE /v1/kv/{key}</c>: the raw value and its content type.</summary>
internal sealed class KeyRoutes(IDiststore store, DiststoreHttpOptions options, ByteBudget budget)
{
    public const string Prefix = "/v1/kv/";

    private readonly ReadAnswers _reads = new(options);

    public Task InvokeAsync(HttpContext context, RequestTarget target)
    {
        bool reads = context.Request.IsRead();
        bool puts = context.Request.IsPut();
        if (!reads && !puts && !context.Request.IsDelete())
        {
            return Problems.WriteAsync(context, Fault.Method("GET, HEAD, PUT, DELETE"));
        }

        Span<string?> ttl = [null];
        TimeSpan? life = null;
        ReadOptions asked = default;
        if (!target.TryGetKey(Prefix.Length, out string key, out string? problem)
            || !(reads ? ReadDirectives.TryRead(context.Request.Headers, target, ReadScope.Replicated, out asked, out problem)
                : puts ? target.TryGetParameters(["ttl"], ttl, out problem) : target.TryGetNoParameters(out problem))
            || !TimeToLive.TryParse(ttl[0], out life, out problem)
            || !EntityTags.TryRead(context.Request.Headers, out Condition? condition, out problem))
        {
            return Problems.WriteAsync(context, Fault.Bad(problem));
        }

        if (reads)
        {
            return condition is null ? _reads.AnswerAsync(context, store.GetAsync(key, asked)) : ReadAsync(context, key, asked, condition);
        }

        return puts ? PutAsync(context, key, life, condition) : DeleteAsync(context, key, condition);
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

    private async Task PutAsync(HttpContext context, string key, TimeSpan? life, Condition? condition)
    {
        HttpRequest request = context.Request;
        using ByteReservation room = budget.OpenForBody(request.ContentLength);
        Fault? fault = RequestBody.Problem(request);
        (byte[]? value, fault) = fault is null ? await RequestBody.ReadAsync(request, options.MaxValueBytes, room) : (null, fault);
        if (value is null)
        {
            await Problems.WriteAsync(context, fault!);
            return;
        }

        WriteResult result = await store.WriteAsync(new Write(key, value, request.ContentType, life, condition));
        await Answers.WriteAsync(context, result, nodeAsked: null, static (context, result) =>
        {
            context.Response.StatusCode = result.Outcome == WriteOutcome.Created ? StatusCodes.Status201Created : StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        });
    }

    private async Task DeleteAsync(HttpContext context, string key, Condition? condition)
    {
        WriteResult result = await store.WriteAsync(new Write(key, null, Condition: condition));
        await Answers.WriteAsync(context, result, nodeAsked: null, static (context, _) =>
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        });
    }
}
