using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Diststore.Load;

/// <summary>The bytes of a request that stores a numbered entry; between two requests of a connection only key and value change.</summary>
internal sealed class PutRequest
{
    private const string KeyMark = "{key}", ValueMark = "{value}", LengthMark = "{length}";

    private readonly byte[] _request;
    private readonly bool _isBase64;
    private readonly int _keyAt;
    private readonly int _valueAt;
    private readonly byte[] _key = new byte[NumberedEntry.KeyBytes];
    private readonly byte[] _value;

    private PutRequest(string head, string body, int valueBytes, bool isBase64)
    {
        _isBase64 = isBase64;
        _value = new byte[valueBytes];
        string key = new('k', Encoded(_key.Length)), value = new('v', Encoded(valueBytes));
        body = body.Replace(KeyMark, key, StringComparison.Ordinal).Replace(ValueMark, value, StringComparison.Ordinal);
        head = head.Replace(LengthMark, body.Length.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace(KeyMark, key, StringComparison.Ordinal);
        _request = Encoding.ASCII.GetBytes(head + body);
        _keyAt = (head + body).IndexOf(key, StringComparison.Ordinal);
        _valueAt = head.Length + body.IndexOf(value, StringComparison.Ordinal);
    }

    /// <summary>What makes requests of the API of that name, for a host and values of so many bytes.</summary>
    public static Func<string, int, PutRequest> For(string api) => api switch
    {
        "v1" => V1,
        "etcd" => Etcd,
        _ => throw new ArgumentException($"--api takes v1 or etcd, not {api}"),
    };

    /// <summary>For the store's own API.</summary>
    public static PutRequest V1(string host, int valueBytes) => new(
        $"PUT /v1/kv/{KeyMark} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {LengthMark}\r\n\r\n", ValueMark, valueBytes, isBase64: false);

    /// <summary>For etcd's JSON gateway, which takes keys and values in Base64.</summary>
    public static PutRequest Etcd(string host, int valueBytes) => new(
        $"POST /v3/kv/put HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {LengthMark}\r\n\r\n",
        $$"""{"key":"{{KeyMark}}","value":"{{ValueMark}}"}""",
        valueBytes,
        isBase64: true);

    /// <summary>The request that stores this entry; until the next call.</summary>
    public ReadOnlyMemory<byte> Of(ulong number)
    {
        NumberedEntry.WriteKey(number, _key);
        NumberedEntry.WriteValue(number, _value);
        Put(_key, _keyAt);
        Put(_value, _valueAt);
        return _request;
    }

    private int Encoded(int length) => _isBase64 ? Base64.GetMaxEncodedToUtf8Length(length) : length;

    private void Put(byte[] bytes, int at)
    {
        if (_isBase64)
        {
            Base64.EncodeToUtf8(bytes, _request.AsSpan(at), out _, out _);
        }
        else
        {
            bytes.CopyTo(_request, at);
        }
    }
}
