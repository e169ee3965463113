using System.Collections.Immutable;
using System.Text;

namespace Diststore.Storage;

/// <summary>What has to be known of an entry that is being replaced.</summary>
/// <param name="Version">Its version; its sequence is in the change index.</param>
/// <param name="TombstoneTicks">By which moment (UTC ticks) its tombstone ages, or <see langword="null"/>.</param>
/// <param name="DataBytes">What it counts for the quota.</param>
internal readonly record struct EntryHeader(LogPoint Version, long? TombstoneTicks, long DataBytes);

/// <summary>
/// The rows of the column families. Appending a field makes a new format, see <see cref="MetaRows.Format"/>.
/// <list type="bullet">
/// <item>entries, local: key → version, tombstone?, ticks, media type, value</item>
/// <item>changes: sequence, key → nothing</item>
/// <item>tombstones: ticks, sequence, key → nothing</item>
/// <item>pending: last sequence → before, ordered at, entries</item>
/// </list>
/// </summary>
internal static class Rows
{
    private const int VersionBytes = 16;

    public static byte[] Key(string key) => Encoding.UTF8.GetBytes(key);

    public static string Text(ReadOnlySpan<byte> key) => Encoding.UTF8.GetString(key);

    public static long DataBytes(Entry entry) => entry.Value is null ? 0 : Encoding.UTF8.GetByteCount(entry.Key) + entry.Value.Length;

    public static RowWriter ChangeKey(RowWriter to, long sequence, string key) => to.Clear().Long(sequence).Tail(key);

    public static RowWriter TombstoneKey(RowWriter to, long ticks, long sequence, string key) =>
        to.Clear().Long(ticks).Long(sequence).Tail(key);

    public static RowWriter PendingKey(RowWriter to, LogPoint last) => to.Clear().Long(last.Sequence);

    /// <param name="to">Is appended to.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="ticks">By which moment (UTC ticks) a tombstone ages; else unused.</param>
    public static RowWriter Entry(RowWriter to, Entry entry, long ticks) =>
        to.Point(entry.Version).Flag(entry.IsTombstone).Long(entry.IsTombstone ? ticks : 0).Text(entry.ContentType).Bytes(entry.Value);

    public static Entry ReadEntry(string key, ReadOnlySpan<byte> row)
    {
        var reader = new RowReader(row);
        LogPoint version = reader.Point();
        bool isTombstone = reader.Flag();
        reader.Long();
        string? contentType = Shared(reader.Text());
        return new Entry(key, isTombstone ? null : reader.Rest.ToArray(), contentType, version);
    }

    public static EntryHeader ReadHeader(int keyBytes, ReadOnlySpan<byte> row)
    {
        var reader = new RowReader(row);
        LogPoint version = reader.Point();
        bool isTombstone = reader.Flag();
        long ticks = reader.Long();
        int contentType = Math.Max(0, reader.Int());
        return new EntryHeader(version, isTombstone ? ticks : null, isTombstone ? 0 : keyBytes + reader.Rest.Length - contentType);
    }

    public static RowWriter Batch(RowWriter to, Batch batch)
    {
        to.Clear().Point(batch.Before).Long(batch.OrderedAt.UtcTicks).Int(batch.Entries.Length);
        foreach (Entry entry in batch.Entries)
        {
            int contentType = entry.ContentType is null ? 0 : Encoding.UTF8.GetByteCount(entry.ContentType);
            to.Text(entry.Key).Int(VersionBytes + 1 + sizeof(long) + sizeof(int) + contentType + (entry.Value?.Length ?? 0));
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

    // Few media types are in use; one string for all entries of the common ones.
    private static string? Shared(string? contentType) =>
        contentType is null ? null : string.IsInterned(contentType) ?? contentType;
}
