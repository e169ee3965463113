namespace Diststore.Core;

/// <summary>What the registry's decisions depend on.</summary>
/// <param name="MinInSync">As the primary's: below that many members of the in-sync set it refuses writes.</param>
/// <param name="RestartGrace">How long the place of a master that stopped in an orderly way is kept; none by default.</param>
public sealed record RegistrySettings(int MinInSync = 1, TimeSpan RestartGrace = default);
