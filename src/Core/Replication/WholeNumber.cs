using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Diststore.Core;

/// <summary>A value that is a whole number: strict decimal text, as <see cref="Text"/> gives it, of signed 64 bits.</summary>
internal static class WholeNumber
{
    /// <summary>The longest text of one, in bytes.</summary>
    public const int MaxBytes = 20;

    /// <summary>Adds to what a key holds, 0 where it is absent. What is wrong, in words for the caller, or <see langword="null"/>.</summary>
    public static string? TryAdd(in Newest held, long by, out long sum)
    {
        sum = 0;
        if (held.Live is { } live && (live.ValueBytes > MaxBytes || !TryParse(held.Value, out sum)))
        {
            return "the value is no whole number in decimal text, of signed 64 bits";
        }

        long before = sum;
        sum = unchecked(before + by);
        return (before ^ sum) < 0 && (by ^ sum) < 0 ? $"{by} added to {before} is beyond signed 64 bits" : null;
    }

    /// <summary>Decimal text, without a sign unless it is negative.</summary>
    public static byte[] Text(long number) => Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));

    // Only what would be written so: no plus, blanks, leading zeros or -0.
    private static bool TryParse(ReadOnlySpan<byte> text, out long number)
    {
        Span<byte> written = stackalloc byte[MaxBytes];
        return Utf8Parser.TryParse(text, out number, out int read) && read == text.Length
            && Utf8Formatter.TryFormat(number, written, out int length) && text.SequenceEqual(written[..length]);
    }
}
