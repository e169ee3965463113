using System.Text;
using System.Text.Unicode;
using Diststore.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Diststore.Http;

/// <summary>
/// A form's <c>key</c>, <c>value</c> and <c>ttl</c>, urlencoded or multipart, read strictly: bytes that are no UTF-8 would be
/// replaced otherwise. It is read as it comes, each field up to the field's own limit; what is no such field is not kept.
/// </summary>
internal sealed record PostedForm(string Key, byte[] Value, string ContentType, TimeSpan? Life)
{
    private const int MaxParts = 16;
    private const int MaxPartHeaders = 16;
    private const int MaxPartHeaderBytes = 16 * 1024;
    private const int MaxBoundaryLength = 128;

    /// <summary>All that it asks for, but the media type.</summary>
    public ReadOnlyMemory<byte>[] Parts => [Encoding.UTF8.GetBytes(Key), Value, BitConverter.GetBytes(Life?.Ticks ?? 0)];

    /// <summary>
    /// Reads a request's form; gives it or the reason why not. <paramref name="room"/> has what is held of it, until the request is answered.
    /// </summary>
    public static async ValueTask<(PostedForm? Form, Fault? Fault)> ReadAsync(HttpRequest request, DiststoreHttpOptions options, ByteReservation room)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
            || !(type.MediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase)
                || type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)))
        {
            return (null, new Fault(
                StatusCodes.Status415UnsupportedMediaType,
                ProblemType.UnsupportedMediaType,
                "this route takes a form: application/x-www-form-urlencoded or multipart/form-data with the fields key and value"));
        }

        Fault tooLong = Fault.TooLarge(options.MaxValueBytes);
        if (request.ContentLength > options.MaxFormBytes)
        {
            return (null, tooLong);
        }

        var source = new BodySource(request.BodyReader, room, options.MaxFormBytes, tooLong);
        using var fields = new FormFields(room, options.MaxValueBytes, request.ContentLength);
        Fault? fault = type.MediaType.StartsWith("multipart", StringComparison.OrdinalIgnoreCase)
            ? await ReadMultipartAsync(source, HeaderUtilities.RemoveQuotes(type.Boundary).Value, fields)
            : await ReadUrlEncodedAsync(source, fields);
        source.Consume();
        if (fault is null)
        {
            return fields.Check();
        }

        // Before the answer, which may take its time.
        room.Dispose();
        return (null, fault);
    }

    private static async ValueTask<Fault?> ReadUrlEncodedAsync(BodySource source, FormFields fields)
    {
        var form = new UrlEncodedForm(fields);
        while (await source.ReadAsync())
        {
            foreach (ReadOnlyMemory<byte> piece in source.Bytes)
            {
                source.Refuse(source.Fault ?? form.Feed(piece.Span));
            }

            source.Consume();
        }

        return source.Fault ?? form.End();
    }

    private static async ValueTask<Fault?> ReadMultipartAsync(BodySource source, string? boundary, FormFields fields)
    {
        if (string.IsNullOrEmpty(boundary) || boundary.Length > MaxBoundaryLength)
        {
            return Fault.Bad("the multipart form's Content-Type has no boundary, or one that is too long");
        }

        var reader = new MultipartReader(boundary, new BodyStream(source)) { HeadersCountLimit = MaxPartHeaders, HeadersLengthLimit = MaxPartHeaderBytes };
        try
        {
            for (int part = 0; await reader.ReadNextSectionAsync() is { } section; part++)
            {
                Fault? fault = part == MaxParts ? Fault.Bad($"the form has more than {MaxParts} parts") : await ReadPartAsync(section, fields);
                if (fault is not null)
                {
                    return source.Fault ?? fault;
                }
            }
        }
        catch (Exception exception) when (exception is InvalidDataException or (IOException and not BadHttpRequestException))
        {
            return source.Fault ?? Fault.Bad("the multipart form is malformed or cut short");
        }

        // What comes after the last part says nothing, but a body that is cut short there is cut short all the same.
        for (source.Consume(); await source.ReadAsync(); source.Consume())
        {
        }

        return source.Fault;
    }

    private static async ValueTask<Fault?> ReadPartAsync(MultipartSection section, FormFields fields)
    {
        if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? disposition))
        {
            return Fault.Bad("a part of the multipart form has no Content-Disposition");
        }

        Fault? fault = fields.Begin(HeaderUtilities.RemoveQuotes(disposition.Name).Value ?? "", section.ContentType);
        byte[] piece = new byte[4 * 1024];
        int length;
        while (fault is null && (length = await section.Body.ReadAsync(piece)) > 0)
        {
            fault = fields.Append(piece.AsSpan(0, length));
        }

        return fault;
    }
}

