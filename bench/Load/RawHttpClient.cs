using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Diststore.Load;

/// <summary>
/// HTTP/1.1 over one connection with as little of its own as possible: what is measured is the server. Understands
/// answers with a Content-Length or without a body, which is all that the store sends.
/// </summary>
internal sealed class RawHttpClient : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _buffer = new byte[64 * 1024];
    private Range _body;

    /// <summary>Connects.</summary>
    public RawHttpClient(string url)
    {
        var uri = new Uri(url);
        Host = uri.Authority;
        _socket.Connect(new IPEndPoint(IPAddress.Parse(uri.Host), uri.Port));
    }

    /// <summary>Address and port, as the Host header names them.</summary>
    public string Host { get; }

    /// <summary>The body of the last answer; until the next request is sent.</summary>
    public ReadOnlySpan<byte> Body => _buffer.AsSpan(_body);

    /// <summary>Sends a request, reads the whole answer and gives its status.</summary>
    public ValueTask<int> SendAsync(string method, string target, byte[] body)
    {
        string length = body.Length > 0 ? $"Content-Length: {body.Length}\r\n" : "";
        return SendAsync((byte[])[.. Encoding.ASCII.GetBytes($"{method} {target} HTTP/1.1\r\nHost: {Host}\r\n{length}\r\n"), .. body]);
    }

    /// <summary>The same with a request as it goes over the wire.</summary>
    public async ValueTask<int> SendAsync(ReadOnlyMemory<byte> request)
    {
        await _socket.SendAsync(request);
        int filled = 0;
        while (true)
        {
            int read = filled < _buffer.Length ? await _socket.ReceiveAsync(_buffer.AsMemory(filled)) : throw new InvalidDataException("an answer is too long");
            if (read == 0)
            {
                throw new IOException($"{Host} closed the connection");
            }

            filled += read;
            if (WholeAnswer(_buffer.AsSpan(0, filled)) is { } status)
            {
                return status;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private int? WholeAnswer(ReadOnlySpan<byte> received)
    {
        int end = received.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return null;
        }

        int length = 0;
        ReadOnlySpan<byte> head = received[..end];
        foreach (Range range in head.Split("\r\n"u8))
        {
            ReadOnlySpan<byte> line = head[range];
            if (Value(line, "Transfer-Encoding"u8).Length > 0)
            {
                throw new InvalidDataException("an answer came in chunks, which this client does not read");
            }

            if (Value(line, "Content-Length"u8) is { Length: > 0 } digits)
            {
                length = Number(digits);
            }
        }

        _body = (end + 4)..(end + 4 + length);
        return received.Length >= _body.End.Value ? Number(head["HTTP/1.1 ".Length..]) : null;
    }

    // Of a header by that name, else empty.
    private static ReadOnlySpan<byte> Value(ReadOnlySpan<byte> line, ReadOnlySpan<byte> name) =>
        line.Length > name.Length && line[name.Length] == ':' && Ascii.EqualsIgnoreCase(line[..name.Length], name) ? line[(name.Length + 1)..].Trim(" "u8) : [];

    private static int Number(ReadOnlySpan<byte> text) =>
        Utf8Parser.TryParse(text, out int number, out _) ? number : throw new InvalidDataException($"'{Encoding.ASCII.GetString(text)}' is no number");
}
