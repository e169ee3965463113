using System.Diagnostics.CodeAnalysis;
using System.Text;
using Diststore.Core;

namespace Diststore.Http;

/// <summary>
/// A request target as it came over the wire (RFC 9112, section 3.2), split into path and query, neither decoded nor normalized:
/// in a key <c>..</c>, <c>//</c> and <c>%2F</c> mean what they say.
/// </summary>
internal readonly struct RequestTarget
{
    /// <summary>What is wrong with a target that leads nowhere.</summary>
    public const string NoPath = "the request target is neither a path nor an absolute URI";

    // A name that is empty names nobody, and is more likely a variable that was not set.
    private const string NodeParameter = "node";

    private readonly string _raw;
    private readonly int _pathStart;
    private readonly int _pathEnd;
    private readonly int _authorityStart; // 0: it has none
    private readonly int _authorityEnd;

    private RequestTarget(string raw, int authorityStart, int authorityEnd, int pathStart, int pathEnd)
    {
        _raw = raw;
        _authorityStart = authorityStart;
        _authorityEnd = authorityEnd;
        _pathStart = pathStart;
        _pathEnd = pathEnd;
    }

    /// <summary>The path; starts with a slash.</summary>
    public ReadOnlySpan<char> Path => _pathStart < 0 ? "/" : _raw.AsSpan(_pathStart, _pathEnd - _pathStart);

    /// <summary>The host, and the port if it is given, that an absolute target names; empty where the target is only a path.</summary>
    public ReadOnlySpan<char> Authority
    {
        get
        {
            ReadOnlySpan<char> authority = _authorityStart > 0 ? _raw.AsSpan(_authorityStart, _authorityEnd - _authorityStart) : default;
            return authority[(authority.LastIndexOf('@') + 1)..];
        }
    }

    /// <summary>What follows the first question mark.</summary>
    public ReadOnlySpan<char> Query => _pathEnd < _raw.Length ? _raw.AsSpan(_pathEnd + 1) : default;

    /// <summary>Splits a raw target.</summary>
    public static bool TryParse(string raw, out RequestTarget target, [NotNullWhen(false)] out string? problem)
    {
        target = default;
        problem = null;
        int start = 0;
        int authority = 0;
        int authorityEnd = 0;
        if (!raw.StartsWith('/'))
        {
            int scheme = raw.IndexOf("://", StringComparison.Ordinal);
            authority = scheme + 3;
            if (scheme <= 0)
            {
                problem = NoPath;
                return false;
            }

            int length = raw.AsSpan(authority).IndexOfAny('/', '?');
            authorityEnd = length < 0 ? raw.Length : authority + length;
            start = length < 0 || raw[authorityEnd] == '?' ? -1 : authorityEnd;
        }

        int end = raw.IndexOf('?', StringComparison.Ordinal);
        target = new RequestTarget(raw, authority, authorityEnd, start, end < 0 ? raw.Length : end);
        if (raw.Contains('#', StringComparison.Ordinal))
        {
            problem = "the request target contains a #; in a key or a parameter it is written %23";
            return false;
        }

        return true;
    }

    /// <summary>Decodes the key that the path has from <paramref name="start"/> to its end.</summary>
    public bool TryGetKey(int start, out string key, [NotNullWhen(false)] out string? problem)
    {
        ReadOnlySpan<char> path = Path;
        bool decoded = PercentDecoder.TryDecode(start < path.Length ? path[start..] : default, plusIsSpace: false, "the key", out key, out problem);
        if (decoded && key.Length == 0)
        {
            problem = "the key is empty";
        }

        return problem is null;
    }

    /// <summary>
    /// Decodes the query's parameters; <paramref name="values"/> gets those of <paramref name="names"/>, null where absent. An unknown or
    /// doubled one is a problem: better refused than silently not done.
    /// </summary>
    public bool TryGetParameters(ReadOnlySpan<string> names, Span<string?> values, [NotNullWhen(false)] out string? problem)
    {
        problem = null;
        ReadOnlySpan<char> query = Query;
        foreach (Range range in query.Split('&'))
        {
            ReadOnlySpan<char> part = query[range];
            if (part.Length == 0)
            {
                continue;
            }

            int equals = part.IndexOf('=');
            ReadOnlySpan<char> rest = equals < 0 ? default : part[(equals + 1)..];
            if (!PercentDecoder.TryDecode(equals < 0 ? part : part[..equals], plusIsSpace: true, "a parameter's name", out string name, out problem)
                || !PercentDecoder.TryDecode(rest, plusIsSpace: true, $"the parameter {Printable(name)}", out string value, out problem))
            {
                break;
            }

            int index = names.IndexOf(name);
            problem = index < 0 ? $"the parameter {Printable(name)} is not known here"
                : values[index] is not null ? $"the parameter {name} is given twice"
                : name == NodeParameter && value.Length == 0 ? $"the parameter {name} is empty; leave it out to mean the node that is asked"
                : null;
            if (problem is not null)
            {
                break;
            }

            values[index] = value;
        }

        return problem is null;
    }

    /// <summary>As above where no parameter is taken.</summary>
    public bool TryGetNoParameters([NotNullWhen(false)] out string? problem)
    {
        problem = null;
        return Query.Length == 0 || TryGetParameters([], [], out problem);
    }

    // Names go back to the client in a one-line answer.
    private static string Printable(string name)
    {
        var printable = new StringBuilder();
        foreach (Rune rune in name.EnumerateRunes().Take(40))
        {
            printable.Append(Rune.IsControl(rune) ? Rune.ReplacementChar : rune);
        }

        return printable.ToString();
    }
}
