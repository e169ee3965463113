using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary><c>GET HEAD PUT DELETE /v1/kv/{key}</c>: the raw value and its content type.</summary>
internal sealed class KeyRoutes(IDiststore store, DiststoreHttpOptions options)
{
    public const string Prefix = "/v1/kv/";

    public Task InvokeAsync(HttpContext context, RequestTarget target)
    {
        string method = context.Request.Method;
        bool reads = HttpMethods.IsGet(method) || HttpMethods.IsHead(method);
        if (!reads && !HttpMethods.IsPut(method) && !HttpMethods.IsDelete(method))
        {
            return Problems.WriteAsync(context, Fault.Method("GET, HEAD, PUT, DELETE"));
        }

        if (!target.TryGetKey(Prefix.Length, out string key, out string? problem) || !target.TryGetNoParameters(out problem))
        {
            return Problems.WriteAsync(context, Fault.Bad(problem));
        }

        if (RequestBody.Condition(context.Request.Headers) is { } condition)
        {
            return Problems.WriteAsync(context, condition);
        }

        return reads ? Answers.ReadAsync(context, store.GetAsync(key, ReadScope.Replicated))
            : HttpMethods.IsPut(method) ? PutAsync(context, key)
            : DeleteAsync(context, key);
    }

    private async Task PutAsync(HttpContext context, string key)
    {
        HttpRequest request = context.Request;
        Fault? fault = RequestBody.Problem(request);
        byte[]? value = fault is null ? await RequestBody.ReadAsync(request, options.MaxValueBytes) : null;
        if (value is null)
        {
            await Problems.WriteAsync(context, fault ?? Fault.TooLarge(options.MaxValueBytes));
            return;
        }

        WriteResult result = await store.WriteAsync(new Write(key, value, request.ContentType));
        await Answers.WriteAsync(context, result, nodeAsked: null, static (context, result) =>
        {
            context.Response.StatusCode = result.Outcome == WriteOutcome.Created ? StatusCodes.Status201Created : StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        });
    }

    private async Task DeleteAsync(HttpContext context, string key)
    {
        WriteResult result = await store.WriteAsync(new Write(key, null));
        await Answers.WriteAsync(context, result, nodeAsked: null, static (context, _) =>
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        });
    }
}
