using System.Text;
using System.Text.Unicode;
using Diststore.Core;

namespace Diststore.Http;

/// <summary>Strict percent-decoding (RFC 3986, section 2.1), once: what is malformed is refused, never guessed at.</summary>
internal static class PercentDecoder
{
    /// <summary>Decodes where the text stands. Returns the decoded length, or -1 where a <c>%</c> has no two hexadecimal digits after it.</summary>
    public static int DecodeInPlace(Span<byte> text, bool plusIsSpace)
    {
        int written = 0;
        for (int read = 0; read < text.Length; read++)
        {
            byte value = text[read];
            if (value == '%')
            {
                if (read + 2 >= text.Length || !char.IsAsciiHexDigit((char)text[read + 1]) || !char.IsAsciiHexDigit((char)text[read + 2]))
                {
                    return -1;
                }

                value = (byte)((Digit(text[read + 1]) << 4) | Digit(text[read + 2]));
                read += 2;
            }
            else if (value == '+' && plusIsSpace)
            {
                value = (byte)' ';
            }

            text[written++] = value;
        }

        return written;
    }

    /// <summary>
    /// Decodes a key, or what is compared with keys: at most <see cref="KeyRules.MaxBytes"/> bytes of UTF-8 without NUL; may be empty.
    /// </summary>
    /// <param name="text">A part of the request target.</param>
    /// <param name="plusIsSpace">Whether <c>+</c> stands for a space, as it does in queries.</param>
    /// <param name="what">What it is, for <paramref name="problem"/>: "the key".</param>
    /// <param name="value">The decoded text.</param>
    /// <param name="problem">What is wrong, for the caller.</param>
    public static bool TryDecode(ReadOnlySpan<char> text, bool plusIsSpace, string what, out string value, out string? problem)
    {
        value = "";
        if (text.Length > 3 * KeyRules.MaxBytes)
        {
            problem = TooLong(what);
            return false;
        }

        if (Ascii.IsValid(text) && !text.ContainsAny('%', '\0') && !(plusIsSpace && text.Contains('+')))
        {
            problem = text.Length > KeyRules.MaxBytes ? TooLong(what) : null;
            value = problem is null ? new string(text) : "";
            return problem is null;
        }

        // UTF-8 of a UTF-16 unit is at most three bytes. Unpaired surrogates come out as "?": Kestrel gives ASCII only.
        Span<byte> bytes = stackalloc byte[9 * KeyRules.MaxBytes];
        bytes = bytes[..Encoding.UTF8.GetBytes(text, bytes)];
        int length = DecodeInPlace(bytes, plusIsSpace);
        problem = length < 0 ? $"{what} has an invalid percent-encoding: each % must be followed by two hexadecimal digits"
            : length > KeyRules.MaxBytes ? TooLong(what)
            : bytes[..length].Contains((byte)0) ? $"{what} contains NUL"
            : !Utf8.IsValid(bytes[..length]) ? $"{what} is not valid UTF-8"
            : null;
        value = problem is null ? Encoding.UTF8.GetString(bytes[..length]) : "";
        return problem is null;
    }

    private static string TooLong(string what) => $"{what} is longer than {KeyRules.MaxBytes} bytes of UTF-8";

    private static int Digit(byte hex) => hex <= '9' ? hex - '0' : (hex | 0x20) - 'a' + 10;
}
