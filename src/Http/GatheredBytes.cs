using System.Buffers;
using System.Numerics;

namespace Diststore.Http;

/// <summary>How gathering some more bytes ended.</summary>
internal enum Gathering
{
    /// <summary>They are there.</summary>
    Done = 0,

    /// <summary>These would be more than are taken.</summary>
    TooLong = 1,

    /// <summary>The budget has no room for them.</summary>
    NoRoom = 2,
}

/// <summary>
/// Gathers the bytes of a body or of a form's field as they come, in steps of <see cref="ByteBudget.StepBytes"/>, each of which is
/// reserved first. The first step begins with <see cref="FirstBytes"/> and doubles, so that who sends a byte and no more holds little.
/// A body that is announced as short ends in the very array that it is to be. What is tiny needs no room.
/// </summary>
internal sealed class GatheredBytes(ByteReservation? room, int maxBytes, long? announced) : IDisposable
{
    /// <summary>What is reserved for the first bytes at least, unless fewer are announced.</summary>
    public const int FirstBytes = 4 * 1024;

    private readonly List<byte[]> _steps = [];
    private readonly bool _isExact = announced <= ByteBudget.StepBytes;
    private int _firstBytes; // of the first step, so far
    private int _inLast; // bytes in the last step

    /// <summary>How many there are.</summary>
    public int Length { get; private set; }

    // As long as the first step gets.
    private int FirstMost => _isExact ? (int)announced! : ByteBudget.StepBytes;

    // Whether the first step is the array that the bytes are to be in, and not one of the pool's.
    private bool HasExact => _isExact && _firstBytes == FirstMost;

    private int LeftInLast => StepLength(_steps.Count - 1) - _inLast;

    /// <summary>Takes some more bytes.</summary>
    public Gathering Append(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > maxBytes - Length || (_isExact && bytes.Length > announced - Length))
        {
            return Gathering.TooLong;
        }

        while (bytes.Length > 0)
        {
            if (LeftInLast == 0 && !TryGrow(bytes.Length))
            {
                return Gathering.NoRoom;
            }

            int length = Math.Min(bytes.Length, LeftInLast);
            bytes[..length].CopyTo(_steps[^1].AsSpan(_inLast));
            bytes = bytes[length..];
            _inLast += length;
            Length += length;
        }

        return Gathering.Done;
    }

    /// <summary>All of them in one array; what was reserved beyond it is given back. To be called once, at the end.</summary>
    public byte[] ToArray()
    {
        if (HasExact && Length > 0 && Length == _firstBytes)
        {
            return _steps[0];
        }

        // For this moment they are there twice: once for each thread that runs, not for each request.
        byte[] all = new byte[Length];
        int at = 0;
        long reserved = 0;
        for (int i = 0; i < _steps.Count; i++)
        {
            int length = Math.Min(StepLength(i), Length - at);
            _steps[i].AsSpan(0, length).CopyTo(all.AsSpan(at));
            at += length;
            reserved += StepLength(i);
        }

        room?.GiveBack(reserved - Length);
        return all;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        for (int i = HasExact ? 1 : 0; i < _steps.Count; i++)
        {
            ArrayPool<byte>.Shared.Return(_steps[i]);
        }

        _steps.Clear();
    }

    private int StepLength(int index) => index > 0 ? ByteBudget.StepBytes : _firstBytes;

    // The last step is full: it grows while it is the first one and may, or there is another. False where there is no room.
    private bool TryGrow(int more)
    {
        bool isFirst = _firstBytes < FirstMost;
        int size = isFirst ? FirstSize(_inLast + Math.Min(more, FirstMost)) : ByteBudget.StepBytes;
        if (room?.TryTake(isFirst ? size - _firstBytes : size) == false)
        {
            return false;
        }

        byte[] step = _isExact && size == FirstMost ? new byte[size] : ArrayPool<byte>.Shared.Rent(size);
        if (!isFirst)
        {
            _steps.Add(step);
            _inLast = 0;
            return true;
        }

        if (_steps.Count > 0)
        {
            _steps[0].AsSpan(0, _inLast).CopyTo(step);
            ArrayPool<byte>.Shared.Return(_steps[0]);
            _steps.Clear();
        }

        _steps.Add(step);
        _firstBytes = size;
        return true;
    }

    private int FirstSize(int wanted) =>
        Math.Min(FirstMost, Math.Max(FirstBytes, (int)BitOperations.RoundUpToPowerOf2((uint)wanted)));
}
