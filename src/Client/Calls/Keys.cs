using System.Text;

namespace Diststore.Client;

/// <summary>What may be a key, and how it stands in a request's target.</summary>
internal static class Keys
{
    public const int MaxBytes = 1_024;

    // What is no text, as half a pair of surrogates, has no UTF-8.
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Throws where no server takes the key.</summary>
    /// <exception cref="ArgumentException">It is empty, longer than <see cref="MaxBytes"/>, holds NUL, or is no text.</exception>
    public static void Check(string key)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        int bytes = CountBytes(key, nameof(key));
        if (bytes > MaxBytes)
        {
            throw new ArgumentException($"a key takes at most {MaxBytes} bytes of UTF-8; this one has {bytes}", nameof(key));
        }

        CheckNoNul(key, nameof(key));
    }

    /// <summary>Throws where the text cannot be the beginning of a key.</summary>
    public static void CheckPrefix(string prefix)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        _ = CountBytes(prefix, nameof(prefix));
        CheckNoNul(prefix, nameof(prefix));
    }

    /// <summary>The key as one segment of a path, which nobody on the way takes for anything else.</summary>
    public static string ToSegment(string key)
    {
        Check(key);
        // A segment of dots alone goes up; there is no other that the standards give a meaning to.
        return key is "." or ".." ? key.Replace(".", "%2E", StringComparison.Ordinal) : Escape(key);
    }

    /// <summary>All but unreserved characters (RFC 3986, section 2.3) percent-encoded.</summary>
    public static string Escape(string text)
    {
        byte[] bytes = StrictUtf8.GetBytes(text);
        var escaped = new StringBuilder(bytes.Length + 16);
        foreach (byte value in bytes)
        {
            if (char.IsAsciiLetterOrDigit((char)value) || value is (byte)'-' or (byte)'.' or (byte)'_' or (byte)'~')
            {
                escaped.Append((char)value);
            }
            else
            {
                escaped.Append('%').Append(Digit(value >> 4)).Append(Digit(value & 15));
            }
        }

        return escaped.ToString();
    }

    private static char Digit(int value) => (char)(value < 10 ? '0' + value : 'A' + value - 10);

    private static int CountBytes(string text, string name)
    {
        try
        {
            return StrictUtf8.GetByteCount(text);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException("it holds half a pair of surrogates, which is no text", name, e);
        }
    }

    private static void CheckNoNul(string text, string name)
    {
        if (text.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException("it holds NUL", name);
        }
    }
}
