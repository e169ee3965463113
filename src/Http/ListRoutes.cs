using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary><c>GET /v1/kv</c>: the cluster's keys, page by page.</summary>
internal sealed class ListRoutes(IDiststore store)
{
    private const int DefaultLimit = 100;

    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public Task PageAsync(HttpContext context, RequestTarget target)
    {
        if (!context.Request.IsRead())
        {
            return Problems.WriteAsync(context, Fault.Method("GET, HEAD"));
        }

        Span<string?> values = [null, null, null, null];
        if (!target.TryGetParameters(["prefix", "after", "limit", ReadDirectives.Consistency], values, out string? problem)
            || !ReadDirectives.TryRead(context.Request.Headers, values[3], ReadScope.Replicated, out ReadOptions asked, out problem))
        {
            return Problems.WriteAsync(context, Fault.Bad(problem));
        }

        int limit = DefaultLimit;
        if (values[2] is { } text
            && (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > ListQuery.MaxLimit))
        {
            return Problems.WriteAsync(context, Fault.Bad($"the parameter limit takes a number from 1 to {ListQuery.MaxLimit}"));
        }

        // Nothing comes before "after=", so an empty one asks for the first page.
        string? after = string.IsNullOrEmpty(values[1]) ? null : values[1];
        // A page is the primary's; whatever it has to be fresher for, a strong one is fresh enough.
        return PageAsync(context, new ListQuery(values[0] ?? "", after, limit, IsStrong: !asked.TakesAnyHit));
    }

    private async Task PageAsync(HttpContext context, ListQuery query)
    {
        ListResult page = await store.ListAsync(query, context.RequestAborted);
        await (page.Found
            ? Answers.BodyAsync(context, HeaderTexts.Json, Json(page), page.Node)
            : Answers.Unavailable(
                context, page.IsBusy ? ProblemType.Busy : ProblemType.NotKnown, page.Detail ?? "no master can list keys now", page.Node));
    }

    private static byte[] Json(ListResult page)
    {
        var buffer = new ArrayBufferWriter<byte>(64 * (page.Keys.Length + 2));
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            json.WriteStartObject();
            json.WriteStartArray("keys");
            foreach (ListedKey key in page.Keys)
            {
                json.WriteStartObject();
                json.WriteString("key", key.Key);
                json.WriteString("version", key.Version.ToString());
                json.WriteNumber("size", key.SizeBytes);
                json.WriteString("contentType", key.ContentType);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteString("next", page.Next);
            json.WriteString("id", page.Point.ToString());
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
