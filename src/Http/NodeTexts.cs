using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using Diststore.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Diststore.Http;

/// <summary>What answers say of the node that gave them, and of how they came about; made once per node.</summary>
internal sealed class NodeTexts
{
    private const string CacheStatusName = "Cache-Status";

    // Names: more than a cluster has nodes. Those beyond are made anew for each answer.
    private const int MaxKept = 1024;

    private static readonly ConcurrentDictionary<string, NodeTexts> Kept = new(StringComparer.Ordinal);

    // RFC 8941, section 3.3.4: a token is what a header's token is, and : and / from its second character on.
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~:/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private readonly StringValues _name;
    private readonly StringValues[] _cacheStatus; // by Forwarding, twice: not kept, kept

    private NodeTexts(string node)
    {
        // Kestrel throws on what is not visible ASCII.
        string name = HeaderTexts.IsVisibleAscii(node) ? node : Uri.EscapeDataString(node);
        string cache = Item(name);
        _name = name;

        // RFC 9211, sections 2.1 and 2.2. There is one answer per key, so that what is missed is the key: not "miss", which leaves that open.
        string[] states = ["hit", "fwd=uri-miss", "fwd=stale", "fwd=request"];
        _cacheStatus = [.. states.SelectMany(state => new StringValues[] { $"{cache}; {state}", $"{cache}; {state}; stored" })];
    }

    /// <summary>Names the node; a name that is empty or not known names none.</summary>
    public static void Set(IHeaderDictionary headers, string? node)
    {
        if (!string.IsNullOrEmpty(node))
        {
            headers[HeaderTexts.NodeName] = Of(node)._name;
        }
    }

    /// <summary>Names the node, and says how old what it shows may be, whether it had to ask for it, and what remains of it.</summary>
    public static void Set(IHeaderDictionary headers, in ReadResult read)
    {
        NodeTexts texts = Of(read.Node);
        headers[HeaderTexts.NodeName] = texts._name;
        headers[CacheStatusName] = texts._cacheStatus[((int)read.Forwarding * 2) + (read.IsKept ? 1 : 0)];
        if (read.Age != TimeSpan.MaxValue)
        {
            // The runtime keeps the texts of small numbers.
            headers.Age = (read.Age.Ticks / TimeSpan.TicksPerSecond).ToString(CultureInfo.InvariantCulture);
        }

        if (read.Life is { } life)
        {
            headers[HeaderTexts.ExpiresIn] = WholeSeconds(life).ToString(CultureInfo.InvariantCulture);
        }
    }

    // Rounded up; nothing remains of what has ended while the answer was made.
    private static long WholeSeconds(TimeSpan life) =>
        Math.Max(0, (life.Ticks / TimeSpan.TicksPerSecond) + (life.Ticks % TimeSpan.TicksPerSecond > 0 ? 1 : 0));

    private static NodeTexts Of(string node)
    {
        if (!Kept.TryGetValue(node, out NodeTexts? texts))
        {
            texts = new NodeTexts(node);
            if (Kept.Count < MaxKept)
            {
                Kept[node] = texts;
            }
        }

        return texts;
    }

    // A token where the name is one, else a string (RFC 8941, sections 3.3.3 and 3.3.4).
    private static string Item(string name) =>
        name.Length > 0 && char.IsAsciiLetter(name[0]) && !name.AsSpan().ContainsAnyExcept(TokenCharacters) ? name
        : $"\"{name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
