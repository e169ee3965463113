using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Diststore.Storage;

/// <summary>Builds rows: big-endian numbers, so that the order of the bytes is that of the numbers; texts with their length.</summary>
internal sealed class RowWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new(256);

    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    public RowWriter Clear()
    {
        _buffer.ResetWrittenCount();
        return this;
    }

    public RowWriter Byte(byte value)
    {
        _buffer.GetSpan(1)[0] = value;
        _buffer.Advance(1);
        return this;
    }

    public RowWriter Flag(bool value) => Byte(value ? (byte)1 : (byte)0);

    public RowWriter Int(int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(_buffer.GetSpan(sizeof(int)), value);
        _buffer.Advance(sizeof(int));
        return this;
    }

    public RowWriter Long(long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(_buffer.GetSpan(sizeof(long)), value);
        _buffer.Advance(sizeof(long));
        return this;
    }

    public RowWriter Point(LogPoint value) => Long(value.Epoch).Long(value.Sequence);

    public RowWriter Id(Guid value)
    {
        value.TryWriteBytes(_buffer.GetSpan(16));
        _buffer.Advance(16);
        return this;
    }

    /// <summary>The text's bytes, without their length: the last thing in a row.</summary>
    public RowWriter Tail(string value)
    {
        Encoding.UTF8.GetBytes(value, _buffer);
        return this;
    }

    public RowWriter Bytes(ReadOnlySpan<byte> value)
    {
        _buffer.Write(value);
        return this;
    }

    /// <summary>A text or <see langword="null"/>, with its length.</summary>
    public RowWriter Text(string? value)
    {
        if (value is null)
        {
            return Int(-1);
        }

        return Int(Encoding.UTF8.GetByteCount(value)).Tail(value);
    }
}

/// <summary>Reads what a <see cref="RowWriter"/> wrote. A row that is too short throws <see cref="ArgumentOutOfRangeException"/>.</summary>
internal ref struct RowReader(ReadOnlySpan<byte> row)
{
    private ReadOnlySpan<byte> _rest = row;

    public readonly ReadOnlySpan<byte> Rest => _rest;

    public byte Byte() => Take(1)[0];

    public bool Flag() => Byte() != 0;

    public int Int() => BinaryPrimitives.ReadInt32BigEndian(Take(sizeof(int)));

    public long Long() => BinaryPrimitives.ReadInt64BigEndian(Take(sizeof(long)));

    public LogPoint Point()
    {
        long epoch = Long();
        return new LogPoint(epoch, Long());
    }

    public Guid Id() => new(Take(16));

    public string? Text()
    {
        int length = Int();
        return length < 0 ? null : Encoding.UTF8.GetString(Take(length));
    }

    public ReadOnlySpan<byte> Take(int count)
    {
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
