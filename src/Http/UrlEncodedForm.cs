using System.Buffers;
using System.Globalization;
using System.Text;

namespace Diststore.Http;

/// <summary>
/// Takes <c>application/x-www-form-urlencoded</c> apart as it comes, wherever it is cut, and decodes it strictly. It holds the name of one
/// field and <see cref="GatherBytes"/> decoded bytes of its value.
/// </summary>
internal sealed class UrlEncodedForm(FormFields fields)
{
    private const int GatherBytes = 1024;

    // Longer than any name that counts.
    private const int MaxNameBytes = 16;

    private static readonly SearchValues<byte> Marks = SearchValues.Create("&=%+"u8);
    private static readonly Fault BadEncoding =
        Fault.Bad("the form has an invalid percent-encoding: each % must be followed by two hexadecimal digits");

    private readonly byte[] _gathered = new byte[GatherBytes];
    private int _gatheredLength;
    private bool _isValue;
    private bool _isNameLong;
    private int _digits; // hexadecimal digits that are still to come
    private int _decoded; // the first of them

    /// <summary>Takes the next bytes; says what is wrong with them, if anything.</summary>
    public Fault? Feed(ReadOnlySpan<byte> bytes)
    {
        Fault? fault = null;
        while (bytes.Length > 0 && fault is null)
        {
            if (_digits > 0)
            {
                fault = Digit(bytes[0]);
                bytes = bytes[1..];
                continue;
            }

            int mark = bytes.IndexOfAny(Marks);
            fault = Take(mark < 0 ? bytes : bytes[..mark]) ?? (mark < 0 ? null : Mark(bytes[mark]));
            bytes = mark < 0 ? default : bytes[(mark + 1)..];
        }

        return fault;
    }

    /// <summary>The form has ended.</summary>
    public Fault? End() => _digits > 0 ? BadEncoding : EndPair();

    private Fault? Mark(byte mark)
    {
        switch (mark)
        {
            case (byte)'%':
                (_digits, _decoded) = (2, 0);
                return null;
            case (byte)'+':
                return Take(" "u8);
            case (byte)'&':
                return EndPair();
            default:
                return _isValue ? Take("="u8) : EndName();
        }
    }

    private Fault? Digit(byte digit)
    {
        if (!char.IsAsciiHexDigit((char)digit))
        {
            return BadEncoding;
        }

        ReadOnlySpan<byte> text = [digit];
        _decoded = (_decoded << 4) | int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        _digits--;
        return _digits > 0 ? null : Take([(byte)_decoded]);
    }

    private Fault? Take(ReadOnlySpan<byte> decoded)
    {
        if (!_isValue)
        {
            _isNameLong |= decoded.Length > MaxNameBytes - _gatheredLength;
            ReadOnlySpan<byte> kept = _isNameLong ? default : decoded;
            kept.CopyTo(_gathered.AsSpan(_gatheredLength));
            _gatheredLength += kept.Length;
            return null;
        }

        Fault? fault = decoded.Length > GatherBytes - _gatheredLength ? Flush() : null;
        if (fault is not null || decoded.Length > GatherBytes)
        {
            return fault ?? fields.Append(decoded);
        }

        decoded.CopyTo(_gathered.AsSpan(_gatheredLength));
        _gatheredLength += decoded.Length;
        return null;
    }

    private Fault? Flush()
    {
        int length = _gatheredLength;
        _gatheredLength = 0;
        return fields.Append(_gathered.AsSpan(0, length));
    }

    private Fault? EndName()
    {
        string name = _isNameLong ? "" : Encoding.UTF8.GetString(_gathered, 0, _gatheredLength);
        (_gatheredLength, _isNameLong, _isValue) = (0, false, true);
        return fields.Begin(name, type: null);
    }

    private Fault? EndPair()
    {
        // A name without = has an empty value.
        Fault? fault = (_isValue ? null : EndName()) ?? Flush();
        _isValue = false;
        return fault;
    }
}
