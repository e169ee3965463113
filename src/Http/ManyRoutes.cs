using System.Text.Json;
using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary><c>POST /v1/read</c>: the values of many keys at once.</summary>
internal sealed class ManyRoutes(IDiststore store, DiststoreHttpOptions options, ByteBudget budget)
{
    public const string ReadPath = "/v1/read";

    // What an entry costs beside its key, media type and value: names, numbers, punctuation. Keys and types may be escaped.
    private const int EntryBytes = 160;
    private const int MostEscaped = 6;

    private readonly ReadAnswers _reads = new(options);

    public Task ReadAsync(HttpContext context, RequestTarget target)
    {
        if (!context.Request.IsPost())
        {
            return Problems.WriteAsync(context, Fault.Method("POST"));
        }

        return ReadDirectives.TryRead(context.Request.Headers, target, ReadScope.Replicated, out ReadOptions asked, out string? problem)
            ? ReadAsync(context, asked)
            : Problems.WriteAsync(context, Fault.Bad(problem));
    }

    private async Task ReadAsync(HttpContext context, ReadOptions asked)
    {
        string[]? keys = null;
        using (ByteReservation room = budget.OpenForBody(context.Request.ContentLength))
        {
            (byte[]? body, Fault? fault) = await JsonBody.ReadAsync(context.Request, room);
            if (body is null || !TryReadKeys(body, out keys, out fault))
            {
                await Problems.WriteAsync(context, fault!);
                return;
            }
        }

        ManyResult result = await store.ReadManyAsync(new ManyQuery(keys, asked), context.RequestAborted);
        await (result.Read.Outcome == ReadOutcome.Found ? AnswerAsync(context, keys, result) : _reads.Answer(context, result.Read));
    }

    private static bool TryReadKeys(ReadOnlySpan<byte> body, out string[] keys, out Fault? fault)
    {
        List<string>? given = null;
        var json = new JsonInput(body);
        json.BeginObject();
        while (json.NextMember(["keys"], out _))
        {
            given = [];
            json.BeginArray(ManyQuery.MaxKeys);
            while (json.NextElement())
            {
                string? key = json.String(KeyRules.MaxBytes);
                if (key is not null && KeyRules.Problem(key) is { } problem)
                {
                    json.Refuse(problem);
                }

                given.Add(key ?? "");
            }
        }

        json.End();
        if (given is null)
        {
            json.Refuse("the member \"keys\" is missing");
        }

        keys = given?.ToArray() ?? [];
        fault = json.Fault;
        return fault is null;
    }

    private Task AnswerAsync(HttpContext context, string[] keys, ManyResult result)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentType = HeaderTexts.Json;
        headers.CacheControl = HeaderTexts.NoStore;
        Answers.SetValue(headers);
        NodeTexts.Set(headers, result.Read);
        int bytes = 64 + result.Entries.Select((entry, i) => MostBytes(keys[i], entry)).Sum();
        return bytes > ByteBudget.StepBytes
            ? SendLargeAsync(context, keys, result, bytes)
            : Answers.SendAsync(context, JsonText.LargeObject(json => Write(json, keys, result), bytes), isFree: false);
    }

    // It has its room before it is made.
    private async Task SendLargeAsync(HttpContext context, string[] keys, ManyResult result, int bytes)
    {
        using ByteReservation room = budget.Open(ByteUse.Answer);
        if (!room.TryTake(bytes + Answers.BufferedBytes))
        {
            await Problems.WriteAsync(context, Fault.Busy);
            return;
        }

        ReadOnlyMemory<byte> body = JsonText.LargeObject(json => Write(json, keys, result), bytes);
        room.GiveBack(bytes - body.Length);
        await Answers.SendAsync(context, body, room);
    }

    private static void Write(Utf8JsonWriter json, string[] keys, ManyResult result)
    {
        json.WriteStartArray("entries");
        for (int i = 0; i < result.Entries.Count; i++)
        {
            if (result.Entries[i] is not { } entry)
            {
                json.WriteNullValue();
                continue;
            }

            json.WriteStartObject();
            json.WriteString("key", keys[i]);
            json.WriteString("version", entry.Version.ToString());
            json.WriteString("contentType", entry.ContentType);
            json.WriteNumber("size", entry.Value!.Length);
            json.WriteBase64String("value", entry.Value);
            json.WriteString("expiresAt", entry.ExpiresAt is { } at ? Rfc3339.Text(at) : null);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        if (result.Next is { } next)
        {
            json.WriteNumber("next", next);
        }
        else
        {
            json.WriteNull("next");
        }
    }

    // At most about 20 MiB together, or one value of the largest size.
    private static int MostBytes(string key, Entry? entry) => entry is null
        ? 8
        : EntryBytes + (MostEscaped * (key.Length + (entry.ContentType?.Length ?? 0))) + (int)(4L * (entry.Value!.Length + 2L) / 3);
}
