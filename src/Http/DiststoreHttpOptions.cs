using System.Net;

namespace Diststore.Http;

/// <summary>Settings of the HTTP API.</summary>
public sealed class DiststoreHttpOptions
{
    /// <summary>Stands for every host in <see cref="AllowedHosts"/>.</summary>
    public const string AnyHost = "*";

    /// <summary>What <see cref="TryParseHosts"/> takes, in words.</summary>
    public const string HostsWords = "hosts without a port, separated by commas, or * for any";

    /// <summary>The most connections that a setting may allow.</summary>
    public const int MostConnections = 1_000_000;

    /// <summary>The most streams of changes that a setting may allow.</summary>
    public const int MostStreams = 100_000;

    /// <summary>The least that a setting may allow in flight, in bytes.</summary>
    public const long LeastBytesInFlight = 1 << 20;

    /// <summary>The most that a setting may allow in flight, in bytes.</summary>
    public const long MostBytesInFlight = 1L << 40;

    /// <summary>How many of the longest values have to fit into <see cref="MaxBytesInFlight"/>, so that they are taken at all.</summary>
    public const int ValuesInFlight = 4;

    internal const string Localhost = "localhost";

    private const int MaxHosts = 64;

    /// <summary>The longest value that is taken, in bytes; default 4 MiB. A longer one is refused with 413 before it is read whole.</summary>
    public int MaxValueBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>
    /// Bearer tokens (RFC 6750). When there are any, every route but <c>/health/*</c> and <c>/openapi/*</c> answers 401 without one of them.
    /// </summary>
    public IReadOnlyList<string> Tokens { get; set; } = [];

    /// <summary>
    /// The hosts that requests may name, names or addresses without a port; <c>localhost</c> stands for the loopback addresses too,
    /// <see cref="AnyHost"/> or an empty list (the default) for any host. Another one is answered with 421.
    /// </summary>
    public IReadOnlyList<string> AllowedHosts { get; set; } = [];

    /// <summary>
    /// Connections that may be open at once; default 10,000. Beyond it the one that has been idle longest is closed; where none is idle,
    /// the new one.
    /// </summary>
    public int MaxConnections { get; set; } = 10_000;

    /// <summary>
    /// Bytes that are held for clients at once, of bodies being read, values waiting for slow readers and pages being made; default 256 MiB.
    /// At least four times <see cref="MaxValueBytes"/>, or the longest values are never taken. Who comes beyond it gets 503.
    /// </summary>
    public long MaxBytesInFlight { get; set; } = 256L * 1024 * 1024;

    /// <summary>Streams of changes that are served at once; default 1,000. Who comes beyond them gets 503.</summary>
    public int MaxChangeStreams { get; set; } = 1000;

    /// <summary>
    /// Bytes that changes on their way to watchers take at most, for all streams of this process together; default 64 MiB. While
    /// one waits for room, those that have held theirs longest are let go. A single larger page gets through alone.
    /// </summary>
    public long MaxWatchedBytes { get; set; } = 64L << 20;

    /// <summary>
    /// Listings of a node's keys (<c>/list</c>) that are sent, or wait for the room of their next page, at once. Who comes beyond them gets 503.
    /// </summary>
    internal int MaxNodeListings { get; set; } = 256;

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

    /// <summary>
    /// The hosts that requests may name where nobody said which: a server that only this machine reaches goes by <c>localhost</c> and by
    /// <paramref name="node"/>, any other by any name.
    /// </summary>
    public static IReadOnlyList<string> HostsOf(IPAddress listening, string node)
    {
        ArgumentNullException.ThrowIfNull(listening);
        return IPAddress.IsLoopback(listening) ? [Localhost, node] : [AnyHost];
    }

    /// <summary>
    /// Reads a list of hosts as a setting has it: up to 64 names or addresses without a port, separated by commas, or
    /// <see cref="AnyHost"/>.
    /// </summary>
    public static bool TryParseHosts(string text, out IReadOnlyList<string> hosts)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
        hosts = parts;
        return parts.Length is >= 1 and <= MaxHosts && (parts is [AnyHost] || parts.All(IsHost));
    }

    /// <summary>What is said where fewer bytes may be in flight than <see cref="ValuesInFlight"/> of the longest values have.</summary>
    public static string TooFewInFlight(long bytes, int maxValueBytes) =>
        $"Diststore:Limits:MaxBytesInFlight takes at least {ValuesInFlight} times Limits:MaxValueBytes, "
        + $"not {bytes} bytes where a value may have {maxValueBytes}.";

    private static bool IsHost(string host) =>
        IPAddress.TryParse(host.Trim('[', ']'), out _) || (host.Length > 0 && host.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_'));
}
