using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Diststore.Http;

/// <summary>Takes request bodies that are JSON; <see cref="JsonInput"/> reads what they say.</summary>
internal static class JsonBody
{
    /// <summary>The longest body, in bytes.</summary>
    public const int MaxBytes = 8 << 20;

    private static readonly Fault NotJson = new(
        StatusCodes.Status415UnsupportedMediaType, ProblemType.UnsupportedMediaType, "this route takes application/json, in UTF-8");

    /// <summary>
    /// Takes the whole body; gives it or the reason why not. <paramref name="room"/> has what is held of it, until the request is answered.
    /// </summary>
    public static async ValueTask<(byte[]? Body, Fault? Fault)> ReadAsync(HttpRequest request, ByteReservation room)
    {
        Fault? fault = IsJson(request.ContentType) ? RequestBody.Condition(request.Headers) ?? RequestBody.Problem(request) : NotJson;
        return fault is null ? await RequestBody.ReadAsync(request, MaxBytes, room, Fault.BodyTooLarge(MaxBytes)) : (null, fault);
    }

    // RFC 8259, section 8.1: it is UTF-8. A charset has no meaning here, but one that says otherwise says that the bytes are no JSON.
    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out MediaTypeHeaderValue? type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && (!type.Charset.HasValue || HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase));
}
