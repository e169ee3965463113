namespace Diststore.Core;

/// <summary>An entry without its value: all that conditions, listings and expiry are judged by, however large the value is.</summary>
/// <param name="Key">The key.</param>
/// <param name="Version">Where the write stands in the log.</param>
/// <param name="IsTombstone">Whether this is a versioned delete.</param>
/// <param name="ValueBytes">The value's length in bytes; 0 for a tombstone.</param>
/// <param name="ContentType">The value's media type.</param>
/// <param name="ExpiresAt">When it ends, by the primary's wall clock.</param>
[GenerateSerializer, Immutable, Alias("diststore.entryhead")]
public sealed record EntryHead(
    [property: Id(0)] string Key,
    [property: Id(1)] LogPoint Version,
    [property: Id(2)] bool IsTombstone,
    [property: Id(3)] int ValueBytes,
    [property: Id(4)] string? ContentType,
    [property: Id(5)] DateTimeOffset? ExpiresAt)
{
    /// <summary>The head of that entry.</summary>
    public static EntryHead Of(Entry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return new EntryHead(entry.Key, entry.Version, entry.IsTombstone, entry.Value?.Length ?? 0, entry.ContentType, entry.ExpiresAt);
    }

    /// <summary>Whether its time is up. Only the primary's wall clock may be asked.</summary>
    public bool HasExpired(DateTimeOffset now) => ExpiresAt is { } at && at <= now;

    /// <summary>Bytes of memory that this head takes, about; also of what a listing shows of it.</summary>
    public int SizeBytes => Entry.OverheadBytes + (2 * Key.Length) + (ContentType?.Length ?? 0);
}
