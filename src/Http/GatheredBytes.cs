using System.Buffers;

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
/// reserved first. A body that is announced as short is gathered in the very array that it is to be. What is tiny needs no room.
/// </summary>
internal sealed class GatheredBytes(ByteReservation? room, int maxBytes, long? announced) : IDisposable
{
    private readonly List<byte[]> _steps = [];
    private readonly bool _isExact = announced <= ByteBudget.StepBytes;
    private int _inLast; // bytes in the last step

    /// <summary>How many there are.</summary>
    public int Length { get; private set; }

    private int StepBytes => _isExact ? (int)announced! : ByteBudget.StepBytes;

    /// <summary>Takes some more bytes.</summary>
    public Gathering Append(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > maxBytes - Length || (_isExact && bytes.Length > announced - Length))
        {
            return Gathering.TooLong;
        }

        while (bytes.Length > 0)
        {
            if (_steps.Count == 0 || _inLast == StepBytes)
            {
                if (room?.TryTake(StepBytes) == false)
                {
                    return Gathering.NoRoom;
                }

                _steps.Add(_isExact ? new byte[StepBytes] : ArrayPool<byte>.Shared.Rent(StepBytes));
                _inLast = 0;
            }

            int length = Math.Min(bytes.Length, StepBytes - _inLast);
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
        if (_isExact && _steps.Count == 1 && Length == StepBytes)
        {
            return _steps[0];
        }

        // For this moment they are there twice: once for each thread that runs, not for each request.
        byte[] all = new byte[Length];
        for (int at = 0; at < Length; at += StepBytes)
        {
            _steps[at / StepBytes].AsSpan(0, Math.Min(StepBytes, Length - at)).CopyTo(all.AsSpan(at));
        }

        room?.GiveBack(((long)_steps.Count * StepBytes) - Length);
        return all;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isExact)
        {
            _steps.ForEach(static step => ArrayPool<byte>.Shared.Return(step));
        }

        _steps.Clear();
    }
}
