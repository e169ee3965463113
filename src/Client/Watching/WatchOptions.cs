namespace Diststore.Client;

/// <summary>What a watch shows.</summary>
public sealed record WatchOptions
{
    /// <summary>Only keys that begin so; not together with <see cref="Key"/>.</summary>
    public string? Prefix { get; init; }

    /// <summary>Only this key.</summary>
    public string? Key { get; init; }

    /// <summary>The <see cref="Change.Id"/> to go on after; null: from the beginning, each key's latest change first.</summary>
    public string? Since { get; init; }

    /// <summary>Whether changes bring the values along.</summary>
    public bool Values { get; init; } = true;

    /// <summary>Whether it goes on with what changes from now on; else it ends after what there is.</summary>
    public bool Live { get; init; } = true;

    /// <summary>
    /// Whether it also gives <see cref="ChangeKind.Position"/>: up to where nothing that is asked for has changed. Who keeps ids over restarts stays
    /// near the end by them although the own keys change seldom.
    /// </summary>
    public bool ReportPositions { get; init; }
}
