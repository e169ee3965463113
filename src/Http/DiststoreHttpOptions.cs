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

    /// <summary>Streams of changes that are served at once; default 1,000. Who comes beyond them gets 503.</summary>
    public int MaxChangeStreams { get; set; } = 1000;

    /// <summary>
    /// Bytes that changes on their way to watchers take at most, for all streams of this process together; default 64 MiB. While
    /// one waits for room, those that have held theirs longest are let go. A single larger page gets through alone.
    /// </summary>
    public long MaxWatchedBytes { get; set; } = 64L << 20;

    /// <summary>Listings of a node's keys (<c>/list</c>) that are sent at once; each holds a page of 1 MiB. Who comes beyond them gets 503.</summary>
    internal int MaxNodeListings { get; set; } = 32;

    /// <summary>How long such a listing, once begun, asks again while the node makes as many pages as it may already.</summary>
    internal TimeSpan NodeListingPatience { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>For how long a watcher may hold what it is sent while others wait for room.</summary>
    internal TimeSpan ChangeHoldGrace { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a watcher waits for room before it is told that there is none.</summary>
    internal TimeSpan ChangeRoomPatience { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a watcher of changes hears nothing, at most.</summary>
    internal TimeSpan ChangeHeartbeat { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a watcher of changes may leave unread what was sent to it, before it is dropped.</summary>
    internal TimeSpan ChangeReadPatience { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a stream of changes outlives the primary, before it ends and the client has to ask again.</summary>
    internal TimeSpan ChangeSourcePatience { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The longest form, in bytes: each byte of a value may arrive as three (<c>%FF</c>), and there are names, a key and multipart headers.
    /// </summary>
    internal long MaxFormBytes => (3L * MaxValueBytes) + (64 * 1024);
}
