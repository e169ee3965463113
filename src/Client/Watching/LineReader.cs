namespace Diststore.Client;

/// <summary>A line of a watch is longer than it may be.</summary>
internal sealed class LineTooLongException(string message) : IOException(message);

/// <summary>Lines of a stream, as memory that is valid until the next is read.</summary>
internal sealed class LineReader(Stream stream, int maxBytes)
{
    private const int FirstBufferBytes = 16 * 1024;

    private byte[] _buffer = new byte[FirstBufferBytes];
    private int _start;
    private int _end;

    /// <summary>The next line without its end; null at the end of the stream.</summary>
    /// <exception cref="EndOfStreamException">The stream ends within a line.</exception>
    /// <exception cref="LineTooLongException">The line is too long.</exception>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellation)
    {
        for (int seen = _start; ;)
        {
            int length = _buffer.AsSpan(seen, _end - seen).IndexOf((byte)'\n');
            if (length >= 0)
            {
                ReadOnlyMemory<byte> line = _buffer.AsMemory(_start, seen + length - _start);
                _start = seen + length + 1;
                return line;
            }

            if (_end - _start > maxBytes)
            {
                throw new LineTooLongException($"a change is longer than the {maxBytes} bytes of {nameof(DiststoreClientOptions.MaxChangeBytes)}");
            }

            MakeRoom();
            seen = _end;
            int read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellation).ConfigureAwait(false);
            if (read == 0)
            {
                return _start == _end ? null : throw new EndOfStreamException("the answer ends in the middle of a change");
            }

            _end += read;
        }
    }

    private void MakeRoom()
    {
        int held = _end - _start;
        if (_start > 0)
        {
            // What a long line took is given back once only short ones come.
            byte[] to = held < FirstBufferBytes && _buffer.Length > FirstBufferBytes ? new byte[FirstBufferBytes] : _buffer;
            _buffer.AsSpan(_start, held).CopyTo(to);
            (_buffer, _start, _end) = (to, 0, held);
        }

        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, (int)Math.Min(2L * _buffer.Length, maxBytes + 2L));
        }
    }
}
