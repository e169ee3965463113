using System.Diagnostics.CodeAnalysis;
using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary>
/// The plain routes: <c>POST /</c>, <c>/{key}</c>, <c>/local</c>, <c>/local/{key}</c>; <c>DELETE /local/{key}</c>;
/// <c>GET /get/{key}</c>, <c>/getlocal/{key}</c>.
/// </summary>
internal sealed class PlainRoutes(IDiststore store, INodeAccess nodes, DiststoreHttpOptions options, ByteBudget budget)
{
    public const string GetPrefix = "/get/";
    public const string GetLocalPrefix = "/getlocal/";
    public const string LocalPrefix = "/local/";

    private static readonly byte[] Stored = "stored\n"u8.ToArray();

    private readonly ReadAnswers _reads = new(options);
    private readonly IdempotencyKeys _marks = new(options);

    public Task GetAsync(HttpContext context, RequestTarget target)
    {
        if (!context.Request.IsRead())
        {
            return Problems.WriteAsync(context, Fault.Method("GET, HEAD"));
        }

        if (target.TryGetKey(GetPrefix.Length, out string key, out string? problem)
            && ReadDirectives.TryRead(context.Request.Headers, target, ReadScope.IncludingLocalOnly, out ReadOptions asked, out problem))
        {
            return _reads.AnswerAsync(context, store.GetAsync(key, asked));
        }

        return Problems.WriteAsync(context, Fault.Bad(problem));
    }

    public Task GetLocalAsync(HttpContext context, RequestTarget target)
    {
        if (!context.Request.IsRead())
        {
            return Problems.WriteAsync(context, Fault.Method("GET, HEAD"));
        }

        return TryGetKeyAndNode(target, GetLocalPrefix.Length, out string key, out string? node, out string? problem)
            ? _reads.AnswerAsync(context, nodes.GetLocalAsync(node, key))
            : Problems.WriteAsync(context, Fault.Bad(problem));
    }

    /// <summary><c>POST</c> and <c>DELETE /local/{key}</c>.</summary>
    public Task LocalAsync(HttpContext context, RequestTarget target) =>
        context.Request.IsDelete() ? DeleteLocalAsync(context, target) : PostRawAsync(context, target, onNode: true);

    /// <summary><c>POST /{key}</c> and <c>POST /local/{key}</c> with the value as the body.</summary>
    public Task PostRawAsync(HttpContext context, RequestTarget target, bool onNode)
    {
        bool reserved = !onNode && ReservedSegments.Holds(target.Path);
        // Who gets an unknown path is told that it is unknown, not that it could have been posted.
        if (reserved || (context.Request.IsRead() && !onNode))
        {
            return Problems.WriteAsync(context, Fault.NoRoute);
        }

        if (!context.Request.IsPost())
        {
            return Problems.WriteAsync(context, Fault.Method(onNode ? "POST, DELETE" : "POST"));
        }

        string? node = null;
        string? mark = null;
        bool isGood = onNode
            ? TryGetKeyAndNode(target, LocalPrefix.Length, out string key, out node, out string? problem)
            : target.TryGetKey(1, out key, out problem) && target.TryGetNoParameters(out problem)
                && IdempotencyKeys.TryRead(context.Request.Headers, out mark, out problem);
        return isGood
            ? PostRawAsync(context, key, onNode, node, value => _marks.MarkOf(context.Request, target, mark, context.Request.ContentType, value))
            : Problems.WriteAsync(context, Fault.Bad(problem!));
    }

    /// <summary><c>POST /</c> and <c>POST /local</c> with a form.</summary>
    public Task PostFormAsync(HttpContext context, RequestTarget target, bool onNode)
    {
        if (context.Request.IsRead() && !onNode)
        {
            return Problems.WriteAsync(context, Fault.NoRoute);
        }

        if (!context.Request.IsPost())
        {
            return Problems.WriteAsync(context, Fault.Method("POST"));
        }

        Span<string?> node = [null];
        string? mark = null;
        bool isGood = onNode
            ? target.TryGetParameters(["node"], node, out string? problem)
            : target.TryGetNoParameters(out problem) && IdempotencyKeys.TryRead(context.Request.Headers, out mark, out problem);
        return isGood
            ? PostFormAsync(context, onNode, node[0], form => _marks.MarkOf(context.Request, target, mark, form.ContentType, form.Parts))
            : Problems.WriteAsync(context, Fault.Bad(problem!));
    }

    private Task DeleteLocalAsync(HttpContext context, RequestTarget target)
    {
        if (!TryGetKeyAndNode(target, LocalPrefix.Length, out string key, out string? node, out string? problem))
        {
            return Problems.WriteAsync(context, Fault.Bad(problem));
        }

        return RequestBody.Condition(context.Request.Headers) is { } fault
            ? Problems.WriteAsync(context, fault)
            : DeleteLocalAsync(context, key, node);
    }

    private static bool TryGetKeyAndNode(
        RequestTarget target, int start, out string key, out string? node, [NotNullWhen(false)] out string? problem)
    {
        Span<string?> values = [null];
        bool isGood = target.TryGetKey(start, out key, out problem) && target.TryGetParameters(["node"], values, out problem);
        node = values[0];
        return isGood;
    }

    private async Task DeleteLocalAsync(HttpContext context, string key, string? node)
    {
        WriteResult result = await nodes.DeleteLocalAsync(node, key);
        await Answers.WriteAsync(context, result, node, static (context, _) =>
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        });
    }

    private async Task PostRawAsync(HttpContext context, string key, bool onNode, string? node, Func<byte[], RequestMark?> markOf)
    {
        HttpRequest request = context.Request;
        using ByteReservation room = budget.OpenForBody(request.ContentLength);
        Fault? fault = RequestBody.Condition(request.Headers) ?? RequestBody.Problem(request);
        (byte[]? value, fault) = fault is null ? await RequestBody.ReadAsync(request, options.MaxValueBytes, room) : (null, fault);
        if (value is null)
        {
            await Problems.WriteAsync(context, fault!);
            return;
        }

        await StoreAsync(context, new Write(key, value, request.ContentType), onNode ? null : markOf(value), onNode, node);
    }

    private async Task PostFormAsync(HttpContext context, bool onNode, string? node, Func<PostedForm, RequestMark?> markOf)
    {
        using ByteReservation room = budget.OpenForBody(context.Request.ContentLength);
        Fault? fault = RequestBody.Condition(context.Request.Headers);
        (PostedForm? form, fault) = fault is null ? await PostedForm.ReadAsync(context.Request, options, room) : (null, fault);
        if (form is not null && onNode && form.Life is not null)
        {
            fault = Fault.Bad("the field ttl is not taken here: what is stored on one node alone does not expire");
        }

        if (form is null || fault is not null)
        {
            await Problems.WriteAsync(context, fault!);
            return;
        }

        await StoreAsync(context, new Write(form.Key, form.Value, form.ContentType, form.Life), onNode ? null : markOf(form), onNode, node);
    }

    private async Task StoreAsync(HttpContext context, Write write, RequestMark? mark, bool onNode, string? node)
    {
        WriteResult result = onNode
            ? await nodes.PutLocalAsync(node, write.Key, write.Value!, write.ContentType)
            : await store.WriteAsync(Transaction.Of(write, mark));
        await Answers.WriteAsync(context, result, node, static (context, _) => Answers.BodyAsync(context, HeaderTexts.PlainText, Stored));
    }
}
