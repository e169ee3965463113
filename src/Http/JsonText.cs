using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Diststore.Http;

/// <summary>JSON as clients get it.</summary>
internal static class JsonText
{
    /// <summary>Keys and sentences stay legible: nothing is escaped but what JSON demands. It is never part of a page of HTML.</summary>
    public static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>An object with what <paramref name="write"/> puts into it, of about so many bytes.</summary>
    public static byte[] Object(Action<Utf8JsonWriter> write, int bytes = 256) => LargeObject(write, bytes).ToArray();

    /// <summary>The same where it may be large: it is not copied. At most so many bytes.</summary>
    public static ReadOnlyMemory<byte> LargeObject(Action<Utf8JsonWriter> write, int bytes)
    {
        var buffer = new ArrayBufferWriter<byte>(bytes);
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }
}
