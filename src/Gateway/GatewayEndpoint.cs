using System.Globalization;
using System.Net;

namespace Diststore.Gateway;

/// <summary>A silo's gateway endpoint as it was given: an address or a name, which is looked up anew for each connection.</summary>
/// <param name="Host">An IP address, or a name.</param>
/// <param name="Port">The port, 1 to 65535.</param>
internal sealed record GatewayEndpoint(string Host, int Port)
{
    /// <summary>Reads <c>host:port</c>, where the host may be an IPv6 address in brackets; null for anything else.</summary>
    public static GatewayEndpoint? TryParse(string text)
    {
        int colon = text.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) || port == 0)
        {
            return null;
        }

        string host = text[..colon];
        return IPAddress.TryParse(host, out IPAddress? address) ? new GatewayEndpoint(address.ToString(), port)
            : Uri.CheckHostName(host) == UriHostNameType.Dns ? new GatewayEndpoint(host, port)
            : null;
    }

    /// <inheritdoc/>
    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
