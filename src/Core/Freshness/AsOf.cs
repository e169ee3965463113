namespace Diststore.Core;

/// <summary>
/// A moment of which something was surely the cluster's state: by the own monotonic clock, or <see cref="Never"/>, or <see cref="Always"/>. No
/// clock is compared with another's: what somebody else tells of its freshness is an age, and counts from when it was *asked*. What
/// nothing was said of is never.
/// </summary>
internal readonly record struct AsOf
{
    // Half of the timestamps' range stays free, so that neither a moment nor the time since then overflows.
    private const double MaxTimestamps = long.MaxValue / 2.0;

    private readonly Kind _kind;
    private readonly long _timestamp; // of the clock, where it is a moment; else 0

    private AsOf(Kind kind, long timestamp = 0) => (_kind, _timestamp) = (kind, timestamp);

    // Each is later than the ones before.
    private enum Kind
    {
        Never = 0,
        Moment = 1,
        Always = 2,
    }

    /// <summary>Nothing is known.</summary>
    public static AsOf Never => default;

    /// <summary>It cannot change but by this very process.</summary>
    public static AsOf Always => new(Kind.Always);

    /// <summary>This moment.</summary>
    public static AsOf Now(TimeProvider time) => new(Kind.Moment, time.GetTimestamp());

    /// <summary>The later of the two.</summary>
    public static AsOf Later(AsOf one, AsOf other) => other.IsLaterThan(one) ? other : one;

    /// <summary>The sum of two ages; <see cref="TimeSpan.MaxValue"/>, which is that of <see cref="Never"/>, stays what it is.</summary>
    public static TimeSpan Sum(TimeSpan age, TimeSpan other) => age >= TimeSpan.MaxValue - other ? TimeSpan.MaxValue : age + other;

    /// <summary>Whether this is the later one; of two that are equal neither is.</summary>
    public bool IsLaterThan(AsOf other) => _kind == other._kind ? _timestamp > other._timestamp : _kind > other._kind;

    /// <summary>How long ago it was; <see cref="TimeSpan.MaxValue"/> for never, nothing for always and for what is yet to come.</summary>
    public TimeSpan Age(TimeProvider time) => _kind switch
    {
        Kind.Never => TimeSpan.MaxValue,
        Kind.Always => TimeSpan.Zero,
        _ => time.GetElapsedTime(_timestamp) is var age && age > TimeSpan.Zero ? age : TimeSpan.Zero,
    };

    /// <summary>
    /// As of when something holds that was asked for at this moment, by one who says how old it is. An age of more than the clock can count
    /// says as little as none.
    /// </summary>
    public AsOf Less(TimeSpan age, TimeProvider time)
    {
        double timestamps = age.TotalSeconds * time.TimestampFrequency;
        return _kind != Kind.Moment ? this
            : age == TimeSpan.MaxValue || timestamps >= MaxTimestamps ? Never
            : new AsOf(Kind.Moment, _timestamp - (long)timestamps);
    }
}
