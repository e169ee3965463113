using System.Text;

namespace Diststore.Core;

/// <summary>What a key may be: UTF-8, 1 to 1,024 bytes, any character but NUL.</summary>
public static class KeyRules
{
    /// <summary>The longest key, in bytes of UTF-8.</summary>
    public const int MaxBytes = 1024;

    /// <summary>What is wrong with <paramref name="key"/>, in words for the caller, or <see langword="null"/>.</summary>
    public static string? Problem(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (key.Length == 0)
        {
            return "the key is empty";
        }

        if (key.Contains('\0', StringComparison.Ordinal))
        {
            return "the key contains NUL";
        }

        if (!IsWellFormed(key))
        {
            return "the key is not valid UTF-8";
        }

        // A UTF-16 unit is at most three bytes of UTF-8, so short keys need no counting.
        return key.Length * 3 > MaxBytes && Encoding.UTF8.GetByteCount(key) > MaxBytes
            ? $"the key is longer than {MaxBytes} bytes of UTF-8"
            : null;
    }

    private static bool IsWellFormed(string key)
    {
        for (int i = 0; i < key.Length; i++)
        {
            if (char.IsSurrogate(key[i]) && !(i + 1 < key.Length && char.IsSurrogatePair(key[i], key[++i])))
            {
                return false;
            }
        }

        return true;
    }
}
