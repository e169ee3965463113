using System.Buffers;

namespace Diststore.Http;

/// <summary>A request's body as a stream, for who reads nothing else; it ends where there is a fault, which the source tells.</summary>
internal sealed class BodyStream(BodySource source) : Stream
{
    private ReadOnlySequence<byte> _rest;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_rest.IsEmpty)
        {
            if (!await source.ReadAsync())
            {
                return 0;
            }

            _rest = source.Bytes;
            ConsumeAtEnd();
        }

        int length = (int)Math.Min(buffer.Length, _rest.Length);
        _rest.Slice(0, length).CopyTo(buffer.Span);
        _rest = _rest.Slice(length);
        ConsumeAtEnd();
        return length;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private void ConsumeAtEnd()
    {
        if (_rest.IsEmpty)
        {
            source.Consume();
        }
    }
}
