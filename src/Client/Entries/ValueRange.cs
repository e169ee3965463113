using System.Globalization;

namespace Diststore.Client;

/// <summary>A part of a value, in bytes from 0.</summary>
/// <param name="First">The first byte.</param>
/// <param name="Last">The last byte, included; null: to the end.</param>
public readonly record struct ValueRange(long First, long? Last = null)
{
    /// <summary>
    /// The version that the part is to be of. Where the key has another by now, the whole value of that one comes instead, and
    /// <see cref="OpenedEntry.Offset"/> is 0.
    /// </summary>
    public EntryVersion? OfVersion { get; init; }

    internal string ToHeader()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(First);
        if (Last < First)
        {
            throw new ArgumentException("the last byte of a range lies before its first");
        }

        return string.Create(CultureInfo.InvariantCulture, $"bytes={First}-{Last}");
    }
}
