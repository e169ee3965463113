using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Diststore.Storage;

/// <summary>What a backup holds.</summary>
/// <param name="ClusterId">The cluster that it was taken of.</param>
/// <param name="Applied">The applied point that it shows.</param>
/// <param name="Entries">How many entries are no tombstones.</param>
/// <param name="Bytes">The length of the file.</param>
public sealed record BackupInfo(string ClusterId, LogPoint Applied, long Entries, long Bytes);

/// <summary>
/// The file of a backup: <c>DSBACKUP</c>, format (4 bytes, big-endian like all numbers), the state's rows and the cluster's
/// name, each with its length (4 bytes); then for each entry in key order the lengths of key and row, the key, and the row
/// as the store holds it; a zero; SHA-256 of all before. A file without its end is not a backup.
/// </summary>
internal static class BackupFile
{
    /// <summary>Raised when an older release could not read what this one writes.</summary>
    public const int Format = 1;

    private const int MaxRowBytes = 1 << 30;

    private static ReadOnlySpan<byte> Magic => "DSBACKUP"u8;

    public static void WriteHead(RowWriter to, string clusterId, ReadOnlySpan<byte> pointRow, ReadOnlySpan<byte> epochsRow) =>
        to.Bytes(Magic).Int(Format).Text(clusterId).Int(pointRow.Length).Bytes(pointRow).Int(epochsRow.Length).Bytes(epochsRow);

    public static void WriteEntry(RowWriter to, ReadOnlySpan<byte> key, ReadOnlySpan<byte> row) =>
        to.Int(key.Length).Int(row.Length).Bytes(key).Bytes(row);

    public static void WriteEnd(RowWriter to) => to.Int(0);

    /// <summary>Reads it to its end.</summary>
    /// <exception cref="InvalidDataException">It is no backup, or not a whole one.</exception>
    public static (string ClusterId, StoreState State) Check(Stream file)
    {
        using var reader = new Reader(file);
        (string, StoreState) head = reader.ReadHead();
        while (reader.ReadEntry() is not null)
        {
        }

        return head;
    }

    /// <summary>Reads a backup once, from its start; at its end it compares the checksum.</summary>
    public sealed class Reader(Stream file) : IDisposable
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public (string ClusterId, StoreState State) ReadHead()
        {
            if (!Take(Magic.Length).AsSpan().SequenceEqual(Magic))
            {
                throw new InvalidDataException("it is no backup");
            }

            int format = Int();
            if (format > Format)
            {
                throw new InvalidDataException($"a newer release wrote it (format {format}, this one reads up to {Format})");
            }

            string clusterId = Rows.Text(Take(Length()));
            byte[] point = Take(Length());
            byte[] epochs = Take(Length());
            try
            {
                return (clusterId, MetaRows.ReadPoint(point) with { Epochs = MetaRows.ReadEpochs(epochs) });
            }
            catch (Exception e) when (e is ArgumentException or OverflowException)
            {
                throw new InvalidDataException("it is damaged", e);
            }
        }

        /// <summary>The next entry, or <see langword="null"/> at the end.</summary>
        public (byte[] Key, byte[] Row)? ReadEntry()
        {
            int keyBytes = Length();
            if (keyBytes > 0)
            {
                int rowBytes = Length();
                byte[] key = Take(keyBytes);
                return (key, Take(rowBytes));
            }

            byte[] expected = _hash.GetHashAndReset();
            return Take(expected.Length).AsSpan().SequenceEqual(expected) ? null : throw new InvalidDataException("it is damaged: its checksum does not fit");
        }

        public void Dispose() => _hash.Dispose();

        private int Int() => BinaryPrimitives.ReadInt32BigEndian(Take(sizeof(int)));

        private int Length()
        {
            int length = Int();
            return length is >= 0 and <= MaxRowBytes ? length : throw new InvalidDataException("it is damaged");
        }

        private byte[] Take(int count)
        {
            byte[] bytes = new byte[count];
            if (file.ReadAtLeast(bytes, count, throwOnEndOfStream: false) < count)
            {
                throw new InvalidDataException("it ends too early");
            }

            _hash.AppendData(bytes);
            return bytes;
        }
    }
}
