using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Diststore.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Diststore.Http;

/// <summary>
/// What a request says of the freshness of its answer: <c>Cache-Control</c> (RFC 9111, section 5.2.1), <c>Pragma</c> (section 5.4), the
/// parameter <c>consistency</c> and <see cref="MinSequence"/>.
/// </summary>
internal static class ReadDirectives
{
    /// <summary>The query's parameter that does the same as <c>no-cache</c>, for who cannot set headers.</summary>
    public const string Consistency = "consistency";

    /// <summary>Names a write, by what <see cref="HeaderTexts.Sequence"/> said of it, that the state shown has to include.</summary>
    public const string MinSequence = "Diststore-Min-Sequence";

    private const string NoCache = "no-cache";

    /// <summary>Reads the headers, and the query of a route that takes no other parameter.</summary>
    public static bool TryRead(
        IHeaderDictionary headers, RequestTarget target, ReadScope scope, out ReadOptions options, [NotNullWhen(false)] out string? problem)
    {
        Span<string?> consistency = [null];
        options = default;
        return target.TryGetParameters([Consistency], consistency, out problem)
            && TryRead(headers, consistency[0], scope, out options, out problem);
    }

    /// <summary>Reads the headers; <paramref name="consistency"/> is the parameter's value, if there is one.</summary>
    public static bool TryRead(
        IHeaderDictionary headers, string? consistency, ReadScope scope, out ReadOptions options, [NotNullWhen(false)] out string? problem)
    {
        options = new ReadOptions(scope);
        problem = null;

        // Three looks at headers that hardly a request has: who has none of them pays for no more.
        bool namesWrite = headers.TryGetValue(MinSequence, out StringValues minSequence);
        if (consistency is null && !namesWrite && headers.CacheControl.Count == 0 && headers.Pragma.Count == 0)
        {
            return true;
        }

        if (consistency is not (null or "strong" or "bounded"))
        {
            problem = $"the parameter {Consistency} takes strong or bounded";
            return false;
        }

        long sequence = 0;
        if (namesWrite && !long.TryParse(minSequence.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out sequence))
        {
            problem = $"{MinSequence} takes a number from 0 to {long.MaxValue}, as {HeaderTexts.Sequence} gives it";
            return false;
        }

        options = CacheControl(headers, options) with { MinSequence = sequence };
        options = options with { IsStrong = options.IsStrong || consistency == "strong" };
        return true;
    }

    // Not by CacheControlHeaderValue: to it one bad number spoils the whole header, and so does one beyond 32 bits, which is merely large.
    private static ReadOptions CacheControl(IHeaderDictionary headers, ReadOptions options)
    {
        StringValues header = headers.CacheControl;
        if (header.Count == 0)
        {
            return options with { IsStrong = HeaderUtilities.ContainsCacheDirective(headers.Pragma, NoCache) };
        }

        if (!NameValueHeaderValue.TryParseStrictList(header, out IList<NameValueHeaderValue>? directives))
        {
            // Whatever was meant: nothing is fresher than this. A header without any directive means nothing.
            return options with { IsStrong = header.ToString().AsSpan().ContainsAnyExcept(" \t,") };
        }

        TimeSpan? maxStale = null;
        foreach (NameValueHeaderValue directive in directives)
        {
            options = options with
            {
                IsStrong = options.IsStrong || Is(directive, NoCache),
                OnlyHere = options.OnlyHere || Is(directive, "only-if-cached"),
                KeepsNoCopy = options.KeepsNoCopy || Is(directive, "no-store"),
                MaxAge = Is(directive, "max-age") ? Least(options.MaxAge, Seconds(directive.Value)) : options.MaxAge,
            };
            if (Is(directive, "max-stale"))
            {
                maxStale = Least(maxStale, directive.Value.HasValue ? Seconds(directive.Value) : TimeSpan.MaxValue);
            }
        }

        return options with { MaxStale = maxStale ?? TimeSpan.Zero };
    }

    private static bool Is(NameValueHeaderValue directive, string name) => directive.Name.Equals(name, StringComparison.OrdinalIgnoreCase);

    // Where a directive is there twice the stricter one holds.
    private static TimeSpan Least(TimeSpan? one, TimeSpan other) => one < other ? one.Value : other;

    // What is no number counts as 0, the strictest, in both directives (RFC 9111, section 4.2.1); one too large to hold as the largest (1.2.2).
    private static TimeSpan Seconds(StringSegment argument)
    {
        ReadOnlySpan<char> digits = HeaderUtilities.RemoveQuotes(argument).AsSpan();
        return digits.IsEmpty || digits.ContainsAnyExceptInRange('0', '9') ? TimeSpan.Zero
            : long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds)
                && seconds <= TimeSpan.MaxValue.Ticks / TimeSpan.TicksPerSecond ? TimeSpan.FromSeconds(seconds)
            : TimeSpan.MaxValue;
    }
}
