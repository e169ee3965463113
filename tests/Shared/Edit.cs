using CsCheck;

namespace Diststore.Testing;

/// <summary>One way to spoil bytes that were right. Values, so that a failing case can be printed and made smaller.</summary>
/// <param name="Kind">What is done.</param>
/// <param name="At">Where; any number, taken modulo what there is.</param>
/// <param name="Value">The byte that is put there, or the bits that are flipped.</param>
/// <param name="Length">How many bytes are removed, repeated or cut off.</param>
internal readonly record struct Edit(EditKind Kind, int At, byte Value, int Length)
{
    private const int MaxLength = 40;

    /// <summary>Some edits, one after the other.</summary>
    public static Gen<Edit[]> Some { get; } = Gen.Select(
        Gen.Enum<EditKind>(),
        Gen.Int[0, 4000],
        Gen.OneOf(Gen.Byte, Gen.OneOf((byte)0, (byte)1, (byte)0x80, (byte)0xFF)),
        Gen.Int[1, MaxLength],
        static (kind, at, value, length) => new Edit(kind, at, value, length)).Array[1, 4];

    /// <summary>The bytes after all of these edits.</summary>
    public static byte[] All(byte[] bytes, IEnumerable<Edit> edits) => edits.Aggregate(bytes, static (spoiled, edit) => edit.Of(spoiled));

    private byte[] Of(byte[] bytes)
    {
        if (bytes.Length == 0)
        {
            return [Value];
        }

        int at = At % bytes.Length;
        int end = Math.Min(at + Length, bytes.Length);
        return Kind switch
        {
            EditKind.Set => [.. bytes[..at], Value, .. bytes[(at + 1)..]],
            EditKind.Flip => [.. bytes[..at], (byte)(bytes[at] ^ Value), .. bytes[(at + 1)..]],
            EditKind.Insert => [.. bytes[..at], Value, .. bytes[at..]],
            EditKind.Remove => [.. bytes[..at], .. bytes[end..]],
            EditKind.Repeat => [.. bytes[..end], .. bytes[at..]],
            EditKind.Cut => bytes[..at],
            _ => [.. bytes, .. Enumerable.Repeat(Value, Length)],
        };
    }
}

/// <summary>What an <see cref="Edit"/> does.</summary>
internal enum EditKind
{
    Set = 0,
    Flip = 1,
    Insert = 2,
    Remove = 3,
    Repeat = 4,
    Cut = 5,
    Append = 6,
}
