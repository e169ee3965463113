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
    private readonly string _host;
    private readonly byte[] _buffer = new byte[64 * 1024];

    /// <summary>Connects.</summary>
    public RawHttpClient(string url)
    {
        var uri = new Uri(url);
        _host = uri.Authority;
        _socket.Connect(new IPEndPoint(IPAddress.Parse(uri.Host), uri.Port));
    }

    /// <summary>Sends a request, reads the whole answer and gives its status.</summary>
    public async ValueTask<int> SendAsync(string method, string target, byte[] body)
    {
        string length = body.Length > 0 ? $"Content-Length: {body.Length}\r\n" : "";
        byte[] request = [.. Encoding.ASCII.GetBytes($"{method} {target} HTTP/1.1\r\nHost: {_host}\r\n{length}\r\n"), .. body];
        await _socket.SendAsync(request);
        int filled = 0;
        while (true)
        {
            int read = await _socket.ReceiveAsync(_buffer.AsMemory(filled));
            if (read == 0)
            {
                throw new IOException($"{_host} closed the connection");
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

    private static int? WholeAnswer(ReadOnlySpan<byte> received)
    {
        int end = received.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return null;
        }

        string head = Encoding.ASCII.GetString(received[..end]);
        if (head.Contains("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
        {
            throw new InvalidDataException("an answer came in chunks, which this client does not read");
        }

        const string name = "Content-Length:";
        int at = head.IndexOf(name, StringComparison.OrdinalIgnoreCase);
        ReadOnlySpan<char> rest = at < 0 ? "0" : head.AsSpan(at + name.Length);
        int stop = rest.IndexOf('\r');
        int length = int.Parse(stop < 0 ? rest : rest[..stop], null);
        return received.Length >= end + 4 + length ? int.Parse(head.AsSpan(9, 3), null) : null;
    }
}
