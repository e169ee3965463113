using System.Globalization;
using System.Text.Json;
using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary><c>POST /v1/transaction</c>: conditions and operations on several keys, done together or not at all.</summary>
internal sealed class TransactionRoutes(IDiststore store, DiststoreHttpOptions options, ByteBudget budget)
{
    public const string Path = "/v1/transaction";

    private readonly IdempotencyKeys _marks = new(options);

    public Task InvokeAsync(HttpContext context, RequestTarget target)
    {
        if (!context.Request.IsPost())
        {
            return Problems.WriteAsync(context, Fault.Method("POST"));
        }

        return target.TryGetNoParameters(out string? problem) && IdempotencyKeys.TryRead(context.Request.Headers, out string? mark, out problem)
            ? InvokeAsync(context, target, mark)
            : Problems.WriteAsync(context, Fault.Bad(problem));
    }

    private async Task InvokeAsync(HttpContext context, RequestTarget target, string? mark)
    {
        using ByteReservation room = budget.OpenForBody(context.Request.ContentLength);
        (byte[]? body, Fault? fault) = await JsonBody.ReadAsync(context.Request, room);
        Transaction? transaction = null;
        if (body is not null)
        {
            fault = TransactionBody.Read(body, options.MaxValueBytes, room, out transaction);
        }

        if (fault is not null || transaction is null)
        {
            await Problems.WriteAsync(context, fault!);
            return;
        }

        WriteResult result = await store.WriteAsync(transaction with
        {
            Mark = _marks.MarkOf(context.Request, target, mark, null, body),
            MaxBytes = options.MaxValueBytes,
        });
        Write[] operations = transaction.Operations;
        await (result.Outcome == WriteOutcome.ConditionFailed
            ? Problems.WriteAsync(context, Fault.ConditionsFailed(result.Node, result.Failed ?? []))
            : Answers.WriteAsync(
                context, result, nodeAsked: null, (context, result) => Answers.BodyAsync(context, HeaderTexts.Json, Describe(operations, result))));
    }

    private static byte[] Describe(Write[] operations, WriteResult result) => JsonText.Object(json =>
    {
        json.WriteStartArray("results");
        for (int i = 0; i < operations.Length; i++)
        {
            OperationResult done = result.Results![i];
            json.WriteStartObject();
            json.WriteString("key", operations[i].Key);
            json.WriteString("version", done.Version == LogPoint.Zero ? null : done.Version.ToString());

            // As text, for not everyone who reads JSON has 64 bits for a number.
            json.WriteString("number", done.Number?.ToString(CultureInfo.InvariantCulture));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
