using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Diststore.Logging;

/// <summary>A line of the log: date and time of day, level, category with the event's number, message, and the exception if any.</summary>
internal static class LineFormat
{
    /// <summary>Characters of a line; the rest of a longer one is left out.</summary>
    public const int MaxCharacters = 32 * 1024;

    /// <summary>Date and time of day, as all lines begin with.</summary>
    public static string Stamp(TimeProvider time) => time.GetLocalNow().ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture);

    /// <summary>Puts a line together.</summary>
    public static string Format(TimeProvider time, LogLevel level, string category, int eventId, string message, Exception? exception)
    {
        var line = new StringBuilder(Stamp(time));
        line.Append(' ').Append(Word(level)).Append(": ").Append(category).Append('[').Append(eventId).Append("] ").Append(message);
        if (exception is not null)
        {
            line.Append(' ').Append(exception);
        }

        if (line.Length > MaxCharacters)
        {
            line.Length = MaxCharacters;
            line.Append(" ...");
        }

        return line.ToString().ReplaceLineEndings(" ");
    }

    private static string Word(LogLevel level) => level switch
    {
        LogLevel.Trace => "trce",
        LogLevel.Debug => "dbug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "fail",
        _ => "crit",
    };
}
