namespace Diststore.Client;

/// <summary>How many keys there are.</summary>
/// <param name="Keys">Their number.</param>
/// <param name="Bytes">The bytes of their values.</param>
public sealed record KeyCount(long Keys, long Bytes);
