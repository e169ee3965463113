using System.Buffers.Binary;
using System.Text;

namespace Diststore.Load;

/// <summary>An entry that follows from its number, so that what was stored can be asked for and compared without being remembered.</summary>
internal static class NumberedEntry
{
    /// <summary>Bytes of every key.</summary>
    public const int KeyBytes = 22;

    private static ReadOnlySpan<byte> Prefix => "bench/"u8;

    /// <summary>Writes the key: successive numbers lie far apart.</summary>
    public static void WriteKey(ulong number, Span<byte> key)
    {
        Prefix.CopyTo(key);
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, Mix(number));
        Convert.TryToHexStringLower(bytes, key[Prefix.Length..], out _);
    }

    /// <summary>The key as text.</summary>
    public static string Key(ulong number)
    {
        Span<byte> key = stackalloc byte[KeyBytes];
        WriteKey(number, key);
        return Encoding.ASCII.GetString(key);
    }

    /// <summary>Writes the value: bytes that no compression makes smaller.</summary>
    public static void WriteValue(ulong number, Span<byte> value)
    {
        ulong state = Mix(number);
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        for (int at = 0; at < value.Length; at += bytes.Length)
        {
            BinaryPrimitives.WriteUInt64BigEndian(bytes, Mix(++state));
            bytes[..Math.Min(bytes.Length, value.Length - at)].CopyTo(value[at..]);
        }
    }

    // The output function of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): one to one.
    private static ulong Mix(ulong number)
    {
        ulong mixed = number + 0x9E3779B97F4A7C15;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }
}
