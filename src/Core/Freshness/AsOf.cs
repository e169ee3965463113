using System.Runtime.InteropServices;

namespace Diststore.Core;

/// <summary>
/// A moment of which something was surely the cluster's state: by the own monotonic clock, or <see cref="Never"/>, or <see cref="Always"/>. No
/// clock is compared with another's: what somebody else tells of its freshness is an age, and counts from when it was *asked*.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct AsOf
{
    private readonly long _timestamp; // of the clock; its least and its greatest value stand for never and always

    private AsOf(long timestamp) => _timestamp = timestamp;

    /// <summary>Nothing is known.</summary>
    public static AsOf Never { get; } = new(long.MinValue);

    /// <summary>It cannot change but by this very process.</summary>
    public static AsOf Always { get; } = new(long.MaxValue);

    /// <summary>This moment.</summary>
    public static AsOf Now(TimeProvider time) => new(time.GetTimestamp());

    /// <summary>The later of the two.</summary>
    public static AsOf Later(AsOf one, AsOf other) => one._timestamp >= other._timestamp ? one : other;

    /// <summary>The sum of two ages; <see cref="TimeSpan.MaxValue"/>, which is that of <see cref="Never"/>, stays what it is.</summary>
    public static TimeSpan Sum(TimeSpan age, TimeSpan other) => age >= TimeSpan.MaxValue - other ? TimeSpan.MaxValue : age + other;

    /// <summary>How long ago it was; <see cref="TimeSpan.MaxValue"/> for never, nothing for always and for what is yet to come.</summary>
    public TimeSpan Age(TimeProvider time) => _timestamp switch
    {
        long.MinValue => TimeSpan.MaxValue,
        long.MaxValue => TimeSpan.Zero,
        _ => time.GetElapsedTime(_timestamp) is var age && age > TimeSpan.Zero ? age : TimeSpan.Zero,
    };

    /// <summary>
    /// As of when something holds that was asked for at this moment, by one who says how old it is.
    /// </summary>
    public AsOf Less(TimeSpan age, TimeProvider time) =>
        this == Never || this == Always ? this
        : age == TimeSpan.MaxValue ? Never
        : new AsOf(_timestamp - (long)(age.TotalSeconds * time.TimestampFrequency));
}
