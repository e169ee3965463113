namespace Diststore.Client;

/// <summary>Media types that are sent and looked for.</summary>
internal static class MediaTypes
{
    public const string Text = "text/plain; charset=utf-8";
    public const string Bytes = "application/octet-stream";
    public const string Json = "application/json";
    public const string Problem = "application/problem+json";
    public const string Lines = "application/x-ndjson";
}
