namespace Diststore.Core;

/// <summary>
/// Turns for writes that go on to another node, by their bytes: they share a connection with what keeps the masters in sync, and a
/// message that stands behind hundreds of megabytes comes too late. Short and long ones have a line each, so that no short one waits
/// for long ones. Thread-safe.
/// </summary>
/// <param name="patience">How long a write waits at most.</param>
/// <param name="time">The clock.</param>
/// <param name="options">See <see cref="Turns"/>.</param>
public sealed class WriteTurns(TimeSpan patience, TimeProvider time, TaskCreationOptions options = TaskCreationOptions.None)
{
    /// <summary>What is said to a write that got no turn.</summary>
    public const string Refusal = "too many writes are on their way already; nothing was done";

    /// <summary>Bytes of short writes on their way at once.</summary>
    public const long MaxShortBytes = 4L << 20;

    /// <summary>Bytes of long writes on their way at once.</summary>
    public const long MaxLongBytes = 16L << 20;

    /// <summary>Writes that wait, in each of the two lines.</summary>
    public const int MaxWaiting = 4096;

    private readonly Turns _short = new(MaxShortBytes, MaxWaiting, patience, time, options);
    private readonly Turns _long = new(MaxLongBytes, MaxWaiting, patience, time, options);

    /// <summary>Waits for a turn for a write of so many bytes; false when none came in time.</summary>
    public ValueTask<bool> TakeAsync(int bytes) => Line(bytes).TakeAsync(bytes);

    /// <summary>Gives the turn of a write of so many bytes back.</summary>
    public void Give(int bytes) => Line(bytes).Give(bytes);

    private Turns Line(int bytes) => bytes > Write.LongBytes ? _long : _short;
}
