using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary>
/// A request's method, whose name is case-sensitive (RFC 9110, section 9.1). <see cref="HttpMethods"/> does not mind the
/// case, but Kestrel does: after <c>head</c> it would wait for a body that is not to come.
/// </summary>
internal static class RequestMethods
{
    /// <summary>Whether it is GET or HEAD.</summary>
    public static bool IsRead(this HttpRequest request) => request.Method is "GET" or "HEAD";

    public static bool IsGet(this HttpRequest request) => request.Method is "GET";

    public static bool IsHead(this HttpRequest request) => request.Method is "HEAD";

    public static bool IsPost(this HttpRequest request) => request.Method is "POST";

    public static bool IsPut(this HttpRequest request) => request.Method is "PUT";

    public static bool IsDelete(this HttpRequest request) => request.Method is "DELETE";
}
