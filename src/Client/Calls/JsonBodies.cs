using System.Buffers;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Diststore.Client;

/// <summary>JSON that is sent.</summary>
internal static class JsonBodies
{
    /// <summary>An object.</summary>
    public static byte[] Make(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>A body of JSON.</summary>
    public static HttpContent Content(byte[] json)
    {
        var content = new ByteArrayContent(json);
        content.Headers.ContentType = new MediaTypeHeaderValue(MediaTypes.Json);
        return content;
    }
}
