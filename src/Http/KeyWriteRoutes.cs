using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary><c>PUT DELETE PATCH POST /v1/kv/{key}</c>: what changes one key through the masters.</summary>
internal sealed class KeyWriteRoutes(IDiststore store, DiststoreHttpOptions options, ByteBudget budget)
{
    private readonly IdempotencyKeys _marks = new(options);

    public Task InvokeAsync(HttpContext context, RequestTarget target)
    {
        HttpRequest request = context.Request;
        if (!target.TryGetKey(KeyRoutes.Prefix.Length, out string key, out string? problem)
            || !TryReadOperation(request.Method, key, target, out Write? write, out problem)
            || !EntityTags.TryRead(request.Headers, out Condition? condition, out problem)
            || !IdempotencyKeys.TryRead(request.Headers, out string? mark, out problem))
        {
            return Problems.WriteAsync(context, Fault.Bad(problem));
        }

        write = write with { Condition = condition };
        if (request.IsPut())
        {
            return PutAsync(context, target, write, mark);
        }

        return request.ContentLength > 0 || request.Headers.TransferEncoding.Count > 0
            ? Problems.WriteAsync(context, Fault.Bad($"{request.Method} takes no body here") with { Closes = true })
            : WriteAsync(context, Transaction.Of(write, _marks.MarkOf(request, target, mark)));
    }

    private static bool TryReadOperation(
        string method, string key, RequestTarget target, [NotNullWhen(true)] out Write? write, [NotNullWhen(false)] out string? problem)
    {
        Expiry expiry = default;
        long by = 0;
        Span<string?> given = [null, null];
        bool isRead = method switch
        {
            "PUT" => target.TryGetParameters(["ttl", "expiresAt"], given, out problem) && Expiry.TryParse(given[0], given[1], out expiry, out problem),
            "PATCH" => target.TryGetParameters(["ttl", "expiresAt"], given, out problem) && Expiry.TryParseChange(given[0], given[1], out expiry, out problem),
            "POST" => target.TryGetParameters(["ttl", "add"], given, out problem)
                && Expiry.TryParse(given[0], null, out expiry, out problem) && TryParseNumber(given[1], out by, out problem),
            _ => target.TryGetNoParameters(out problem),
        };
        WriteKind kind = method == "PATCH" ? WriteKind.Touch : method == "POST" ? WriteKind.Add : WriteKind.Store;
        write = isRead ? new Write(key, null, null, expiry.Life, ExpiresAt: expiry.At, Kind: kind, By: by) : null;
        return isRead;
    }

    // Only what is written as the value will be.
    private static bool TryParseNumber(string? text, out long number, [NotNullWhen(false)] out string? problem)
    {
        number = 0;
        problem = text is null ? "POST takes the parameter add, a whole number; a value is stored by PUT"
            : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number)
                && number.ToString(CultureInfo.InvariantCulture) == text ? null
            : "the parameter add takes a whole number of signed 64 bits in decimal text, without a plus or leading zeros";
        return problem is null;
    }

    private async Task PutAsync(HttpContext context, RequestTarget target, Write write, string? mark)
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

        await WriteAsync(
            context,
            Transaction.Of(write with { Value = value, ContentType = request.ContentType }, _marks.MarkOf(request, target, mark, request.ContentType, value)));
    }

    private async Task WriteAsync(HttpContext context, Transaction transaction)
    {
        WriteResult result = await store.WriteAsync(transaction with { MaxBytes = options.MaxValueBytes });
        await Answers.WriteAsync(context, result, nodeAsked: null, static (context, result) =>
        {
            if (result.Results is [{ Number: { } number }])
            {
                return Answers.BodyAsync(context, HeaderTexts.PlainText, WholeNumberText(number));
            }

            bool creates = context.Request.IsPut() && result.Outcome == WriteOutcome.Created;
            context.Response.StatusCode = creates ? StatusCodes.Status201Created : StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        });
    }

    private static byte[] WholeNumberText(long number) => System.Text.Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));
}
