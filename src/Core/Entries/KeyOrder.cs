namespace Diststore.Core;

/// <summary>
/// The order of keys in listings: that of their UTF-8 bytes, which is the order of their code points. It differs from
/// UTF-16's where surrogates meet U+E000 to U+FFFF.
/// </summary>
public sealed class KeyOrder : IComparer<string>
{
    /// <summary>The one instance.</summary>
    public static KeyOrder Instance { get; } = new();

    /// <inheritdoc/>
    public int Compare(string? x, string? y)
    {
        ReadOnlySpan<char> left = x, right = y;
        int same = left.CommonPrefixLength(right);
        if (same == left.Length || same == right.Length)
        {
            return left.Length.CompareTo(right.Length);
        }

        return Rank(left[same]).CompareTo(Rank(right[same]));
    }

    // Surrogates stand for code points above U+FFFF, so they rank above every other unit (RFC 3629, section 1).
    private static int Rank(char unit) => char.IsSurrogate(unit) ? unit + 0x10000 : unit;
}
