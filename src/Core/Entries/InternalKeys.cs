using System.Buffers.Text;

namespace Diststore.Core;

/// <summary>
/// Keys of rows that the masters keep for themselves, a space of its own: they begin with NUL, which no user's key may contain. Batches,
/// syncs and backups carry them; no count, listing, feed, hint or follow answer shows them.
/// </summary>
public static class InternalKeys
{
    /// <summary>The row that says up to which sequence memories of requests are void, as decimal text.</summary>
    public const string VoidUpto = "\0void";

    /// <summary>Before every key of a user, and after every internal one.</summary>
    public const string FirstOfUsers = "\u0001";

    private const int HashBytes = 32;

    /// <summary>Whether that is the key of an internal row.</summary>
    public static bool Is(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return key.Length > 0 && key[0] == '\0';
    }

    /// <summary>The key of what is remembered of a request: NUL and the hash of what tells it from all others, in hex.</summary>
    public static string Memory(ReadOnlySpan<byte> sha256) => "\0" + Convert.ToHexStringLower(sha256);

    /// <summary>The sequence that such a row says memories are void up to.</summary>
    public static long VoidUptoOf(Entry row)
    {
        ArgumentNullException.ThrowIfNull(row);
        return Utf8Parser.TryParse(row.Value, out long sequence, out int read) && read == row.Value!.Length ? sequence : 0;
    }

    /// <summary>Whether that is the key of what is remembered of a request.</summary>
    public static bool IsMemory(string key) => Is(key) && key.Length == 1 + (2 * HashBytes);
}
