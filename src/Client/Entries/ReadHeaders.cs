using System.Globalization;

namespace Diststore.Client;

/// <summary>How a read says how fresh what it gets has to be.</summary>
internal static class ReadHeaders
{
    public static Call Asking(this Call call, ReadOptions? options, Session? session)
    {
        long? sequence = session is { Sequence: > 0 and var own } && !(options?.MinSequence > own) ? own : options?.MinSequence;
        return call
            .With("Cache-Control", options is null ? null : Directives(options))
            .With("Diststore-Min-Sequence", sequence?.ToString(CultureInfo.InvariantCulture));
    }

    private static string? Directives(ReadOptions options)
    {
        var directives = new List<string>();
        if (options.Consistency == Consistency.Strong)
        {
            directives.Add("no-cache");
        }

        if (options.MaxAge is { } age)
        {
            directives.Add($"max-age={Seconds(age)}");
        }

        if (options.MaxStale is { } stale)
        {
            directives.Add(stale == TimeSpan.MaxValue ? "max-stale" : $"max-stale={Seconds(stale)}");
        }

        if (options.OnlyIfCached)
        {
            directives.Add("only-if-cached");
        }

        if (options.NoStore)
        {
            directives.Add("no-store");
        }

        return directives.Count == 0 ? null : string.Join(", ", directives);
    }

    private static string Seconds(TimeSpan time) => time >= TimeSpan.Zero
        ? ((long)time.TotalSeconds).ToString(CultureInfo.InvariantCulture)
        : throw new ArgumentException("how old what is read may be is not below zero");
}
