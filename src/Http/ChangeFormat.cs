using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Diststore.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Diststore.Http;

/// <summary>What a change looks like on the wire: a server-sent event (WHATWG HTML, section 9.2), or a line of JSON.</summary>
internal sealed class ChangeFormat
{
    // A multiple of three, so that pieces of Base64 can be put together.
    private const int ValuePieceBytes = Chunks.MaxChunkBytes / 4 * 3;

    private static readonly ReadOnlyMemory<byte> ValueBegins = ",\"value\":\""u8.ToArray();
    private static readonly ReadOnlyMemory<byte> ValueEnds = "\"}"u8.ToArray();

    private readonly bool _events;
    private readonly ReadOnlyMemory<byte> _end;

    private ChangeFormat(bool events)
    {
        _events = events;
        Gone = (events ? "event: gone\ndata: {\"gone\":true}\n\n"u8 : "{\"gone\":true}\n"u8).ToArray();
        _end = (events ? "\n\n"u8 : "\n"u8).ToArray();
    }

    /// <summary>Server-sent events.</summary>
    public static ChangeFormat Events { get; } = new(events: true);

    /// <summary>A JSON object a line.</summary>
    public static ChangeFormat Lines { get; } = new(events: false);

    /// <summary>The media type.</summary>
    public string ContentType => _events ? "text/event-stream" : "application/x-ndjson";

    /// <summary>What says that no changes can follow, for the point is gone.</summary>
    public ReadOnlyMemory<byte> Gone { get; }

    /// <summary>The format that a request asks for: events where it accepts them and does not prefer lines.</summary>
    public static ChangeFormat Of(HttpRequest request)
    {
        double events = 0, lines = 0;
        if (MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out IList<MediaTypeHeaderValue>? accepted))
        {
            foreach (MediaTypeHeaderValue type in accepted)
            {
                double quality = type.Quality ?? 1;
                events = type.MediaType.Equals(Events.ContentType, StringComparison.OrdinalIgnoreCase) ? quality : events;
                lines = type.MediaType.Equals(Lines.ContentType, StringComparison.OrdinalIgnoreCase) ? quality : lines;
            }
        }

        return events > 0 && events >= lines ? Events : Lines;
    }

    /// <summary>
    /// What says that the stream is alive, and what it has scanned: whoever resumes there does not have it scanned again. An event
    /// without data moves a browser's last id, and is not dispatched. At the beginning nothing is scanned: a comment, an empty line.
    /// </summary>
    public byte[] Heartbeat(ChangeId scanned) => Encoding.ASCII.GetBytes(
        _events ? (scanned.IsStart ? ": \n\n" : $"id: {scanned}\n\n") : scanned.IsStart ? "\n" : $"{{\"id\":\"{scanned}\"}}\n");

    /// <summary>Writes a change; without a value where none is given.</summary>
    public void Write(IBufferWriter<byte> writer, EntryHead entry, byte[]? value, ChangeId changeId)
    {
        string id = changeId.ToString();
        if (_events)
        {
            writer.Write(Encoding.ASCII.GetBytes($"id: {id}\nevent: {(entry.IsTombstone ? "delete" : "put")}\ndata: "));
        }

        byte[] head = Head(entry, id);
        if (value is null)
        {
            writer.Write(head);
        }
        else
        {
            writer.Write(head.AsSpan(0, head.Length - 1));
            writer.Write(ValueBegins.Span);
            WriteBase64(writer, value);
            writer.Write(ValueEnds.Span);
        }

        writer.Write(_end.Span);
    }

    private static void WriteBase64(IBufferWriter<byte> writer, byte[] value)
    {
        for (int at = 0; at < value.Length; at += ValuePieceBytes)
        {
            ReadOnlySpan<byte> piece = value.AsSpan(at, Math.Min(ValuePieceBytes, value.Length - at));
            Base64.EncodeToUtf8(piece, writer.GetSpan(Base64.GetMaxEncodedToUtf8Length(piece.Length)), out _, out int written);
            writer.Advance(written);
        }
    }

    // All but the value, as an object of one line.
    private static byte[] Head(EntryHead entry, string id)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, JsonText.Readable))
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            json.WriteString("key", entry.Key);
            json.WriteString("version", entry.Version.ToString());
            json.WriteBoolean("deleted", entry.IsTombstone);
            if (!entry.IsTombstone)
            {
                json.WriteString("contentType", entry.ContentType);
                json.WriteNumber("size", entry.ValueBytes);
                if (entry.ExpiresAt is { } at)
                {
                    json.WriteString("expiresAt", Rfc3339.Text(at));
                }
            }

            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
