using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace Diststore.Http;

/// <summary>Error answers: <c>application/problem+json</c> (RFC 9457) on <c>/v1</c>, one line of text elsewhere.</summary>
internal static class Problems
{
    /// <summary>Answers with <paramref name="fault"/>, in the form that the request's route has.</summary>
    public static Task WriteAsync(HttpContext context, Fault fault)
    {
        HttpResponse response = context.Response;
        if (response.HasStarted)
        {
            context.Abort();
            return Task.CompletedTask;
        }

        response.Clear();
        response.StatusCode = fault.Status;
        byte[] body = Describe(fault, response.Headers, IsV1(context));
        response.ContentLength = body.Length;
        return context.Request.IsHead() ? Task.CompletedTask : response.BodyWriter.WriteAsync(body).AsTask();
    }

    /// <summary>Sets the headers that belong to <paramref name="fault"/> and makes its body.</summary>
    public static byte[] Describe(Fault fault, IHeaderDictionary headers, bool json)
    {
        headers.XContentTypeOptions = HeaderTexts.NoSniff;
        headers.ContentType = json ? "application/problem+json" : HeaderTexts.PlainText;
        switch (fault.Status)
        {
            case StatusCodes.Status401Unauthorized:
                headers.WWWAuthenticate = "Bearer";
                break;
            case StatusCodes.Status405MethodNotAllowed:
                headers.Allow = fault.Allow;
                break;
            case StatusCodes.Status416RangeNotSatisfiable:
                headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{fault.Size}");
                break;
        }

        if (ProblemType.IsPassing(fault.Type))
        {
            headers.RetryAfter = "1";
        }

        headers.CacheControl = fault.Caching.Count > 0 || !json ? fault.Caching : HeaderTexts.NoStore;
        if (!json)
        {
            headers[HeaderTexts.Problem] = fault.Type;
        }

        if (fault.Closes)
        {
            // What is left of the body would have to be read before another request.
            headers.Connection = "close";
        }

        if (fault.Read is { } read)
        {
            NodeTexts.Set(headers, read);
        }
        else
        {
            NodeTexts.Set(headers, fault.Node);
        }

        return json ? Json(fault) : Encoding.UTF8.GetBytes(fault.Detail.ReplaceLineEndings(" ") + "\n");
    }

    private static bool IsV1(HttpContext context)
    {
        string raw = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        // A target that is refused for a # has a path all the same.
        _ = RequestTarget.TryParse(raw, out RequestTarget target, out _);
        return target.Path is "/v1" || target.Path.StartsWith("/v1/");
    }

    private static byte[] Json(Fault fault) => JsonText.Object(json =>
    {
        json.WriteString("type", ProblemType.Namespace + fault.Type);
        json.WriteString("title", ReasonPhrases.GetReasonPhrase(fault.Status));
        json.WriteNumber("status", fault.Status);
        json.WriteString("detail", fault.Detail);
        if (fault.Failed is { } failed)
        {
            json.WriteStartArray("failed");
            Array.ForEach(failed, json.WriteNumberValue);
            json.WriteEndArray();
        }
    });
}
