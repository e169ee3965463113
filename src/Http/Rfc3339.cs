using System.Globalization;

namespace Diststore.Http;

/// <summary>Moments as JSON shows them: RFC 3339, in UTC, with milliseconds.</summary>
internal static class Rfc3339
{
    public static string Text(DateTimeOffset moment) => moment.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffK", CultureInfo.InvariantCulture);
}
