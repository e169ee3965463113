namespace Diststore.Load;

/// <summary>Keys as request targets.</summary>
internal static class KeyTarget
{
    // .NET would unescape and fold the path otherwise: the key a%2Fb and the key a/b would be one.
    private static readonly UriCreationOptions Exact = new() { DangerousDisablePathAndQueryCanonicalization = true };

    /// <summary>The target of a key: every byte escaped but the unreserved ones (RFC 3986, section 2.3) and the slash.</summary>
    public static string Of(string key) => "/v1/kv/" + string.Join('/', key.Split('/').Select(Uri.EscapeDataString));

    /// <summary>The address of a target, to be sent as it is.</summary>
    public static Uri At(string url, string target) => new(url.TrimEnd('/') + target, Exact);
}
