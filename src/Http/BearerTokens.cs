using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Primitives;

namespace Diststore.Http;

/// <summary>The tokens that open the API (RFC 6750).</summary>
internal sealed class BearerTokens(IEnumerable<string> tokens)
{
    private const string Scheme = "Bearer ";

    // Hashes have one length, so comparing them tells nothing of a token's, and they all are compared, whichever fits.
    private readonly byte[][] _hashes = [.. tokens.Select(static token => SHA256.HashData(Encoding.UTF8.GetBytes(token)))];

    /// <summary>The token that a request's <c>Authorization</c> carries, known or not; null where it carries none.</summary>
    public static string? Given(StringValues authorization) =>
        authorization.Count == 1 && authorization[0] is { } header && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? header[Scheme.Length..].Trim()
            : null;

    /// <summary>Whether the request's <c>Authorization</c> carries one of the tokens.</summary>
    public bool Admit(StringValues authorization)
    {
        if (Given(authorization) is not { } token)
        {
            return false;
        }

        byte[] given = SHA256.HashData(Encoding.UTF8.GetBytes(token));
        bool admitted = false;
        foreach (byte[] hash in _hashes)
        {
            admitted |= CryptographicOperations.FixedTimeEquals(hash, given);
        }

        return admitted;
    }
}
