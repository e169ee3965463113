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
        decimal seconds = 0;
        return (!text.Contains('\0', StringComparison.Ordinal)
            && decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out seconds))
            ? TryOf(seconds, out life, out problem)
            : TryOf(0, out life, out problem);
    }

    /// <summary>So many seconds.</summary>
    public static bool TryOf(decimal seconds, out TimeSpan? life, [NotNullWhen(false)] out string? problem)
    {
        life = seconds >= 0 && seconds <= (decimal)Write.MaxTimeToLive.TotalSeconds ? TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond)) : null;
        problem = life > TimeSpan.Zero ? null : $"ttl takes seconds, above 0 and up to {Write.MaxTimeToLive.TotalSeconds:F0}";
        return problem is null;
    }
}
