using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Diststore.Core;

namespace Diststore.Http;

/// <summary>When a value ends, as requests give it: after so many seconds, at a moment, or not at all.</summary>
/// <param name="Life">How long it lives from when it is written.</param>
/// <param name="At">When it ends, by the primary's clock.</param>
internal readonly record struct Expiry(TimeSpan? Life, DateTimeOffset? At)
{
    private const string Never = "none";

    private static readonly string[] Moments = ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    /// <summary>Reads the parameters <c>ttl</c> and <c>expiresAt</c>; where both are absent it is for ever.</summary>
    public static bool TryParse(string? ttl, string? expiresAt, out Expiry expiry, [NotNullWhen(false)] out string? problem)
    {
        expiry = default;
        if (ttl is not null && expiresAt is not null)
        {
            problem = "the parameters ttl and expiresAt do not go together";
            return false;
        }

        DateTimeOffset? at = null;
        bool isRead = TimeToLive.TryParse(ttl, out TimeSpan? life, out problem) && TryParseMoment(expiresAt, out at, out problem);
        expiry = new Expiry(life, at);
        return isRead;
    }

    /// <summary>As <see cref="TryParse"/>, for what changes an expiry: one of both has to be there, and <c>ttl=none</c> is for ever.</summary>
    public static bool TryParseChange(string? ttl, string? expiresAt, out Expiry expiry, [NotNullWhen(false)] out string? problem)
    {
        expiry = default;
        problem = ttl is null == expiresAt is null ? $"this takes one of ttl=SECONDS, ttl={Never} and expiresAt=MOMENT" : null;
        return problem is null && TryParse(ttl == Never ? null : ttl, expiresAt, out expiry, out problem);
    }

    /// <summary>Reads a moment as RFC 3339 has it; an absent one is null.</summary>
    public static bool TryParseMoment(string? text, out DateTimeOffset? moment, [NotNullWhen(false)] out string? problem)
    {
        moment = null;
        problem = null;
        if (text is null)
        {
            return true;
        }

        // One without an offset would be taken for this machine's own time.
        bool hasOffset = text.EndsWith('Z') || (text.Length > 6 && text[^6] is '+' or '-' && text[^3] == ':');
        bool isRead = DateTimeOffset.TryParseExact(text, Moments, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTimeOffset at);
        moment = at;
        problem = hasOffset && isRead ? null : "expiresAt takes a moment of RFC 3339, like 2030-01-31T12:00:00.000Z (in a query a + is written %2B)";
        return problem is null;
    }
}
