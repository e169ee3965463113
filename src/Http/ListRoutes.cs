using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary><c>/v1/kv</c>: the cluster's keys, page by page; <see cref="PrefixDeleteRoutes"/> deletes them.</summary>
internal sealed class ListRoutes(IDiststore store)
{
    private const int DefaultLimit = 100;

    private readonly PrefixDeleteRoutes _deletes = new(store);

    public Task InvokeAsync(HttpContext context, RequestTarget target) =>
        context.Request.IsRead() ? PageAsync(context, target)
        : context.Request.IsDelete() ? _deletes.DeleteAsync(context, target)
        : Problems.WriteAsync(context, Fault.Method("GET, HEAD, DELETE"));

    private Task PageAsync(HttpContext context, RequestTarget target)
    {
        Span<string?> given = [null, null, null, null, null, null];
        if (!target.TryGetParameters(["prefix", "after", "limit", ReadDirectives.Consistency, "values", "count"], given, out string? problem)
            || !ReadDirectives.TryRead(context.Request.Headers, given[3], ReadScope.Replicated, out ReadOptions asked, out problem)
            || !TryGetShows(given[4], given[5], out ListShows shows, out problem)
            || !TryGetLimit(given[2], shows, out int limit, out problem))
        {
            return Problems.WriteAsync(context, Fault.Bad(problem));
        }

        // Nothing comes before "after=", so an empty one asks for the first page.
        string? after = string.IsNullOrEmpty(given[1]) ? null : given[1];
        // A page is the primary's; whatever it has to be fresher for, a strong one is fresh enough.
        return PageAsync(context, new ListQuery(given[0] ?? "", after, limit, IsStrong: !asked.TakesAnyHit, shows));
    }

    private static bool TryGetShows(string? values, string? count, out ListShows shows, [NotNullWhen(false)] out string? problem)
    {
        shows = count == "true" ? ListShows.Count : values == "true" ? ListShows.Values : ListShows.Keys;
        problem = values is not (null or "true" or "false") ? "the parameter values takes true or false"
            : count is not (null or "true" or "false") ? "the parameter count takes true or false"
            : values == "true" && count == "true" ? "the parameters values and count do not go together"
            : null;
        return problem is null;
    }

    private static bool TryGetLimit(string? text, ListShows shows, out int limit, [NotNullWhen(false)] out string? problem)
    {
        limit = DefaultLimit;
        problem = text is null ? null
            : shows == ListShows.Count ? "the parameters limit and count do not go together: a count ends by itself, and says where it goes on"
            : !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > ListQuery.MaxLimit
                ? $"the parameter limit takes a number from 1 to {ListQuery.MaxLimit}"
            : null;
        return problem is null;
    }

    private async Task PageAsync(HttpContext context, ListQuery query)
    {
        ListResult page = await store.ListAsync(query, context.RequestAborted);
        await (page.Found
            ? Answers.BodyAsync(context, HeaderTexts.Json, query.Shows == ListShows.Count ? CountJson(page) : Json(page, query.Shows), page.Node)
            : Answers.Unavailable(
                context, page.IsBusy ? ProblemType.Busy : ProblemType.NotKnown, page.Detail ?? "no master can list keys now", page.Node));
    }

    private static byte[] CountJson(ListResult page) => JsonText.Object(json =>
    {
        json.WriteNumber("count", page.Count);
        json.WriteNumber("bytes", page.ValueBytes);
        json.WriteString("next", page.Next);
    });

    private static byte[] Json(ListResult page, ListShows shows)
    {
        int bytes = 128 + page.Keys.Sum(static key => 128 + (4 * (key.Value?.Length ?? 0) / 3));
        return JsonText.Object(Write, bytes);

        void Write(Utf8JsonWriter json)
        {
            json.WriteStartArray("keys");
            foreach (ListedKey key in page.Keys)
            {
                json.WriteStartObject();
                json.WriteString("key", key.Key);
                json.WriteString("version", key.Version.ToString());
                json.WriteNumber("size", key.SizeBytes);
                json.WriteString("contentType", key.ContentType);
                json.WriteString("expiresAt", key.ExpiresAt is { } at ? Rfc3339.Text(at) : null);
                if (shows == ListShows.Values)
                {
                    json.WriteBase64String("value", key.Value);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteString("next", page.Next);
            json.WriteString("id", page.Point.ToString());
        }
    }
}
