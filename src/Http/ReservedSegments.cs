namespace Diststore.Http;

/// <summary>First path segments that no key posted to <c>/{key}</c> may have: they are routes, or will be.</summary>
internal static class ReservedSegments
{
    private static readonly string[] Names = ["v1", "get", "getlocal", "local", "list", "health", "metrics", "openapi", "docs", "orleans"];

    /// <summary>Whether the path's first segment, decoded, is one of them.</summary>
    public static bool Holds(ReadOnlySpan<char> path)
    {
        ReadOnlySpan<char> first = path[1..];
        int slash = first.IndexOf('/');
        first = slash < 0 ? first : first[..slash];
        return PercentDecoder.TryDecode(first, plusIsSpace: false, "", out string name, out _) && Names.Contains(name);
    }
}
