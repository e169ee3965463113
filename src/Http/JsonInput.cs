using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Diststore.Http;

/// <summary>
/// Reads a JSON body strictly, by the hand of the route that knows its shape: unknown and doubled members, comments, trailing commas and
/// bytes, lone surrogates and bad Base64 are refused, with a sentence that says what is wrong and where. The first thing that is wrong is
/// <see cref="Fault"/>; from then on every loop ends and every value is the default one, so that a route looks at it once, at the end.
/// <code>
/// var json = new JsonInput(body);
/// json.BeginObject();
/// while (json.NextMember(["keys"], out _))
/// {
///     json.BeginArray(maxElements: 10);
///     while (json.NextElement())
///     {
///         keys.Add(json.String(maxBytes: 100));
///     }
/// }
///
/// json.End();
/// </code>
/// Each value has to be read before the next member or element; an object or array by beginning it and going on until there is no more.
/// </summary>
internal ref struct JsonInput
{
    /// <summary>Objects and arrays within each other, at most.</summary>
    public const int MaxDepth = 8;

    // Longer than any name that is known; of one that is not known so much is said.
    private const int MaxShownCharacters = 40;

    // What the runtime says of bytes that are no JSON may quote them.
    private const int MaxSyntaxCharacters = 160;

    // A character of one byte, written \u0061.
    private const int MostEscaped = 6;

    private static readonly SearchValues<byte> Base64Characters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="u8);

    private readonly Frame[] _frames = new Frame[MaxDepth];
    private Utf8JsonReader _reader;
    private int _depth;

    /// <summary>Begins at the first token.</summary>
    public JsonInput(ReadOnlySpan<byte> body)
    {
        _reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxDepth });
        Fault = body.IsEmpty ? Fault.Bad("the body is empty: JSON belongs there") : null;
        _ = Fault is null && Advance();
    }

    /// <summary>What is wrong, or null as long as nothing is.</summary>
    public Fault? Fault { get; private set; }

    /// <summary>What the value is that comes to be read.</summary>
    public readonly JsonTokenType Kind => Fault is null ? _reader.TokenType : JsonTokenType.None;

    /// <summary>The value that is read has to be an object; its members are gone through with <see cref="NextMember"/>.</summary>
    public bool BeginObject() => Expect(JsonTokenType.StartObject, "an object") && Push(maxElements: null);

    /// <summary>
    /// Goes on to the next member of the object that was begun last; <paramref name="member"/> is which of <paramref name="names"/> (at most
    /// 64) it is, and its value comes to be read. False at the object's end.
    /// </summary>
    public bool NextMember(scoped ReadOnlySpan<string> names, out int member)
    {
        member = -1;
        if (Fault is not null)
        {
            return false;
        }

        ref Frame frame = ref _frames[_depth - 1];
        frame.Name = null;
        if (!Advance() || _reader.TokenType == JsonTokenType.EndObject)
        {
            _depth -= Fault is null ? 1 : 0;
            return false;
        }

        if (_reader.TokenType != JsonTokenType.PropertyName)
        {
            throw new InvalidOperationException("The last member's value was not read.");
        }

        if (Text("a member's name") is not { } name)
        {
            return false;
        }

        member = names.IndexOf(name);
        if (member < 0 || (frame.Seen & (1UL << member)) != 0)
        {
            Refuse($"the member {Shown(name)} {(member < 0 ? "is not known here" : "is given twice")}");
            return false;
        }

        frame.Seen |= 1UL << member;
        frame.Name = names[member];
        return Advance();
    }

    /// <summary>The value that is read has to be an array; its elements are gone through with <see cref="NextElement"/>.</summary>
    public bool BeginArray(int maxElements) => Expect(JsonTokenType.StartArray, "an array") && Push(maxElements);

    /// <summary>Goes on to the next element of the array that was begun last, which comes to be read. False at the array's end.</summary>
    public bool NextElement()
    {
        if (Fault is not null)
        {
            return false;
        }

        ref Frame frame = ref _frames[_depth - 1];
        int next = frame.Index + 1;
        frame.Index = -1;
        if (!Advance() || _reader.TokenType == JsonTokenType.EndArray)
        {
            _depth -= Fault is null ? 1 : 0;
            return false;
        }

        if (next == frame.MaxElements)
        {
            Refuse($"there are more than {frame.MaxElements} elements");
            return false;
        }

        frame.Index = next;
        return true;
    }

    /// <summary>The value as a string of at most so many bytes of UTF-8, so that whoever sends more does not have it held twice.</summary>
    public string? String(int maxBytes)
    {
        if (!Expect(JsonTokenType.String, "a string"))
        {
            return null;
        }

        bool isLonger = _reader.ValueSpan.Length > (long)maxBytes * MostEscaped;
        string? text = isLonger ? null : Text("the string");
        if (isLonger || (text is not null && Encoding.UTF8.GetByteCount(text) > maxBytes))
        {
            Refuse($"the string is longer than {maxBytes} bytes of UTF-8");
            return null;
        }

        return text;
    }

    /// <summary>
    /// The value as bytes that are given in Base64 (RFC 4648, section 4: with its padding and nothing between), at most so many; more is 413.
    /// They take their place in <paramref name="room"/>.
    /// </summary>
    public byte[]? Bytes(int maxBytes, ByteReservation room)
    {
        if (!Expect(JsonTokenType.String, "a string with Base64"))
        {
            return null;
        }

        if (!_reader.ValueIsEscaped)
        {
            return Decode(_reader.ValueSpan, maxBytes, room);
        }

        // Some write a slash as \/.
        byte[] unescaped = ArrayPool<byte>.Shared.Rent(_reader.ValueSpan.Length);
        try
        {
            return Decode(unescaped.AsSpan(0, _reader.CopyString(unescaped)), maxBytes, room);
        }
        catch (InvalidOperationException)
        {
            Refuse("the string is not Base64");
            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(unescaped);
        }
    }

    /// <summary>The value as a whole number in this range, written as one: neither 1.0 nor 1e3.</summary>
    public long WholeNumber(long least = long.MinValue, long most = long.MaxValue)
    {
        if (Expect(JsonTokenType.Number, "a number") && !(_reader.TryGetInt64(out long number) && number >= least && number <= most))
        {
            Refuse($"this takes a whole number from {least} to {most}");
        }

        return Fault is null ? _reader.GetInt64() : 0;
    }

    /// <summary>The value as a number, as exact as a decimal number can be.</summary>
    public decimal Number()
    {
        if (Expect(JsonTokenType.Number, "a number") && !_reader.TryGetDecimal(out _))
        {
            Refuse("the number is too large");
        }

        return Fault is null ? _reader.GetDecimal() : 0;
    }

    /// <summary>The value as true or false.</summary>
    public bool Boolean()
    {
        if (Fault is null && _reader.TokenType is not (JsonTokenType.True or JsonTokenType.False))
        {
            Refuse($"true or false belongs here, not {Named(_reader.TokenType)}");
        }

        return Fault is null && _reader.TokenType == JsonTokenType.True;
    }

    /// <summary>What was begun last, or the value that was read last in it, is not what the route takes.</summary>
    public void Refuse(string why) => Fault ??= Fault.Bad($"{Where()}: {why}");

    /// <summary>Nothing but blanks may follow.</summary>
    public void End()
    {
        if (Fault is null && Advance())
        {
            throw new InvalidOperationException("The body was not read to its end.");
        }
    }

    private static string Shown(string name)
    {
        int length = Math.Min(name.Length, MaxShownCharacters);
        length -= length > 0 && char.IsHighSurrogate(name[length - 1]) ? 1 : 0;
        return $"\"{name.AsSpan(0, length)}{(length < name.Length ? "..." : "")}\"";
    }

    private static string Named(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.Null => "null",
        _ => "true or false",
    };

    private static Fault Syntax(JsonException exception)
    {
        string what = exception.Message;
        foreach (string tail in (ReadOnlySpan<string>)[" LineNumber:", " Change the reader options"])
        {
            int at = what.IndexOf(tail, StringComparison.Ordinal);
            what = at < 0 ? what : what[..at];
        }

        what = what[..Math.Min(what.Length, MaxSyntaxCharacters)].TrimEnd('.');
        return Fault.Bad(string.Create(
            CultureInfo.InvariantCulture, $"the body is not JSON at line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}: {what}"));
    }

    private bool Advance()
    {
        try
        {
            return _reader.Read();
        }
        catch (JsonException exception)
        {
            Fault = Syntax(exception);
            return false;
        }
    }

    private bool Expect(JsonTokenType type, string name)
    {
        if (Fault is null && _reader.TokenType != type)
        {
            Refuse($"{name} belongs here, not {Named(_reader.TokenType)}");
        }

        return Fault is null;
    }

    private bool Push(int? maxElements)
    {
        _frames[_depth++] = new Frame { Index = -1, MaxElements = maxElements };
        return true;
    }

    // The text of a string or a name; what is no Unicode has none.
    private string? Text(string what)
    {
        try
        {
            return _reader.GetString();
        }
        catch (InvalidOperationException)
        {
            Refuse($"{what} has a lone surrogate, or bytes that are no UTF-8");
            return null;
        }
    }

    private byte[]? Decode(scoped ReadOnlySpan<byte> text, int maxBytes, ByteReservation room)
    {
        int length = text.Length / 4 * 3;
        length -= text.EndsWith("=="u8) ? 2 : text.EndsWith("="u8) ? 1 : 0;
        if (text.Length % 4 != 0 || text.ContainsAnyExcept(Base64Characters) || length < 0)
        {
            Refuse("the string is not Base64");
            return null;
        }

        if (length > maxBytes || !room.TryTake(length))
        {
            Fault = length > maxBytes ? Fault.TooLarge(maxBytes) : Fault.Busy;
            return null;
        }

        byte[] bytes = new byte[length];
        Span<byte> last = stackalloc byte[4];
        OperationStatus status = Base64.DecodeFromUtf8(text, bytes, out _, out int written);

        // One value has one text: what the last character has beyond the bytes is 0.
        int inLast = length == 0 ? 0 : ((length - 1) % 3) + 1;
        _ = Base64.EncodeToUtf8(bytes.AsSpan(length - inLast), last, out _, out int encoded);
        if (status != OperationStatus.Done || written != length || !text.EndsWith(last[..encoded]))
        {
            Refuse("the string is not Base64");
            return null;
        }

        return bytes;
    }

    // As in "operations[3].value".
    private readonly string Where()
    {
        var path = new StringBuilder();
        foreach (Frame frame in _frames.AsSpan(0, _depth))
        {
            if (frame.Name is not null)
            {
                path.Append(path.Length > 0 ? "." : "").Append(frame.Name);
            }
            else if (frame.Index >= 0)
            {
                path.Append(CultureInfo.InvariantCulture, $"[{frame.Index}]");
            }
        }

        return path.Length > 0 ? path.ToString() : "the body";
    }

    // An object or array that was begun.
    private struct Frame
    {
        public string? Name; // of the member that is read
        public ulong Seen; // the members that were there, by their places among the names
        public int? MaxElements; // of an array
        public int Index; // of the element that is read, or -1
    }
}
