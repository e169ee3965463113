using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Diststore.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Diststore.Http;

/// <summary>
/// <c>Idempotency-Key</c>: a client's own word for one write through the masters. Sent again, also after its answer was lost, the write is
/// answered as the first time and not done again (draft-ietf-httpapi-idempotency-key-header; a string of RFC 9651, section 3.3.3, or, for
/// those who leave the quotes away, a token).
/// </summary>
internal sealed class IdempotencyKeys(DiststoreHttpOptions options)
{
    private const int MaxCharacters = 255;

    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~:/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private readonly bool _hasTokens = options.Tokens.Count > 0;

    /// <summary>Whether a request has the header where it is not taken: better refused than silently not heeded.</summary>
    public static bool IsMisplaced(HttpRequest request, ReadOnlySpan<char> path) =>
        request.Headers.ContainsKey(HeaderTexts.IdempotencyKey) && !IsTaken(request, path);

    /// <summary>Reads the header; the key is null where there is none.</summary>
    public static bool TryRead(IHeaderDictionary headers, out string? key, [NotNullWhen(false)] out string? problem)
    {
        key = null;
        problem = null;
        if (!headers.TryGetValue(HeaderTexts.IdempotencyKey, out StringValues values))
        {
            return true;
        }

        key = values.Count == 1 && values[0]?.Trim(' ', '\t') is { } text ? Unquoted(text) : null;
        problem = key?.Length is >= 1 and <= MaxCharacters ? null
            : $"{HeaderTexts.IdempotencyKey} takes one string in double quotes of 1 to {MaxCharacters} visible characters, like \"8e03978e-40d5\"";
        return problem is null;
    }

    /// <summary>What tells the request from all others; null where it has no key.</summary>
    /// <param name="request">The request.</param>
    /// <param name="target">Where it goes.</param>
    /// <param name="key">Its key.</param>
    /// <param name="contentType">The media type of what it stores.</param>
    /// <param name="parts">What it asks for besides, in its body.</param>
    public RequestMark? MarkOf(
        HttpRequest request, RequestTarget target, string? key, string? contentType = null, params ReadOnlySpan<ReadOnlyMemory<byte>> parts)
    {
        if (key is null)
        {
            return null;
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        IHeaderDictionary headers = request.Headers;
        string?[] texts =
            [request.Method, target.Path.ToString(), target.Query.ToString(), headers.IfMatch.ToString(), headers.IfNoneMatch.ToString(), contentType];
        foreach (string? text in texts)
        {
            Append(hash, Encoding.UTF8.GetBytes(text ?? ""));
        }

        foreach (ReadOnlyMemory<byte> part in parts)
        {
            Append(hash, part.Span);
        }

        byte[] fingerprint = hash.GetHashAndReset();

        // Who has another token has keys of its own.
        Append(hash, _hasTokens ? SHA256.HashData(Encoding.UTF8.GetBytes(BearerTokens.Given(headers.Authorization) ?? "")) : []);
        Append(hash, Encoding.UTF8.GetBytes(key));
        return new RequestMark(InternalKeys.Memory(hash.GetHashAndReset()), fingerprint);
    }

    // Writes of single keys, and transactions, through the masters.
    private static bool IsTaken(HttpRequest request, ReadOnlySpan<char> path) =>
        path.StartsWith(KeyRoutes.Prefix) ? !request.IsRead() : request.IsPost() && (path is TransactionRoutes.Path || !ReservedSegments.Holds(path));

    // With its length first, so that what is one part cannot be taken for two.
    private static void Append(IncrementalHash hash, ReadOnlySpan<byte> part)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, part.Length);
        hash.AppendData(length);
        hash.AppendData(part);
    }

    private static string? Unquoted(string text)
    {
        if (!text.StartsWith('"'))
        {
            return text.AsSpan().ContainsAnyExcept(TokenCharacters) ? null : text;
        }

        var key = new StringBuilder(text.Length);
        for (int i = 1; i < text.Length; i++)
        {
            char next = text[i];
            if (next == '"')
            {
                return i == text.Length - 1 ? key.ToString() : null;
            }

            if (next == '\\')
            {
                next = ++i < text.Length ? text[i] : '\0';
                if (next is not ('"' or '\\'))
                {
                    return null;
                }
            }
            else if (next is < ' ' or > '~')
            {
                return null;
            }

            key.Append(next);
        }

        return null;
    }
}