/// <summary>The fields of a form that count, as they come; at most one value is held. <paramref name="announced"/> is the whole form's length.</summary>
internal sealed class FormFields(ByteReservation room, int maxValueBytes, long? announced) : IDisposable
{
    private const string PlainText = "text/plain; charset=utf-8";

    // Far more than any time that is taken has digits.
    private const int MaxTtlBytes = 64;

    private GatheredBytes? _key;
    private GatheredBytes? _value;
    private GatheredBytes? _ttl;
    private GatheredBytes? _current;
    private string? _type;

    /// <summary>What follows belongs to this field; says what is wrong with that, if anything.</summary>
    public Fault? Begin(string name, string? type)
    {
        switch (name)
        {
            case "key" when _key is null:
                _current = _key = new GatheredBytes(null, KeyRules.MaxBytes, KeyRules.MaxBytes);
                return null;
            case "value" when _value is null:
                (_current, _type) = (_value = new GatheredBytes(room, maxValueBytes, announced), type);
                return null;
            case "ttl" when _ttl is null:
                _current = _ttl = new GatheredBytes(null, MaxTtlBytes, MaxTtlBytes);
                return null;
            case "key" or "value" or "ttl":
                return Fault.Bad($"the field {name} is given twice");
            default:
                _current = null;
                return null;
        }
    }

    /// <summary>Takes some more of the field.</summary>
    public Fault? Append(ReadOnlySpan<byte> bytes) => _current?.Append(bytes) switch
    {
        Gathering.NoRoom => Fault.Busy,
        Gathering.TooLong when _current == _value => Fault.TooLarge(maxValueBytes),
        Gathering.TooLong when _current == _key => Fault.Bad($"the key is longer than {KeyRules.MaxBytes} bytes of UTF-8"),
        Gathering.TooLong => Fault.Bad($"the field ttl is longer than {MaxTtlBytes} bytes"),
        _ => null,
    };

    /// <summary>The form, or what is wrong with it as a whole.</summary>
    public (PostedForm? Form, Fault? Fault) Check()
    {
        if (_key is null || _value is null)
        {
            return (null, Fault.Bad($"the form has no field {(_key is null ? "key" : "value")}"));
        }

        byte[] key = _key.ToArray();
        byte[] value = _value.ToArray();
        string? ttl = _ttl is null ? null : Encoding.UTF8.GetString(_ttl.ToArray());
        _ = TimeToLive.TryParse(ttl, out TimeSpan? life, out string? problem);
        problem ??= ProblemWithKey(key) ?? (_type is null ? ProblemWithText(value) : HeaderTexts.ProblemWithContentType(_type));
        return problem is null
            ? (new PostedForm(Encoding.UTF8.GetString(key), value, _type ?? PlainText, life), null)
            : (null, Fault.Bad(problem));
    }

    private static string? ProblemWithKey(byte[] key) =>
        Utf8.IsValid(key) ? KeyRules.Problem(Encoding.UTF8.GetString(key)) : "the key is not valid UTF-8";

    private static string? ProblemWithText(byte[] value) =>
        Utf8.IsValid(value) ? null : "the value is not valid UTF-8; post other bytes as a raw body or as a part with a Content-Type";

    /// <inheritdoc/>
    public void Dispose()
    {
        _key?.Dispose();
        _value?.Dispose();
        _ttl?.Dispose();
    }
}
