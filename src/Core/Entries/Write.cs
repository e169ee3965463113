namespace Diststore.Core;

/// <summary>What a write does with its key.</summary>
public enum WriteKind
{
    /// <summary>Stores the value; where there is none, deletes the key.</summary>
    Store = 0,

    /// <summary>Makes a new version with the same value and another expiry; refused where there is no such key.</summary>
    Touch = 1,

    /// <summary>Adds to the number that the value is; a key that is absent counts as 0. Content type and expiry stay.</summary>
    Add = 2,
}

/// <summary>A write of one key as its user asks for it.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">The value; <see langword="null"/> deletes the key, where it is to be stored.</param>
/// <param name="ContentType">The value's media type.</param>
/// <param name="TimeToLive">How long the value lives from when the primary orders it; <see langword="null"/> for ever.</param>
/// <param name="Condition">What must hold when it is ordered.</param>
/// <param name="ExpiresAt">When it ends, by the primary's clock, in place of <paramref name="TimeToLive"/>.</param>
/// <param name="Kind">What is done with the key.</param>
/// <param name="By">What is added; with <see cref="WriteKind.Add"/> only, where the expiry counts only if the key was absent.</param>
[GenerateSerializer, Immutable, Alias("diststore.writeop")]
public sealed record Write(
    [property: Id(0)] string Key,
    [property: Id(1)] byte[]? Value,
    [property: Id(2)] string? ContentType = null,
    [property: Id(3)] TimeSpan? TimeToLive = null,
    [property: Id(4)] Condition? Condition = null,
    [property: Id(5)] DateTimeOffset? ExpiresAt = null,
    [property: Id(6)] WriteKind Kind = WriteKind.Store,
    [property: Id(7)] long By = 0)
{
    /// <summary>A write of more bytes than this is long: where writes wait, it does not stand before short ones.</summary>
    public const int LongBytes = 64 << 10;

    /// <summary>What it takes while it waits, in bytes: key and value, and what an entry costs besides.</summary>
    public int SizeBytes => Entry.OverheadBytes + (2 * Key.Length) + (Value?.Length ?? 0);

    /// <summary>The longest life that can be asked for.</summary>
    public static TimeSpan MaxTimeToLive { get; } = TimeSpan.FromDays(36_500);

    /// <summary>Whether it deletes the key.</summary>
    public bool Deletes => Kind == WriteKind.Store && Value is null;

    /// <summary>When what it stores ends, if it is ordered at that moment of the primary's clock.</summary>
    public DateTimeOffset? EndsAt(DateTimeOffset now) => ExpiresAt ?? (now + TimeToLive);
}

/// <summary>One side of a condition: any version at all, or one of those named (RFC 9110, sections 13.1.1 and 13.1.2).</summary>
/// <param name="Any">The <c>*</c>: whether the key exists.</param>
/// <param name="Versions">Or one of these versions.</param>
[GenerateSerializer, Immutable, Alias("diststore.match")]
public sealed record VersionMatch([property: Id(0)] bool Any, [property: Id(1)] LogPoint[] Versions)
{
    /// <summary>The most versions that one condition names.</summary>
    public const int MaxVersions = 32;

    /// <summary>Whether the key's version (<see langword="null"/>: there is no such key) is one of those meant.</summary>
    public bool Matches(LogPoint? version) => version is { } exists && (Any || Array.IndexOf(Versions, exists) >= 0);
}

/// <summary>What must hold of a key's newest version for a write to be done.</summary>
/// <param name="IfMatch">It must be one of these.</param>
/// <param name="IfNoneMatch">It must be none of these.</param>
[GenerateSerializer, Immutable, Alias("diststore.condition")]
public sealed record Condition([property: Id(0)] VersionMatch? IfMatch, [property: Id(1)] VersionMatch? IfNoneMatch)
{
    /// <summary>The key exists.</summary>
    public static Condition Exists { get; } = new(new VersionMatch(Any: true, []), null);

    /// <summary>There is no such key.</summary>
    public static Condition Absent { get; } = new(null, new VersionMatch(Any: true, []));

    /// <summary>The key has that version.</summary>
    public static Condition Is(LogPoint version) => new(new VersionMatch(Any: false, [version]), null);

    /// <summary>Whether it holds where the key has that version; <see langword="null"/>: there is no such key.</summary>
    public bool Holds(LogPoint? version) => IfMatch?.Matches(version) != false && IfNoneMatch?.Matches(version) != true;
}
