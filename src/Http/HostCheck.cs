using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Diststore.Http;

/// <summary>
/// Keeps web pages out that are not this server's own. A name that was rebound to this address (DNS rebinding) is no way in, for the
/// request names it as its host; and what a page of another origin sends by itself, a form for one, changes nothing here.
/// </summary>
internal sealed class HostCheck
{
    private readonly HashSet<string>? _names; // null: any
    private readonly HashSet<IPAddress> _addresses = [];
    private readonly bool _takesLoopback;
    private string? _lastTaken; // a connection's hosts are one text, again and again; any thread

    public HostCheck(IReadOnlyList<string> allowed)
    {
        if (allowed.Count == 0 || allowed.Contains(DiststoreHttpOptions.AnyHost))
        {
            return;
        }

        _names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (string one in allowed)
        {
            ReadOnlySpan<char> name = Name(one);
            if (IPAddress.TryParse(name, out IPAddress? address))
            {
                _addresses.Add(Plain(address));
            }
            else
            {
                _names.Add(new string(name));
            }
        }

        _takesLoopback = _names.Contains(DiststoreHttpOptions.Localhost);
    }

    /// <summary>Why a request is not let in, before anything of it is done or read, or null.</summary>
    public Fault? Problem(HttpRequest request, RequestTarget target)
    {
        // The host of an absolute target counts, and not what the header says (RFC 9112, section 3.2.2).
        StringValues header = request.Headers.Host;
        ReadOnlySpan<char> authority = target.Authority;
        bool hasHost = !authority.IsEmpty || header.Count > 0;
        string host = authority.IsEmpty ? header.ToString() : new string(authority);

        // Who names no host at all, as HTTP/1.0 lets one, is no browser.
        if (_names is not null && hasHost && !Takes(host))
        {
            return new Fault(
                StatusCodes.Status421MisdirectedRequest,
                ProblemType.WrongHost,
                "this server does not go by the name that the request has as its host; see Http:AllowedHosts");
        }

        return request.IsRead() || IsOwn(request.Headers, host) ? null : new Fault(
            StatusCodes.Status403Forbidden, ProblemType.Forbidden, "a page of another origin may not change anything here; nothing was done");
    }

    private static bool IsOwn(IHeaderDictionary headers, string host)
    {
        if (headers.TryGetValue("Sec-Fetch-Site", out StringValues site)
            && !(site.Count == 1 && (site[0] ?? "").ToLowerInvariant() is "same-origin" or "none"))
        {
            return false;
        }

        StringValues origin = headers.Origin;
        return origin.Count == 0 || (origin.Count == 1 && IsOrigin(origin[0] ?? "", host));
    }

    // The scheme may be another one: something before this server may have ended TLS.
    private static bool IsOrigin(string origin, string host)
    {
        int scheme = origin.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0)
        {
            return false;
        }

        string defaultPort = origin.StartsWith("https:", StringComparison.OrdinalIgnoreCase) ? ":443" : ":80";
        return WithPort(origin[(scheme + 3)..], defaultPort).Equals(WithPort(host, defaultPort), StringComparison.OrdinalIgnoreCase);
    }

    private static string WithPort(string host, string defaultPort)
    {
        string name = new(Name(host));
        string port = host[(host.LastIndexOf(']') + 1)..] is var rest && rest.LastIndexOf(':') is >= 0 and int colon ? rest[colon..] : "";
        return name + (port.Length > 1 ? port : defaultPort);
    }

    private bool Takes(string host)
    {
        if (host.Equals(_lastTaken, StringComparison.Ordinal))
        {
            return true;
        }

        ReadOnlySpan<char> name = Name(host);
        bool takes = IPAddress.TryParse(name, out IPAddress? address)
            ? _addresses.Contains(Plain(address)) || (_takesLoopback && IPAddress.IsLoopback(Plain(address)))
            : _names!.Contains(new string(name));
        _lastTaken = takes ? host : _lastTaken;
        return takes;
    }

    // Without the port, the brackets of an IPv6 address, and the dot that ends a name of which nothing is left out.
    private static ReadOnlySpan<char> Name(ReadOnlySpan<char> host)
    {
        if (host.StartsWith('['))
        {
            int end = host.IndexOf(']');
            return end < 0 ? host : host[1..end];
        }

        int colon = host.IndexOf(':');
        bool hasPort = colon >= 0 && host.LastIndexOf(':') == colon;
        ReadOnlySpan<char> name = hasPort ? host[..colon] : host;
        return name.Length > 1 && name[^1] == '.' ? name[..^1] : name;
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
