namespace Diststore.Core;

/// <summary>Random ids from an injected source, so that a simulation replays.</summary>
public static class Ids
{
    /// <summary>128 random bits.</summary>
    public static Guid Next(Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        Span<byte> bytes = stackalloc byte[16];
        random.NextBytes(bytes);
        return new Guid(bytes);
    }
}
