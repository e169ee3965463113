using System.Text;
using Microsoft.Extensions.Primitives;

namespace Diststore.Http;

/// <summary>Names and values of headers, made once.</summary>
internal static class HeaderTexts
{
    public const string NodeName = "Diststore-Node";
    public const string Sequence = "Diststore-Sequence";

    /// <summary>On reads: what remains of a value that expires, in whole seconds, rounded up.</summary>
    public const string ExpiresIn = "Diststore-Expires-In";

    /// <summary>What went wrong, on routes that answer in plain text: a word of <see cref="ProblemType"/>.</summary>
    public const string Problem = "Diststore-Problem";

    /// <summary>Says of a request that it is the same however often it is sent; see <see cref="IdempotencyKeys"/>.</summary>
    public const string IdempotencyKey = "Idempotency-Key";

    /// <summary>Says that an answer is that to an earlier request, again.</summary>
    public const string Replayed = "Idempotency-Replayed";

    public const string ResourcePolicy = "Cross-Origin-Resource-Policy";

    public static readonly StringValues NoSniff = "nosniff";
    // A stored value is never a page of this origin: whatever it is, a browser that opens it runs and loads nothing.
    public static readonly StringValues Sandbox = "sandbox; default-src 'none'";
    public static readonly StringValues SameOrigin = "same-origin";
    public static readonly StringValues NoStore = "no-store";
    public static readonly StringValues True = "true";
    public static readonly StringValues Bytes = "bytes";
    public static readonly StringValues PlainText = "text/plain; charset=utf-8";
    public static readonly StringValues Json = "application/json";
    public static readonly StringValues OctetStream = "application/octet-stream";

    /// <summary>What is wrong with a media type that is to be kept and given back, for the client, or null.</summary>
    public static string? ProblemWithContentType(string type) =>
        type.Length > 255 ? "the Content-Type is longer than 255 characters"
        : !IsVisibleAscii(type) ? "the Content-Type has characters other than visible ASCII"
        : null;

    /// <summary>Whether a text is what a header's value may be.</summary>
    public static bool IsVisibleAscii(string text) => Ascii.IsValid(text) && !text.AsSpan().ContainsAnyExceptInRange(' ', '~');
}
