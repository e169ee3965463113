using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Diststore.Http.Tests;

/// <summary>
/// Reads the answers on one connection, however many there are, and takes nothing that is not HTTP to the letter
/// (RFC 9112): a client that trusts the server would else read one answer's end as the beginning of the next.
/// </summary>
internal sealed partial class AnswerReader(Stream stream, bool mayBeHead)
{
    private const int MaxHeadBytes = 16 * 1024;

    private readonly MemoryStream _read = new();
    private int _at;
    private bool _isEnd;

    /// <summary>Reads until the server says that it closes, or does so; gives the statuses, those of 1xx left out.</summary>
    public async Task<List<int>> ReadAllAsync(CancellationToken deadline)
    {
        var statuses = new List<int>();
        bool closes = false;
        while (!closes && await HasAsync(1, deadline))
        {
            (int status, closes) = await ReadAsync(deadline);
            if (status >= 200)
            {
                statuses.Add(status);
            }
        }

        Assert.True(_at == _read.Length, $"after the last answer there came {Rest()}");
        return statuses;
    }

    private async Task<(int Status, bool Closes)> ReadAsync(CancellationToken deadline)
    {
        string[] head = (await HeadAsync(deadline)).Split("\r\n");
        Assert.True(StatusLine().IsMatch(head[0]), $"this is no status line: {head[0]}");
        int status = int.Parse(head[0].AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture);
        ILookup<string, string> headers = head[1..].Select(Header).ToLookup(
            static header => header.Name, static header => header.Value, StringComparer.OrdinalIgnoreCase);
        bool closes = headers["Connection"].Contains("close");
        Assert.True(status != 405 || headers["Allow"].Any(), "405 without Allow");
        bool isChunked = headers["Transfer-Encoding"].Any();
        if (status is < 200 or 204 or 304)
        {
            Assert.False(isChunked, $"{status} with Transfer-Encoding");
        }
        else if (isChunked)
        {
            Assert.Equal(["chunked"], headers["Transfer-Encoding"]);
            Assert.Empty(headers["Content-Length"]);
            await ChunksAsync(deadline);
        }
        else if (headers["Content-Length"].Any())
        {
            await BodyAsync(int.Parse(Assert.Single(headers["Content-Length"]), NumberStyles.None, CultureInfo.InvariantCulture), deadline);
        }
        else if (closes)
        {
            while (await HasAsync((int)_read.Length - _at + 1, deadline))
            {
            }

            _at = (int)_read.Length;
        }
        else
        {
            // To HEAD it is nobody's duty to say how long the body would be.
            Assert.True(mayBeHead, $"{status} has no length, and the connection does not end either");
        }

        return (status, closes);
    }

    private async Task<string> HeadAsync(CancellationToken deadline)
    {
        int end;
        while ((end = Unread().IndexOf("\r\n\r\n"u8)) < 0)
        {
            Assert.True(_read.Length - _at < MaxHeadBytes, $"this has no end: {Rest()}");
            Assert.True(await HasAsync((int)_read.Length - _at + 1, deadline), $"the connection ended within an answer's head: {Rest()}");
        }

        string head = Encoding.Latin1.GetString(Unread()[..end]);
        _at += end + 4;
        return head;
    }

    private static (string Name, string Value) Header(string line)
    {
        Match header = HeaderLine().Match(line);
        Assert.True(header.Success, $"this is no header: {line}");
        return (header.Groups[1].Value, header.Groups[2].Value);
    }

    private async Task BodyAsync(int length, CancellationToken deadline)
    {
        // An answer to HEAD has a length and no body; what follows is the next answer, or the end.
        if (mayBeHead && (!await HasAsync(1, deadline) || (await HasAsync(StatusLineStart.Length, deadline) && Unread().StartsWith(StatusLineStart))))
        {
            return;
        }

        Assert.True(await HasAsync(length, deadline), $"the connection ended within a body of {length} bytes: {Rest()}");
        _at += length;
    }

    private async Task ChunksAsync(CancellationToken deadline)
    {
        int size;
        do
        {
            int end;
            while ((end = Unread().IndexOf("\r\n"u8)) < 0)
            {
                Assert.True(await HasAsync((int)_read.Length - _at + 1, deadline), $"the connection ended within a chunk's size: {Rest()}");
            }

            size = int.Parse(Encoding.ASCII.GetString(Unread()[..end]), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            _at += end + 2;
            Assert.True(await HasAsync(size + 2, deadline), $"the connection ended within a chunk of {size} bytes");
            Assert.True(Unread()[size..].StartsWith("\r\n"u8), $"a chunk of {size} bytes is longer than it says");
            _at += size + 2;
        }
        while (size > 0);
    }

    private static ReadOnlySpan<byte> StatusLineStart => "HTTP/1.1 "u8;

    private ReadOnlySpan<byte> Unread() => _read.GetBuffer().AsSpan(_at, (int)_read.Length - _at);

    private string Rest() => Encoding.Latin1.GetString(Unread()[..Math.Min(300, (int)_read.Length - _at)]);

    // Whether there are, or come, so many unread bytes before the connection ends.
    private async ValueTask<bool> HasAsync(int count, CancellationToken deadline)
    {
        byte[] buffer = new byte[8 * 1024];
        while (_read.Length - _at < count && !_isEnd)
        {
            try
            {
                int length = await stream.ReadAsync(buffer, deadline);
                _read.Write(buffer, 0, length);
                _isEnd = length == 0;
            }
            catch (IOException e) when (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionReset })
            {
                // The server closed with some of what was sent unread.
                _isEnd = true;
            }
        }

        return _read.Length - _at >= count;
    }

    [GeneratedRegex(@"\AHTTP/1\.1 [1-5][0-9][0-9] [ -~]*\z")]
    private static partial Regex StatusLine();

    [GeneratedRegex(@"\A([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~](?:[ -~]*[!-~])?)?\z")]
    private static partial Regex HeaderLine();
}
