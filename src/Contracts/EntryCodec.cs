using System.Buffers;
using System.Text;
using Diststore.Core;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.WireProtocol;

namespace Diststore.Contracts;

/// <summary>
/// An entry among messages: one run of bytes, in which numbers are little-endian and texts UTF-8 with their length. What
/// Orleans generates for a class notes every object, each key and each value, lest one be written twice; with thousands of
/// entries to a page that costs more than all the rest of a sync.
/// <para>
/// Version, flags (1: tombstone, 2: expires, 4: has a media type), ticks of the expiry (UTC), media type, key, value.
/// </para>
/// </summary>
[RegisterSerializer]
public sealed class EntryCodec : IFieldCodec<Entry>
{
    private const byte TombstoneFlag = 1;
    private const byte ExpiresFlag = 2;
    private const byte ContentTypeFlag = 4;
    private const int FixedBytes = (2 * sizeof(long)) + 1 + sizeof(int); // version, flags, length of the key

    /// <inheritdoc/>
    public void WriteField<TBufferWriter>(ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, Entry? value)
        where TBufferWriter : IBufferWriter<byte>
    {
        if (value is null)
        {
            ReferenceCodec.WriteNullReference(ref writer, fieldIdDelta);
            return;
        }

        ReferenceCodec.MarkValueField(writer.Session);
        writer.WriteFieldHeader(fieldIdDelta, expectedType, typeof(Entry), WireType.LengthPrefixed);
        int keyBytes = Encoding.UTF8.GetByteCount(value.Key);
        int contentTypeBytes = value.ContentType is null ? 0 : Encoding.UTF8.GetByteCount(value.ContentType);
        int extra = (value.ExpiresAt is null ? 0 : sizeof(long)) + (value.ContentType is null ? 0 : sizeof(int) + contentTypeBytes);
        writer.WriteVarUInt32((uint)(FixedBytes + extra + keyBytes + (value.Value?.Length ?? 0)));

        writer.WriteInt64(value.Version.Epoch);
        writer.WriteInt64(value.Version.Sequence);
        writer.WriteByte((byte)((value.IsTombstone ? TombstoneFlag : 0)
            | (value.ExpiresAt is null ? 0 : ExpiresFlag)
            | (value.ContentType is null ? 0 : ContentTypeFlag)));
        if (value.ExpiresAt is { } at)
        {
            writer.WriteInt64(at.UtcTicks);
        }

        if (value.ContentType is not null)
        {
            writer.WriteInt32(contentTypeBytes);
            WriteText(ref writer, value.ContentType, contentTypeBytes);
        }

        writer.WriteInt32(keyBytes);
        WriteText(ref writer, value.Key, keyBytes);
        writer.Write(value.Value);
    }

    // Not by Orleans' own way for texts, which relies on the room that a length of variable width before it has left: where one of 512
    // bytes and more begins with a character that has more bytes than are left of the buffer's segment, it throws.
    private static void WriteText<TBufferWriter>(ref Writer<TBufferWriter> writer, string text, int bytes)
        where TBufferWriter : IBufferWriter<byte>
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(bytes);
        try
        {
            writer.Write(rented.AsSpan(0, Encoding.UTF8.GetBytes(text, rented)));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <inheritdoc/>
    public Entry? ReadValue<TInput>(ref Reader<TInput> reader, Field field)
    {
        if (field.IsReference)
        {
            return ReferenceCodec.ReadReference<Entry, TInput>(ref reader, field);
        }

        field.EnsureWireType(WireType.LengthPrefixed);
        ReferenceCodec.MarkValueField(reader.Session);
        uint length = reader.ReadVarUInt32();
        long end = reader.Position + length;

        var version = new LogPoint(reader.ReadInt64(), reader.ReadInt64());
        byte flags = reader.ReadByte();
        DateTimeOffset? expiresAt = (flags & ExpiresFlag) != 0 ? new DateTimeOffset(reader.ReadInt64(), TimeSpan.Zero) : null;
        string? contentType = (flags & ContentTypeFlag) != 0 ? Entry.SharedContentType(StringCodec.ReadRaw(ref reader, reader.ReadUInt32())) : null;
        string key = StringCodec.ReadRaw(ref reader, reader.ReadUInt32());
        long valueBytes = end - reader.Position;
        if (valueBytes < 0)
        {
            throw new InvalidDataException($"an entry of {length} bytes ends {-valueBytes} bytes before its key does");
        }

        byte[] value = reader.ReadBytes((uint)valueBytes);
        return new Entry(key, (flags & TombstoneFlag) != 0 ? null : value, contentType, version, expiresAt);
    }
}

/// <summary>Entries never change, so a copy is the entry itself.</summary>
[RegisterCopier]
public sealed class EntryCopier : ShallowCopier<Entry>;
