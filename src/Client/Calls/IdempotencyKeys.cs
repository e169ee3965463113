using System.Security.Cryptography;

namespace Diststore.Client;

/// <summary>What writes are known by.</summary>
internal static class IdempotencyKeys
{
    private const int MaxCharacters = 255;
    private const int RandomBytes = 16;

    /// <summary>The key of a write: the caller's, or a new one that nobody else makes; null where it is not to have one.</summary>
    public static string? Of(WriteCallOptions? options)
    {
        if (options?.IdempotencyKey is not { } key)
        {
            return options?.IsRepeatable is false ? null : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(RandomBytes));
        }

        if (!options.IsRepeatable)
        {
            throw new ArgumentException(
                $"{nameof(options.IdempotencyKey)} makes a write repeatable; leave {nameof(options.IsRepeatable)} true", nameof(options));
        }

        return key.Length is > 0 and <= MaxCharacters && key.All(static c => c is >= ' ' and <= '~')
            ? key
            : throw new ArgumentException($"an idempotency key is 1 to {MaxCharacters} printable characters of ASCII", nameof(options));
    }

    /// <summary>As a string of RFC 9651, section 4.1.6.</summary>
    public static string Quote(string key) =>
        $"\"{key.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
