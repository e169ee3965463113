using System.Collections.Immutable;
using System.Text;

namespace Diststore.Storage;

/// <summary>What has to be known of an entry's row that is being replaced.</summary>
/// <param name="Version">Its version; its sequence is in the change index.</param>
/// <param name="TombstoneTicks">By which moment (UTC ticks) its tombstone ages, or <see langword="null"/>.</param>
/// <param name="ExpiryTicks">When its value expires (UTC ticks), or <see langword="null"/>.</param>
/// <param name="LiveBytes">Bytes of its key and value; none of a tombstone.</param>
/// <param name="HasValueElsewhere">Whether its value has a row of its own.</param>
internal readonly record struct StoredRow(LogPoint Version, long? TombstoneTicks, long? ExpiryTicks, long LiveBytes, bool HasValueElsewhere = false);

/// <summary>What an entry's row holds: the entry, or the head of one whose value has a row of its own.</summary>
internal readonly record struct StoredEntry(Entry? Entry, EntryHead? Head);

/// <summary>
/// The rows of the column families. Appending a field makes a new format, see <see cref="MetaRows.Format"/>.
/// <list type="bullet">
/// <item>entries, local: key → version, flags (1: tombstone, 2: expires, 4: its value has a row of its own), ticks of a
/// tombstone, ticks of the expiry (if it expires), media type, value or, with flag 4, its length</item>
/// <item>values, of entries with flag 4: key → version, value</item>
/// <item>changes: sequence, key → nothing</item>
/// <item>tombstones: ticks, sequence, key → nothing</item>
/// <item>expiries, of what is no tombstone: ticks, key → nothing</item>
/// <item>pending: last sequence → before, ordered at, entries</item>
/// </list>
/// </summary>
internal static class Rows
{
    private const int VersionBytes = 16;
    private const byte TombstoneFlag = 1;
    private const byte ExpiresFlag = 2;
    private const byte ValueElsewhereFlag = 4;

    /// <summary>A longer value, in bytes, has a row of its own: a walk over a thousand heads reads about a megabyte, not gigabytes.</summary>
    public const int MaxInlineBytes = 1024;

    public static byte[] Key(string key) => Encoding.UTF8.GetBytes(key);

    public static string Text(ReadOnlySpan<byte> key) => Encoding.UTF8.GetString(key);

    public static long LiveBytes(Entry entry) => entry.Value is null ? 0 : Encoding.UTF8.GetByteCount(entry.Key) + entry.Value.Length;

    public static RowWriter ChangeKey(RowWriter to, long sequence, string key) => to.Clear().Long(sequence).Tail(key);

    public static RowWriter TombstoneKey(RowWriter to, long ticks, long sequence, string key) =>
        to.Clear().Long(ticks).Long(sequence).Tail(key);

    public static RowWriter ExpiryKey(RowWriter to, long ticks, string key) => to.Clear().Long(ticks).Tail(key);

    public static RowWriter PendingKey(RowWriter to, LogPoint last) => to.Clear().Long(last.Sequence);

    /// <summary>Whether the entry's value, among the applied entries, has a row of its own.</summary>
    public static bool HasValueElsewhere(Entry entry) => entry.Value?.Length > MaxInlineBytes;

    /// <param name="to">Is appended to.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="ticks">By which moment (UTC ticks) a tombstone ages; else unused.</param>
    /// <param name="elsewhere">The value has a row of its own.</param>
    public static RowWriter Entry(RowWriter to, Entry entry, long ticks, bool elsewhere = false)
    {
        int flags = (entry.IsTombstone ? TombstoneFlag : 0) | (entry.ExpiresAt is null ? 0 : ExpiresFlag) | (elsewhere ? ValueElsewhereFlag : 0);
        to.Point(entry.Version).Byte((byte)flags).Long(entry.IsTombstone ? ticks : 0);
        if (entry.ExpiresAt is { } at)
        {
            to.Long(at.UtcTicks);
        }

        to.Text(entry.ContentType);
        return elsewhere ? to.Int(entry.Value!.Length) : to.Bytes(entry.Value);
    }

    /// <summary>The row of a value that has one of its own.</summary>
    public static RowWriter Value(RowWriter to, Entry entry) => to.Clear().Point(entry.Version).Bytes(entry.Value);

