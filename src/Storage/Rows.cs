using System.Collections.Immutable;
using System.Text;

namespace Diststore.Storage;

/// <summary>What has to be known of an entry that is being replaced.</summary>
/// <param name="Version">Its version; its sequence is in the change index.</param>
/// <param name="TombstoneTicks">By which moment (UTC ticks) its tombstone ages, or <see langword="null"/>.</param>
/// <param name="ExpiryTicks">When its value expires (UTC ticks), or <see langword="null"/>.</param>
/// <param name="LiveBytes">Bytes of its key and value; none of a tombstone.</param>
internal readonly record struct EntryHeader(LogPoint Version, long? TombstoneTicks, long? ExpiryTicks, long LiveBytes);

/// <summary>
/// The rows of the column families. Appending a field makes a new format, see <see cref="MetaRows.Format"/>.
/// <list type="bullet">
/// <item>entries, local: key → version, flags (1: tombstone, 2: expires), ticks of a tombstone, ticks of the expiry (if it
/// expires), media type, value</item>
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

    public static byte[] Key(string key) => Encoding.UTF8.GetBytes(key);

    public static string Text(ReadOnlySpan<byte> key) => Encoding.UTF8.GetString(key);

    public static long LiveBytes(Entry entry) => entry.Value is null ? 0 : Encoding.UTF8.GetByteCount(entry.Key) + entry.Value.Length;

    public static RowWriter ChangeKey(RowWriter to, long sequence, string key) => to.Clear().Long(sequence).Tail(key);

    public static RowWriter TombstoneKey(RowWriter to, long ticks, long sequence, string key) =>
        to.Clear().Long(ticks).Long(sequence).Tail(key);

    public static RowWriter ExpiryKey(RowWriter to, long ticks, string key) => to.Clear().Long(ticks).Tail(key);

    public static RowWriter PendingKey(RowWriter to, LogPoint last) => to.Clear().Long(last.Sequence);

    /// <param name="to">Is appended to.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="ticks">By which moment (UTC ticks) a tombstone ages; else unused.</param>
    public static RowWriter Entry(RowWriter to, Entry entry, long ticks)
    {
        int flags = (entry.IsTombstone ? TombstoneFlag : 0) | (entry.ExpiresAt is null ? 0 : ExpiresFlag);
        to.Point(entry.Version).Byte((byte)flags).Long(entry.IsTombstone ? ticks : 0);
        if (entry.ExpiresAt is { } at)
        {
            to.Long(at.UtcTicks);
        }

        return to.Text(entry.ContentType).Bytes(entry.Value);
    }

    public static Entry ReadEntry(string key, ReadOnlySpan<byte> row)
    {
        var reader = new RowReader(row);
        LogPoint version = reader.Point();
        byte flags = reader.Byte();
        reader.Long();
        DateTimeOffset? expiresAt = (flags & ExpiresFlag) != 0 ? new DateTimeOffset(reader.Long(), TimeSpan.Zero) : null;
        string? contentType = Core.Entry.SharedContentType(reader.Text());
        return new Entry(key, (flags & TombstoneFlag) != 0 ? null : reader.Rest.ToArray(), contentType, version, expiresAt);
    }

    public static EntryHeader ReadHeader(int keyBytes, ReadOnlySpan<byte> row)
    {
        var reader = new RowReader(row);
        LogPoint version = reader.Point();
        byte flags = reader.Byte();
        long ticks = reader.Long();
        long? expiry = (flags & ExpiresFlag) != 0 ? reader.Long() : null;
        if ((flags & TombstoneFlag) != 0)
        {
            return new EntryHeader(version, ticks, null, 0);
        }

        int contentType = Math.Max(0, reader.Int());
        return new EntryHeader(version, null, expiry, keyBytes + reader.Rest.Length - contentType);
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
