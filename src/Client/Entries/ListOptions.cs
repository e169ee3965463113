namespace Diststore.Client;

/// <summary>What a listing asks for.</summary>
public sealed record ListOptions : CallOptions
{
    /// <summary>The greatest page that a server makes.</summary>
    public const int MaxPageSize = 1_000;

    /// <summary>Begin after this key, which need not exist; null: with the first.</summary>
    public string? After { get; init; }

    /// <summary>Keys asked for at a time, 1 to <see cref="MaxPageSize"/>. The listing goes on by itself.</summary>
    public int PageSize { get; init; } = MaxPageSize;

    /// <summary>How fresh each page has to be. A listing of several pages is no picture of one moment either way.</summary>
    public Consistency Consistency { get; init; }
}
