using System.Globalization;

namespace Diststore.Client;

/// <summary>When a value ends. A value ends by the primary's clock, and is deleted then.</summary>
public readonly record struct Expiry
{
    private static readonly TimeSpan MaxLife = TimeSpan.FromSeconds(3_153_600_000);

    private readonly TimeSpan? _after;
    private readonly DateTimeOffset? _at;

    private Expiry(TimeSpan? after, DateTimeOffset? at) => (_after, _at) = (after, at);

    /// <summary>It does not end.</summary>
    public static Expiry Never => default;

    /// <summary>So long after the write is ordered: above zero, up to 100 years of 365 days.</summary>
    public static Expiry After(TimeSpan life) => life > TimeSpan.Zero && life <= MaxLife
        ? new Expiry(life, null)
        : throw new ArgumentOutOfRangeException(nameof(life), life, "a value lives for more than nothing and at most 100 years");

    /// <summary>At this moment of the primary's clock.</summary>
    public static Expiry At(DateTimeOffset moment) => new(null, moment);

    /// <summary>As <see cref="After"/>.</summary>
    public static implicit operator Expiry(TimeSpan life) => After(life);

    /// <summary>As <see cref="After"/>.</summary>
    public static Expiry FromTimeSpan(TimeSpan life) => After(life);

    // Whole or decimal seconds.
    internal string? Seconds => _after is { } life ? ((decimal)life.Ticks / TimeSpan.TicksPerSecond).ToString("0.#######", CultureInfo.InvariantCulture) : null;

    internal string? Moment => _at?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
