using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Diststore.Settings;

/// <summary>How values of settings are taken: each method hands a good one on, and returns whether it was one.</summary>
public static class SettingValues
{
    /// <summary>The most characters of a name.</summary>
    public const int MaxNameLength = 64;

    /// <summary>What a port is, in words.</summary>
    public const string PortWords = "a port from 1 to 65535";

    /// <summary>How bytes are written, in words.</summary>
    public const string BytesWords = "a number of bytes, or one with KiB, MiB or GiB, ";

    /// <summary>How a time is written, in words.</summary>
    public const string SpanWords = "a time as hh:mm:ss, or d.hh:mm:ss, ";

    /// <summary>What a name is, in words.</summary>
    public static readonly string NameWords = $"1 to {MaxNameLength} letters, digits, dots, dashes or underscores, not dots alone";

    /// <summary>True, whatever was done.</summary>
    public static bool Do(object? done)
    {
        _ = done;
        return true;
    }

    /// <summary>Whether this names a node or a cluster. Names become folders: dots alone would be another one.</summary>
    public static bool IsName(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value.Length is >= 1 and <= MaxNameLength
            && value.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_')
            && value.Any(static c => c != '.');
    }

    /// <summary>Whether this is host:port.</summary>
    public static bool IsHostAndPort(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value.LastIndexOf(':') is > 0 and int colon && TakePort(value[(colon + 1)..], static _ => { });
    }

    /// <summary>Takes an IPv4 address.</summary>
    public static bool TakeIPv4(string value, Action<IPAddress> take)
    {
        // "1" and "1.2" are addresses to the parser; nobody means them.
        bool good = IPAddress.TryParse(value, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetwork
            && value.Count(static c => c == '.') == 3;
        return Take(good, address!, take);
    }

    /// <summary>Takes a port.</summary>
    public static bool TakePort(string value, Action<int> take) => TakeInt(value, 1, IPEndPoint.MaxPort, take);

    /// <summary>Takes a whole number.</summary>
    public static bool TakeInt(string value, int min, int max, Action<int> take) =>
        Take(int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= min && number <= max, number, take);

    /// <summary>Takes true or false.</summary>
    public static bool TakeBool(string value, Action<bool> take) => Take(bool.TryParse(value, out bool flag), flag, take);

    /// <summary>Takes one of the names of an enumeration. Numbers are values to the parser, and nobody means them.</summary>
    public static bool TakeWord<T>(string value, Action<T> take)
        where T : struct, Enum
    {
        ArgumentNullException.ThrowIfNull(value);
        foreach (T word in Enum.GetValues<T>())
        {
            if (value.Equals(word.ToString(), StringComparison.OrdinalIgnoreCase))
            {
                return Take(true, word, take);
            }
        }

        return false;
    }

    /// <summary>Takes a time. A bare "5" would be five days, so there has to be a colon.</summary>
    public static bool TakeSpan(string value, TimeSpan min, TimeSpan max, Action<TimeSpan> take)
    {
        ArgumentNullException.ThrowIfNull(value);
        bool isSpan = TimeSpan.TryParse(value, CultureInfo.InvariantCulture, out TimeSpan span) && value.Contains(':', StringComparison.Ordinal);
        return Take(isSpan && span >= min && span <= max, span, take);
    }

    /// <summary>Takes a number of bytes.</summary>
    public static bool TakeBytes(string value, long min, long max, Action<long> take)
    {
        ArgumentNullException.ThrowIfNull(value);
        (string digits, int shift) = value switch
        {
            _ when value.EndsWith("KiB", StringComparison.OrdinalIgnoreCase) => (value[..^3], 10),
            _ when value.EndsWith("MiB", StringComparison.OrdinalIgnoreCase) => (value[..^3], 20),
            _ when value.EndsWith("GiB", StringComparison.OrdinalIgnoreCase) => (value[..^3], 30),
            _ => (value, 0),
        };
        bool good = long.TryParse(digits.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            && number <= max >> shift && number << shift >= min;
        return Take(good, number << shift, take);
    }

    /// <summary>Takes bearer tokens, at least one: none at all would leave open what was meant to be shut.</summary>
    public static bool TakeTokens(string value, Action<string[]> take)
    {
        ArgumentNullException.ThrowIfNull(value);
        string[] tokens = value.Split(',', StringSplitOptions.TrimEntries);
        return Take(tokens.All(static token => token.Length > 0 && token.All(static c => c is > ' ' and < (char)127)), tokens, take);
    }

    private static bool Take<T>(bool good, T value, Action<T> take)
    {
        if (good)
        {
            take(value);
        }

        return good;
    }
}
