using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Diststore.Core;

namespace Diststore.Http;

/// <summary>How long a value lives, as requests give it: in seconds, whole or decimal.</summary>
internal static class TimeToLive
{
    /// <summary>Reads the parameter or field <c>ttl</c>; an absent one means for ever.</summary>
    public static bool TryParse(string? text, out TimeSpan? life, [NotNullWhen(false)] out string? problem)
    {
        life = null;
        problem = null;
        if (text is null)
        {
            return true;
        }

        // The parser lets NULs at the end pass.
        if (!text.Contains('\0', StringComparison.Ordinal)
            && decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal seconds)
            && seconds <= (decimal)Write.MaxTimeToLive.TotalSeconds)
        {
            life = TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond));
        }

        problem = life > TimeSpan.Zero ? null : $"ttl takes seconds, above 0 and up to {Write.MaxTimeToLive.TotalSeconds:F0}";
        return problem is null;
    }
}
