using System.Globalization;

namespace Diststore.Core;

/// <summary>
/// A place in the primary's log: the epoch that a write was ordered in and its sequence, which starts at 1 and goes on
/// across epochs. It is also the version of the entry that the write made; of two versions the higher one wins.
/// </summary>
[GenerateSerializer, Immutable, Alias("diststore.point")]
public readonly record struct LogPoint([property: Id(0)] long Epoch, [property: Id(1)] long Sequence) : IComparable<LogPoint>
{
    /// <summary>Before the first write of all.</summary>
    public static LogPoint Zero => default;

    /// <summary>Compares by epoch, then by sequence.</summary>
    public int CompareTo(LogPoint other)
    {
        int byEpoch = Epoch.CompareTo(other.Epoch);
        return byEpoch != 0 ? byEpoch : Sequence.CompareTo(other.Sequence);
    }

    /// <summary>Whether <paramref name="left"/> is the older one.</summary>
    public static bool operator <(LogPoint left, LogPoint right) => left.CompareTo(right) < 0;

    /// <summary>Whether <paramref name="left"/> is the newer one.</summary>
    public static bool operator >(LogPoint left, LogPoint right) => left.CompareTo(right) > 0;

    /// <summary>Whether <paramref name="left"/> is the older one or the same.</summary>
    public static bool operator <=(LogPoint left, LogPoint right) => left.CompareTo(right) <= 0;

    /// <summary>Whether <paramref name="left"/> is the newer one or the same.</summary>
    public static bool operator >=(LogPoint left, LogPoint right) => left.CompareTo(right) >= 0;

    /// <summary>Reads what <see cref="ToString"/> gives, and nothing else: neither signs nor leading zeros.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out LogPoint point)
    {
        point = default;
        int dash = text.IndexOf('-');
        if (dash < 0 || !TryParseNumber(text[..dash], out long epoch) || !TryParseNumber(text[(dash + 1)..], out long sequence))
        {
            return false;
        }

        point = new LogPoint(epoch, sequence);
        return true;
    }

    private static bool TryParseNumber(ReadOnlySpan<char> text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && (text.Length == 1 || text[0] != '0');

    /// <summary><c>epoch-sequence</c>, the form that ETags and change ids have.</summary>
    public override string ToString() => $"{Epoch}-{Sequence}";
}
