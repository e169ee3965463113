namespace Diststore.Core;

/// <summary>
/// What is stored under a key: the value, or a tombstone where the key was deleted. Immutable; the value's bytes are
/// never written to once the entry exists, so an entry is shared freely between threads, copies and messages.
/// </summary>
/// <param name="Key">1 to 1,024 bytes of UTF-8 without NUL, see <see cref="KeyRules"/>.</param>
/// <param name="Value">The bytes; <see langword="null"/> makes this a tombstone.</param>
/// <param name="ContentType">The media type that came with the value.</param>
/// <param name="Version">Where the write stands in the log; zero for a local-only entry.</param>
/// <param name="ExpiresAt">When it ends, by the primary's wall clock, which alone is compared with it.</param>
public sealed record Entry(string Key, byte[]? Value, string? ContentType, LogPoint Version, DateTimeOffset? ExpiresAt = null)
{
    /// <summary>Bytes that an entry costs beside its key and value, about: object headers, table slots, version.</summary>
    internal const int OverheadBytes = 160;

    private string? _etag;

    /// <summary>Whether this is a versioned delete.</summary>
    public bool IsTombstone => Value is null;

    /// <summary>The same media type; few are in use, and one string serves all entries of a common one.</summary>
    public static string? SharedContentType(string? contentType) =>
        contentType is null ? null : string.IsInterned(contentType) ?? contentType;

    /// <summary>Whether its time is up. Only the primary's wall clock may be asked.</summary>
    public bool HasExpired(DateTimeOffset now) => ExpiresAt is { } at && at <= now;

    /// <summary>Bytes of memory that this entry takes, about.</summary>
    public int SizeBytes => OverheadBytes + (2 * Key.Length) + (Value?.Length ?? 0);

    /// <summary>The version as an entity tag (RFC 9110, section 8.8.3), quotes included; made once per entry.</summary>
    public string ETag => _etag ??= $"\"{Version}\"";

    /// <summary>Same key, version, media type and bytes.</summary>
    public bool Equals(Entry? other) =>
        other is not null && Key == other.Key && Version == other.Version && ContentType == other.ContentType && ExpiresAt == other.ExpiresAt
        && IsTombstone == other.IsTombstone && Value.AsSpan().SequenceEqual(other.Value);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Key, Version);
}
