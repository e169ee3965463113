namespace Diststore.Http;

/// <summary>Settings of the HTTP API.</summary>
public sealed class DiststoreHttpOptions
{
    /// <summary>The longest value that is taken, in bytes; default 4 MiB. A longer one is refused with 413 before it is read whole.</summary>
    public int MaxValueBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>
    /// Bearer tokens (RFC 6750). When there are any, every route but <c>/health/*</c> and <c>/openapi/*</c> answers 401 without one of them.
    /// </summary>
    public IReadOnlyList<string> Tokens { get; set; } = [];

    /// <summary>
    /// The longest form, in bytes: each byte of a value may arrive as three (<c>%FF</c>), and there are names, a key and multipart headers.
    /// </summary>
    internal long MaxFormBytes => (3L * MaxValueBytes) + (64 * 1024);
}
