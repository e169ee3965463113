using System.Diagnostics.CodeAnalysis;
using Diststore.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Diststore.Http;

/// <summary><c>If-Match</c> and <c>If-None-Match</c> (RFC 9110, section 13.1): <c>*</c> or a list of entity tags.</summary>
internal static class EntityTags
{
    /// <summary>Whether a request has a condition at all: two flags to look at, so that who has none pays for none.</summary>
    public static bool HaveCondition(IHeaderDictionary headers) => headers.IfMatch.Count > 0 || headers.IfNoneMatch.Count > 0;

    /// <summary>Reads a request's condition; null where it has none.</summary>
    public static bool TryRead(IHeaderDictionary headers, out Condition? condition, [NotNullWhen(false)] out string? problem)
    {
        condition = null;
        problem = null;
        if (!HaveCondition(headers))
        {
            return true;
        }

        // A weak tag never matches where tags are compared strongly (section 8.8.3.2), which If-Match asks for and If-None-Match does not.
        if (!TryRead(headers.IfMatch, "If-Match", weakMatches: false, out VersionMatch? match, out problem)
            || !TryRead(headers.IfNoneMatch, "If-None-Match", weakMatches: true, out VersionMatch? noneMatch, out problem))
        {
            return false;
        }

        condition = new Condition(match, noneMatch);
        return true;
    }

    private static bool TryRead(
        StringValues header, string name, bool weakMatches, out VersionMatch? match, [NotNullWhen(false)] out string? problem)
    {
        match = null;
        problem = null;
        if (header.Count == 0)
        {
            return true;
        }

        // Several lines are one list (section 5.3).
        string text = header.Count == 1 ? header[0] ?? "" : string.Join(',', (string?[])header!);
        if (text.AsSpan().Trim(" \t") is "*")
        {
            match = new VersionMatch(Any: true, []);
            return true;
        }

        var versions = new List<LogPoint>();
        int tags = 0;
        for (ReadOnlySpan<char> rest = text; TryTakeTag(ref rest, out bool isWeak, out ReadOnlySpan<char> opaque, out bool isMalformed) || isMalformed; tags++)
        {
            if (isMalformed || tags == VersionMatch.MaxVersions)
            {
                problem = isMalformed ? Malformed(name) : $"{name} names more than {VersionMatch.MaxVersions} entity tags";
                return false;
            }

            // A tag that is none of ours matches nothing; nor does the zero point, which local-only entries have for want of a version.
            if ((weakMatches || !isWeak) && LogPoint.TryParse(opaque, out LogPoint version) && version != LogPoint.Zero)
            {
                versions.Add(version);
            }
        }

        problem = tags == 0 ? Malformed(name) : null;
        match = new VersionMatch(Any: false, [.. versions]);
        return problem is null;
    }

    // Takes the list's next tag; false at its end, or where what follows is no tag. Empty elements do not count (section 5.6.1.2).
    private static bool TryTakeTag(ref ReadOnlySpan<char> rest, out bool isWeak, out ReadOnlySpan<char> opaque, out bool isMalformed)
    {
        rest = rest.TrimStart(" \t,");
        isWeak = rest.StartsWith("W/", StringComparison.Ordinal);
        ReadOnlySpan<char> tag = isWeak ? rest[2..] : rest;
        opaque = default;
        isMalformed = false;
        if (rest.IsEmpty)
        {
            return false;
        }

        int end = tag[0..].StartsWith('"') ? tag[1..].IndexOf('"') : -1;
        ReadOnlySpan<char> after = end < 0 ? default : tag[(end + 2)..].TrimStart(" \t");
        isMalformed = end < 0 || !AreTagCharacters(tag[1..(end + 1)]) || (!after.IsEmpty && after[0] != ',');
        if (isMalformed)
        {
            return false;
        }

        opaque = tag[1..(end + 1)];
        rest = after;
        return true;
    }

    private static bool AreTagCharacters(ReadOnlySpan<char> text)
    {
        foreach (char character in text)
        {
            if (character is < '\x21' or '\x7f')
            {
                return false;
            }
        }

        return true;
    }

    private static string Malformed(string name) => $"{name} takes * or a list of entity tags in double quotes, like \"1-2\", \"3-4\"";
}