    /// <summary>The value, if the row is that version's; else <see langword="null"/>.</summary>
    public static byte[]? ReadValue(LogPoint version, ReadOnlySpan<byte> row)
    {
        var reader = new RowReader(row);
        return reader.Point() == version ? reader.Rest.ToArray() : null;
    }

    /// <summary>The entry of a row that holds it whole.</summary>
    public static Entry ReadEntry(string key, ReadOnlySpan<byte> row) =>
        Read(key, row).Entry ?? throw new ArgumentOutOfRangeException(nameof(row), "the row lacks its value");

    public static StoredEntry Read(string key, ReadOnlySpan<byte> row)
    {
        EntryHead head = ReadHead(key, row, out ReadOnlySpan<byte> value, out bool elsewhere);
        return elsewhere
            ? new StoredEntry(null, head)
            : new StoredEntry(new Entry(key, head.IsTombstone ? null : value.ToArray(), head.ContentType, head.Version, head.ExpiresAt), null);
    }

    public static EntryHead ReadHead(string key, ReadOnlySpan<byte> row) => ReadHead(key, row, out _, out _);

    public static bool IsTombstone(ReadOnlySpan<byte> row) => (row[VersionBytes] & TombstoneFlag) != 0;

    /// <summary>By which moment (UTC ticks) a tombstone ages.</summary>
    public static long TombstoneTicks(ReadOnlySpan<byte> row) => new RowReader(row[(VersionBytes + 1)..]).Long();

    private static EntryHead ReadHead(string key, ReadOnlySpan<byte> row, out ReadOnlySpan<byte> value, out bool elsewhere)
    {
        var reader = new RowReader(row);
        LogPoint version = reader.Point();
        byte flags = reader.Byte();
        reader.Long();
        DateTimeOffset? expiresAt = (flags & ExpiresFlag) != 0 ? new DateTimeOffset(reader.Long(), TimeSpan.Zero) : null;
        string? contentType = Core.Entry.SharedContentType(reader.Text());
        bool isTombstone = (flags & TombstoneFlag) != 0;
        elsewhere = (flags & ValueElsewhereFlag) != 0;
        int length = elsewhere ? reader.Int() : isTombstone ? 0 : reader.Rest.Length;
        value = reader.Rest;
        return new EntryHead(key, version, isTombstone, length, contentType, expiresAt);
    }

    public static StoredRow ReadStored(int keyBytes, ReadOnlySpan<byte> row)
    {
        var reader = new RowReader(row);
        LogPoint version = reader.Point();
        byte flags = reader.Byte();
        long ticks = reader.Long();
        long? expiry = (flags & ExpiresFlag) != 0 ? reader.Long() : null;
        if ((flags & TombstoneFlag) != 0)
        {
            return new StoredRow(version, ticks, null, 0);
        }

        reader.Take(Math.Max(0, reader.Int())); // the media type
        bool elsewhere = (flags & ValueElsewhereFlag) != 0;
        return new StoredRow(version, null, expiry, keyBytes + (elsewhere ? reader.Int() : reader.Rest.Length), elsewhere);
    }

    public static RowWriter Batch(RowWriter to, Batch batch)
    {
        to.Clear().Point(batch.Before).Long(batch.OrderedAt.UtcTicks).Int(batch.Entries.Length);
        foreach (Entry entry in batch.Entries)
        {
            to.Text(entry.Key).Int(RowBytes(entry));
            Entry(to, entry, 0);
        }

        return to;
    }

    public static Batch ReadBatch(ReadOnlySpan<byte> row)
    {
        var reader = new RowReader(row);
        LogPoint before = reader.Point();
        var orderedAt = new DateTimeOffset(reader.Long(), TimeSpan.Zero);
        int count = reader.Int();
        ImmutableArray<Entry>.Builder entries = ImmutableArray.CreateBuilder<Entry>(count);
        for (int i = 0; i < count; i++)
        {
            string key = reader.Text()!;
            entries.Add(ReadEntry(key, reader.Take(reader.Int())));
        }

        return new Batch(before, entries.MoveToImmutable(), orderedAt);
    }

    private static int RowBytes(Entry entry)
    {
        int contentType = entry.ContentType is null ? 0 : Encoding.UTF8.GetByteCount(entry.ContentType);
        int expiry = entry.ExpiresAt is null ? 0 : sizeof(long);
        return VersionBytes + 1 + sizeof(long) + expiry + sizeof(int) + contentType + (entry.Value?.Length ?? 0);
    }
}
