namespace Diststore.Core;

/// <summary>A write as its user asks for it.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">The value; <see langword="null"/> deletes the key.</param>
/// <param name="ContentType">The value's media type.</param>
/// <param name="TimeToLive">How long the value lives from when the primary orders it; <see langword="null"/> for ever.</param>
/// <param name="Condition">What must hold when it is ordered.</param>
[GenerateSerializer, Immutable, Alias("diststore.writeop")]
public sealed record Write(
    [property: Id(0)] string Key,
    [property: Id(1)] byte[]? Value,
    [property: Id(2)] string? ContentType = null,
    [property: Id(3)] TimeSpan? TimeToLive = null,
    [property: Id(4)] Condition? Condition = null)
{
    /// <summary>A write of more bytes than this is long: where writes wait, it does not stand before short ones.</summary>
    public const int LongBytes = 64 << 10;

    /// <summary>What it takes while it waits, in bytes: key and value, and what an entry costs besides.</summary>
    public int SizeBytes => Entry.OverheadBytes + (2 * Key.Length) + (Value?.Length ?? 0);

    /// <summary>The longest life that can be asked for.</summary>
    public static TimeSpan MaxTimeToLive { get; } = TimeSpan.FromDays(36_500);
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
    /// <summary>Whether it holds where the key has that version; <see langword="null"/>: there is no such key.</summary>
    public bool Holds(LogPoint? version) => IfMatch?.Matches(version) != false && IfNoneMatch?.Matches(version) != true;
}
