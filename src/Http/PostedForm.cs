using System.Text;
using System.Text.Unicode;
using Diststore.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Diststore.Http;

/// <summary>
/// A form's <c>key</c>, <c>value</c> and <c>ttl</c>, urlencoded or multipart, read strictly: bytes that are no UTF-8 would be
/// replaced otherwise.
/// </summary>
internal sealed record PostedForm(string Key, byte[] Value, string ContentType, TimeSpan? Life)
{
    private const string PlainText = "text/plain; charset=utf-8";
    private const int MaxParts = 16;
    private const int MaxBoundaryLength = 128;

    /// <summary>Reads a request's form; gives it or the reason why not.</summary>
    public static async ValueTask<(PostedForm? Form, Fault? Fault)> ReadAsync(HttpRequest request, DiststoreHttpOptions options)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
            || !(type.MediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase)
                || type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)))
        {
            return (null, new Fault(
                StatusCodes.Status415UnsupportedMediaType,
                "this route takes a form: application/x-www-form-urlencoded or multipart/form-data with the fields key and value"));
        }

        byte[]? body = await RequestBody.ReadAsync(request, options.MaxFormBytes);
        if (body is null)
        {
            return (null, Fault.TooLarge(options.MaxValueBytes));
        }

        var fields = new Fields();
        string? problem = type.MediaType.StartsWith("multipart", StringComparison.OrdinalIgnoreCase)
            ? await ReadMultipartAsync(body, HeaderUtilities.RemoveQuotes(type.Boundary).Value, fields)
            : ReadUrlEncoded(body, fields);
        return problem is null ? fields.Check(options) : (null, Fault.Bad(problem));
    }

    private static string? ReadUrlEncoded(byte[] body, Fields fields)
    {
        int at = 0;
        while (at < body.Length)
        {
            int end = body.AsSpan(at).IndexOf((byte)'&');
            Span<byte> pair = body.AsSpan(at, end < 0 ? body.Length - at : end);
            at += pair.Length + 1;
            int equals = pair.IndexOf((byte)'=');
            Span<byte> name = equals < 0 ? pair : pair[..equals];
            Span<byte> value = equals < 0 ? default : pair[(equals + 1)..];
            int nameLength = PercentDecoder.DecodeInPlace(name, plusIsSpace: true);
            int valueLength = PercentDecoder.DecodeInPlace(value, plusIsSpace: true);
            if (nameLength < 0 || valueLength < 0)
            {
                return "the form has an invalid percent-encoding: each % must be followed by two hexadecimal digits";
            }

            if (fields.Take(Encoding.UTF8.GetString(name[..nameLength]), value[..valueLength].ToArray(), null) is { } problem)
            {
                return problem;
            }
        }

        return null;
    }

    private static async ValueTask<string?> ReadMultipartAsync(byte[] body, string? boundary, Fields fields)
    {
        if (string.IsNullOrEmpty(boundary) || boundary.Length > MaxBoundaryLength)
        {
            return "the multipart form's Content-Type has no boundary, or one that is too long";
        }

        var reader = new MultipartReader(boundary, new MemoryStream(body));
        try
        {
            for (int part = 0; await reader.ReadNextSectionAsync() is { } section; part++)
            {
                if (part == MaxParts)
                {
                    return $"the form has more than {MaxParts} parts";
                }

                if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? disposition))
                {
                    return "a part of the multipart form has no Content-Disposition";
                }

                var value = new MemoryStream();
                await section.Body.CopyToAsync(value);
                string name = HeaderUtilities.RemoveQuotes(disposition.Name).Value ?? "";
                if (fields.Take(name, value.ToArray(), section.ContentType) is { } problem)
                {
                    return problem;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException)
        {
            return "the multipart form is malformed or cut short";
        }

        return null;
    }

    private sealed class Fields
    {
        private byte[]? _key;
        private byte[]? _value;
        private string? _type;
        private string? _ttl;

        /// <summary>Takes a field; says what is wrong with it, if anything.</summary>
        public string? Take(string name, byte[] value, string? type)
        {
            switch (name)
            {
                case "key" when _key is null:
                    _key = value;
                    return null;
                case "value" when _value is null:
                    (_value, _type) = (value, type);
                    return null;
                case "ttl" when _ttl is null:
                    _ttl = Encoding.UTF8.GetString(value);
                    return null;
                case "key" or "value" or "ttl":
                    return $"the field {name} is given twice";
                default:
                    return null;
            }
        }

        public (PostedForm? Form, Fault? Fault) Check(DiststoreHttpOptions options)
        {
            if (_key is null || _value is null)
            {
                return (null, Fault.Bad($"the form has no field {(_key is null ? "key" : "value")}"));
            }

            if (_value.Length > options.MaxValueBytes)
            {
                return (null, Fault.TooLarge(options.MaxValueBytes));
            }

            string? problem = !TimeToLive.TryParse(_ttl, out TimeSpan? life, out string? noLife) ? noLife
                : !Utf8.IsValid(_key) ? "the key is not valid UTF-8"
                : KeyRules.Problem(Encoding.UTF8.GetString(_key))
                    ?? (_type is not null ? HeaderTexts.ProblemWithContentType(_type)
                    : !Utf8.IsValid(_value) ? "the value is not valid UTF-8; post other bytes as a raw body or as a part with a Content-Type"
                    : null);
            return problem is null
                ? (new PostedForm(Encoding.UTF8.GetString(_key), _value, _type ?? PlainText, life), null)
                : (null, Fault.Bad(problem));
        }
    }
}
