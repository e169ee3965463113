using System.Diagnostics.CodeAnalysis;
using Diststore.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

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

        bool isRead = EntityTagHeaderValue.TryParseStrictList(header, out IList<EntityTagHeaderValue>? tags);
        if (!isRead || !tags!.All(IsStrict) || (tags!.Count > 1 && tags.Contains(EntityTagHeaderValue.Any)))
        {
            problem = $"{name} takes * or a list of entity tags in double quotes, like \"1-2\", \"3-4\"";
            return false;
        }

        if (tags.Count > VersionMatch.MaxVersions)
        {
            problem = $"{name} names more than {VersionMatch.MaxVersions} entity tags";
            return false;
        }

        // A tag that is none of ours matches nothing; nor does the zero point, which local-only entries have for want of a version.
        var versions = new List<LogPoint>();
        foreach (EntityTagHeaderValue tag in tags)
        {
            if ((weakMatches || !tag.IsWeak) && LogPoint.TryParse(tag.Tag.AsSpan().Trim('"'), out LogPoint version) && version != LogPoint.Zero)
            {
                versions.Add(version);
            }
        }

        match = new VersionMatch(Any: tags is [var only] && only.Equals(EntityTagHeaderValue.Any), [.. versions]);
        return true;
    }

    // The framework also takes blanks within a tag or before it, and a small w.
    private static bool IsStrict(EntityTagHeaderValue tag)
    {
        ReadOnlySpan<char> text = tag.Tag.AsSpan();
        bool hasOthers = text.ContainsAnyInRange('\0', '\x20') || text.Contains('\x7f');
        return !hasOthers && (!tag.IsWeak || tag.Tag.Buffer.AsSpan(0, tag.Tag.Offset).EndsWith("W/", StringComparison.Ordinal));
    }
}
