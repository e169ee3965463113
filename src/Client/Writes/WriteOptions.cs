namespace Diststore.Client;

/// <summary>What a write asks for besides what it writes.</summary>
public abstract record WriteCallOptions : CallOptions
{
    private protected WriteCallOptions()
    {
    }

    /// <summary>
    /// What the write is known by, 1 to 255 characters of ASCII; null: a new one. Of writes with the same key and the same content the cluster does one
    /// and answers them all alike. Give that of a <see cref="DiststoreOutcomeUnknownException"/> to go on with a write.
    /// </summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>
    /// Whether the write carries an idempotency key, so that it may be repeated when its answer is lost. Without, such a write ends with a
    /// <see cref="DiststoreOutcomeUnknownException"/> at once, and the cluster need not remember it.
    /// </summary>
    public bool IsRepeatable { get; init; } = true;
}

/// <summary>What a delete or a change of expiry asks for.</summary>
public sealed record WriteOptions : WriteCallOptions
{
    /// <summary>What has to hold of the key for the write to be done.</summary>
    public WriteCondition? Condition { get; init; }
}

/// <summary>What a put asks for.</summary>
public sealed record PutOptions : WriteCallOptions
{
    /// <summary>What has to hold of the key for the write to be done.</summary>
    public WriteCondition? Condition { get; init; }

    /// <summary>The value's media type; null: <c>text/plain; charset=utf-8</c> for text, <c>application/octet-stream</c> for bytes.</summary>
    public string? ContentType { get; init; }

    /// <summary>When the value ends.</summary>
    public Expiry Expiry { get; init; }
}

/// <summary>What an addition asks for.</summary>
public sealed record AddOptions : WriteCallOptions
{
    /// <summary>What has to hold of the key for the write to be done.</summary>
    public WriteCondition? Condition { get; init; }

    /// <summary>How long the number lives where this creates it; a number that is there keeps its time.</summary>
    public TimeSpan? LifeIfCreated { get; init; }
}

/// <summary>What a transaction asks for.</summary>
public sealed record TransactionOptions : WriteCallOptions;

/// <summary>What has to hold of a key for a write to be done; judged by the primary, in the order of the writes.</summary>
public sealed record WriteCondition
{
    private WriteCondition(string header, string value) => (Header, Value) = (header, value);

    /// <summary>There is no such key.</summary>
    public static WriteCondition IfAbsent { get; } = new("If-None-Match", "*");

    /// <summary>There is such a key.</summary>
    public static WriteCondition IfExists { get; } = new("If-Match", "*");

    internal string Header { get; }

    internal string Value { get; }

    /// <summary>The key has this version.</summary>
    public static WriteCondition IfVersion(EntryVersion version) => new("If-Match", version.ToEntityTag());

    /// <summary>The key does not have this version.</summary>
    public static WriteCondition IfNotVersion(EntryVersion version) => new("If-None-Match", version.ToEntityTag());
}
