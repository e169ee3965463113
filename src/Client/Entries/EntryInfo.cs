namespace Diststore.Client;

/// <summary>What is known of a key besides its value.</summary>
public sealed record EntryInfo
{
    /// <summary>The key.</summary>
    public required string Key { get; init; }

    /// <summary>Which version this is; null for what is local-only.</summary>
    public EntryVersion? Version { get; init; }

    /// <summary>The media type that the value came with.</summary>
    public string ContentType { get; init; } = "";

    /// <summary>Bytes of the value; null where the answer did not tell.</summary>
    public long? Size { get; init; }

    /// <summary>When the value ends, by the primary's clock; null where it does not end, and where only <see cref="ExpiresIn"/> is told.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>How long after the answer the value ends, rounded up to seconds; told by reads of one key.</summary>
    public TimeSpan? ExpiresIn { get; init; }

    /// <summary>How old at most what is shown is, rounded down to seconds; null where the server could not tell.</summary>
    public TimeSpan? Age { get; init; }

    /// <summary>Which node answered.</summary>
    public string? Node { get; init; }
}
