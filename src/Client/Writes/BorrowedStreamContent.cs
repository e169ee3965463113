using System.Net;
using System.Net.Http.Headers;

namespace Diststore.Client;

/// <summary>A body that is read from a stream of the caller's, which stays open.</summary>
internal sealed class BorrowedStreamContent : HttpContent
{
    private const int BufferBytes = 64 * 1024;

    private readonly Stream _stream;
    private readonly long? _start;

    /// <param name="stream">The stream.</param>
    /// <param name="start">Where it stood at first, to go back to; null where nobody can go back.</param>
    /// <param name="contentType">The media type.</param>
    public BorrowedStreamContent(Stream stream, long? start, MediaTypeHeaderValue contentType)
    {
        _stream = stream;
        _start = start;
        Headers.ContentType = contentType;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        if (_start is { } start)
        {
            _stream.Position = start;
        }

        return _stream.CopyToAsync(stream, BufferBytes, cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _start is { } start ? _stream.Length - start : 0;
        return _start is not null;
    }
}
