namespace Diststore.Core;

/// <summary>
/// The store as its users see it: one face for the HTTP API, whether a node implements it in its own process or a
/// gateway over calls to the cluster. Keys given here have passed <see cref="KeyRules"/>, values the size limit.
/// Nothing here throws for an expected outcome; what could not be done, or is not known to have been done, is a result.
/// </summary>
public interface IDiststore
{
    /// <summary>Reads a key: here if this node has it and may show it, else from whoever has.</summary>
    ValueTask<ReadResult> GetAsync(string key, ReadOptions options = default, CancellationToken cancellation = default);

    /// <summary>Reads many keys: each as <see cref="GetAsync"/> would, or, where the read is strong, all from one state.</summary>
    ValueTask<ManyResult> ReadManyAsync(ManyQuery query, CancellationToken cancellation = default);

    /// <summary>Writes through the masters, all of it or nothing; returns once every in-sync master has it.</summary>
    ValueTask<WriteResult> WriteAsync(Transaction transaction, CancellationToken cancellation = default);

    /// <summary>
    /// Deletes keys by their prefix, in bounded batches. What is written after it began may or may not go; it ends before all are gone where it
    /// says that there are more.
    /// </summary>
    ValueTask<PrefixDeleteResult> DeleteAsync(PrefixDelete asked, CancellationToken cancellation = default);

    /// <summary>Lists keys in the order of their UTF-8 bytes, as the primary has them.</summary>
    ValueTask<ListResult> ListAsync(ListQuery query, CancellationToken cancellation = default);

    /// <summary>
    /// Each key's latest applied change after a point, ascending. When there is none yet, waits up to
    /// <see cref="ChangesQuery.Wait"/> for the first.
    /// </summary>
    ValueTask<ChangesResult> ReadChangesAsync(ChangesQuery query, CancellationToken cancellation = default);
}

/// <summary>What follows from <see cref="IDiststore"/>.</summary>
public static class DiststoreExtensions
{
    /// <summary>Writes one key through the masters; returns once every in-sync master has it.</summary>
    public static ValueTask<WriteResult> WriteAsync(this IDiststore store, Write write, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        return store.WriteAsync(Transaction.Of(write), cancellation);
    }
}

/// <summary>What is asked of one node and not of the cluster. A node's name of <see langword="null"/> means the one that is asked.</summary>
public interface INodeAccess
{
    /// <summary>Reads what this very node holds: as a master, as a copy, or local-only.</summary>
    ValueTask<ReadResult> GetLocalAsync(string? node, string key, CancellationToken cancellation = default);

    /// <summary>
    /// Stores an entry on this very node alone; it is never copied or synced. Returns once every node's reads find it.
    /// </summary>
    ValueTask<WriteResult> PutLocalAsync(string? node, string key, byte[] value, string? contentType, CancellationToken cancellation = default);

    /// <summary>Removes what was stored on this very node alone.</summary>
    ValueTask<WriteResult> DeleteLocalAsync(string? node, string key, CancellationToken cancellation = default);

    /// <summary>
    /// A page of the keys that this very node holds, in order: those after <paramref name="after"/>, from the first where it is
    /// <see langword="null"/>. The pages of one listing are asked of the node that the first one names.
    /// </summary>
    ValueTask<KeysResult> GetKeysAsync(string? node, string? after, CancellationToken cancellation = default);

    /// <summary>Starts a backup of a master. Its parts are read from the node that the answer names.</summary>
    ValueTask<BackupStart> StartBackupAsync(CancellationToken cancellation = default);

    /// <summary>The next part of a backup that <paramref name="node"/> has started.</summary>
    ValueTask<BackupPart> ReadBackupAsync(string node, Guid id, CancellationToken cancellation = default);

    /// <summary>The view, the live nodes and what each says of itself.</summary>
    ValueTask<ClusterStatus> GetStatusAsync(CancellationToken cancellation = default);

    /// <summary>Has a master give its role to another node.</summary>
    ValueTask<RoleResult> StepDownAsync(string? node, CancellationToken cancellation = default);

    /// <summary>
    /// Makes the named node the primary of a new history, with what it holds, when no master that was in sync is left.
    /// Acknowledged writes may be lost; refused without <paramref name="acceptsDataLoss"/>.
    /// </summary>
    ValueTask<RoleResult> ForceElectionAsync(string node, bool acceptsDataLoss, CancellationToken cancellation = default);

    /// <summary>
    /// An operator says that a master, should it stop within <paramref name="time"/> (at most a day), is soon back: its place is kept.
    /// No time ends that.
    /// </summary>
    ValueTask<RoleResult> MaintainAsync(string node, TimeSpan time, CancellationToken cancellation = default);

    /// <summary>Why nothing can be written now, as far as is known without asking; <see langword="null"/> where nothing speaks against it.</summary>
    string? NotWritableBecause { get; }

    /// <summary>Whether requests can be served now; <see langword="null"/> if so, else why not.</summary>
    string? NotReadyBecause { get; }
}

/// <summary>How a write ended.</summary>
public enum WriteOutcome
{
    /// <summary>Acknowledged; the key did not exist before.</summary>
    Created = 0,

    /// <summary>Acknowledged; the key existed before.</summary>
    Replaced = 1,

    /// <summary>Acknowledged; the key is gone.</summary>
    Deleted = 2,

    /// <summary>A delete, or a touch, met no such key; nothing was written.</summary>
    NotFound = 3,

    /// <summary>Surely nothing was done: there is no primary to order it.</summary>
    Unavailable = 4,

    /// <summary>It may have been done or may yet be, or not: the answer was lost.</summary>
    Unknown = 5,

    /// <summary>No live node has the name that was given; nothing was done.</summary>
    UnknownNode = 6,

    /// <summary>The write's condition does not hold; nothing was written.</summary>
    ConditionFailed = 7,

    /// <summary>The masters hold as much as they may; nothing was written.</summary>
    OverQuota = 8,

    /// <summary>Nothing was done, for too many writes wait already.</summary>
    Busy = 9,

    /// <summary>Acknowledged: every operation of a transaction.</summary>
    Done = 10,

    /// <summary>An operation does not go with what its key holds; nothing was written.</summary>
    Conflict = 11,

    /// <summary>What it makes is larger than it may be; nothing was written.</summary>
    TooLarge = 12,

    /// <summary>Its mark was used for another request before; nothing was written.</summary>
    KeyReused = 13,
}

/// <summary>A write's result.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Version">The version that the write made, where it was acknowledged.</param>
/// <param name="Node">The name of the node that answered the caller.</param>
/// <param name="Detail">A sentence for the caller where it was not acknowledged.</param>
/// <param name="History">The history that the version is of.</param>
/// <param name="Results">What became of each operation, where it was acknowledged and that is more than <paramref name="Version"/> says.</param>
/// <param name="Failed">The conditions that do not hold, by their place among the transaction's.</param>
/// <param name="IsReplay">Whether this is the answer to an earlier request with the same mark, again.</param>
[GenerateSerializer, Immutable, Alias("diststore.write")]
public readonly record struct WriteResult(
    [property: Id(0)] WriteOutcome Outcome,
    [property: Id(1)] LogPoint Version,
    [property: Id(2)] string Node,
    [property: Id(3)] string? Detail = null,
    [property: Id(4)] Guid History = default,
    [property: Id(5)] OperationResult[]? Results = null,
    [property: Id(6)] int[]? Failed = null,
    [property: Id(7)] bool IsReplay = false)
{
    /// <summary>Whether it was acknowledged.</summary>
    public bool IsAcknowledged => Outcome is WriteOutcome.Created or WriteOutcome.Replaced or WriteOutcome.Deleted or WriteOutcome.Done;
}

/// <summary>Which keys to delete.</summary>
/// <param name="Prefix">Those that start with this; empty for all.</param>
/// <param name="Limit">At most so many, 1 to <see cref="MaxLimit"/>.</param>
[GenerateSerializer, Immutable, Alias("diststore.prefixdelete")]
public sealed record PrefixDelete([property: Id(0)] string Prefix, [property: Id(1)] int Limit)
{
    /// <summary>The most keys of one request.</summary>
    public const int MaxLimit = 100_000;
}

/// <summary>How a delete by prefix ended.</summary>
/// <param name="Outcome"><see cref="WriteOutcome.Done"/>, or why it broke off.</param>
/// <param name="Deleted">How many keys surely were deleted.</param>
/// <param name="More">Whether there may be more of them.</param>
/// <param name="Node">The name of the node that answered the caller.</param>
/// <param name="Detail">A sentence for the caller where it broke off.</param>
[GenerateSerializer, Immutable, Alias("diststore.prefixdeleted")]
public sealed record PrefixDeleteResult(
    [property: Id(0)] WriteOutcome Outcome,
    [property: Id(1)] long Deleted,
    [property: Id(2)] bool More,
    [property: Id(3)] string Node,
    [property: Id(4)] string? Detail = null);

/// <summary>Which keys to list.</summary>
/// <param name="Prefix">Only keys that start with this; empty for all.</param>
/// <param name="After">Only keys that come after this one, or <see langword="null"/>.</param>
/// <param name="Limit">At most so many keys, 1 to <see cref="MaxLimit"/>.</param>
/// <param name="IsStrong">Linearizable, as in <see cref="ReadOptions"/>.</param>
/// <param name="Shows">What of the keys is wanted.</param>
[GenerateSerializer, Immutable, Alias("diststore.list")]
public sealed record ListQuery(
    [property: Id(0)] string Prefix,
    [property: Id(1)] string? After,
    [property: Id(2)] int Limit,
    [property: Id(3)] bool IsStrong = false,
    [property: Id(4)] ListShows Shows = ListShows.Keys)
{
    /// <summary>The most keys of one page.</summary>
    public const int MaxLimit = 1000;

    /// <summary>About how many bytes of what it shows one page has at most.</summary>
    public const int MaxBytes = 1 << 20;
}

/// <summary>What a listing is to show.</summary>
public enum ListShows
{
    /// <summary>The keys, and what is known of each but its value.</summary>
    Keys = 0,

    /// <summary>The values too.</summary>
    Values = 1,

    /// <summary>Only how many there are, and the bytes of their values.</summary>
    Count = 2,
}

/// <summary>One key of a listing.</summary>
/// <param name="Key">The key.</param>
/// <param name="Version">Its version.</param>
/// <param name="SizeBytes">Its value's length in bytes.</param>
/// <param name="ContentType">Its value's media type.</param>
/// <param name="ExpiresAt">When it ends, by the primary's clock.</param>
/// <param name="Value">Its value, where it was asked for.</param>
[GenerateSerializer, Immutable, Alias("diststore.listed")]
public sealed record ListedKey(
    [property: Id(0)] string Key,
    [property: Id(1)] LogPoint Version,
    [property: Id(2)] int SizeBytes,
    [property: Id(3)] string? ContentType,
    [property: Id(4)] DateTimeOffset? ExpiresAt = null,
    [property: Id(5)] byte[]? Value = null);

/// <summary>A page of a listing.</summary>
/// <param name="Found">Whether a primary answered; if not, <paramref name="Detail"/> says why.</param>
/// <param name="Keys">The keys, in order; may be none although keys follow.</param>
/// <param name="Next">The last key that was looked at, where keys may follow: ask again with <see cref="ListQuery.After"/> = this one.</param>
/// <param name="Point">The primary's applied point at the time of the page.</param>
/// <param name="Node">The name of the node that answered the caller.</param>
/// <param name="Detail">A sentence for the caller where nobody could answer.</param>
/// <param name="IsBusy">Nobody could, for the primary makes as many pages as it may already: asking again at once is of no use.</param>
/// <param name="Count">How many keys there are up to <paramref name="Next"/>, where only that was asked for.</param>
/// <param name="ValueBytes">The bytes of their values.</param>
[GenerateSerializer, Immutable, Alias("diststore.listpage")]
public sealed record ListResult(
    [property: Id(0)] bool Found,
    [property: Id(1)] ListedKey[] Keys,
    [property: Id(2)] string? Next,
    [property: Id(3)] LogPoint Point,
    [property: Id(4)] string Node,
    [property: Id(5)] string? Detail = null,
    [property: Id(6)] bool IsBusy = false,
    [property: Id(7)] long Count = 0,
    [property: Id(8)] long ValueBytes = 0);

/// <summary>How a read of a node's keys ended.</summary>
public enum KeysOutcome
{
    /// <summary>The keys are given; may be none although keys follow.</summary>
    Page = 0,

    /// <summary>No live node has the name that was given.</summary>
    UnknownNode = 1,

    /// <summary>The node did not answer.</summary>
    Unavailable = 2,

    /// <summary>The node makes as many pages as it may already: ask again later.</summary>
    Busy = 3,
}

/// <summary>A page of the keys of one node, in order; at most about 1 MiB.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Keys">The keys.</param>
/// <param name="Next">Up to where they are all; ask on after this one. <see langword="null"/> where none follow.</param>
/// <param name="Node">The name of the node whose keys these are.</param>
/// <param name="Detail">A sentence for the caller where there is no page.</param>
[GenerateSerializer, Immutable, Alias("diststore.keyspage")]
public sealed record KeysResult(
    [property: Id(0)] KeysOutcome Outcome,
    [property: Id(1)] string[] Keys,
    [property: Id(2)] string? Next,
    [property: Id(3)] string Node,
    [property: Id(4)] string? Detail = null);

/// <summary>How an operator's wish for other masters ended.</summary>
public enum RoleOutcome
{
    /// <summary>It is so now.</summary>
    Done = 0,

    /// <summary>It is not allowed now, and nothing was changed.</summary>
    Refused = 1,

    /// <summary>No live node has the name that was given.</summary>
    UnknownNode = 2,

    /// <summary>Nobody who could do it answers, or not in time: look at the cluster again.</summary>
    Unavailable = 3,
}

/// <summary>The answer to an operator's wish for other masters.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Node">The name of the node that answered the caller.</param>
/// <param name="Detail">A sentence for the operator where it was not done.</param>
[GenerateSerializer, Immutable, Alias("diststore.roleresult")]
public sealed record RoleResult([property: Id(0)] RoleOutcome Outcome, [property: Id(1)] string Node, [property: Id(2)] string? Detail = null);

/// <summary>What a node plays in its newest view.</summary>
public enum NodeRole
{
    /// <summary>Keeps copies of what is asked of it.</summary>
    Copies = 0,

    /// <summary>Orders all writes.</summary>
    Primary = 1,

    /// <summary>The other in-sync master.</summary>
    Secondary = 2,

    /// <summary>Chosen as master, still syncing.</summary>
    Learner = 3,
}

/// <summary>What one live node says of itself.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Role">Its role in the newest view that it knows.</param>
/// <param name="Reachable">Whether it answered; if not, the numbers are zero.</param>
/// <param name="Keys">How many keys it holds, as a master, as copies, or local-only.</param>
/// <param name="Applied">Up to where it shows the masters' state.</param>
/// <param name="Last">Where its log ends.</param>
/// <param name="Epoch">The highest epoch that it has seen.</param>
/// <param name="Url">Where its HTTP API is.</param>
/// <param name="Version">Which release it is.</param>
[GenerateSerializer, Immutable, Alias("diststore.nodestatus")]
public sealed record NodeStatus(
    [property: Id(0)] string Name,
    [property: Id(1)] NodeRole Role,
    [property: Id(2)] bool Reachable,
    [property: Id(3)] long Keys,
    [property: Id(4)] LogPoint Applied,
    [property: Id(5)] LogPoint Last,
    [property: Id(6)] long Epoch,
    [property: Id(7)] string? Url = null,
    [property: Id(8)] string? Version = null);

/// <summary>A master that is waited for: one in sync, or one whose place is kept.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Since">Since when the answering node has missed it, by that node's clock.</param>
[GenerateSerializer, Immutable, Alias("diststore.missing")]
public sealed record MissingMaster([property: Id(0)] string Name, [property: Id(1)] DateTimeOffset Since);

/// <summary>All that belongs to one pair of masters, as one node sees it.</summary>
/// <param name="Number">The partition; there is one, number 0.</param>
/// <param name="View">The newest view that the answering node knows.</param>
/// <param name="IsWritable">Whether the primary takes writes.</param>
/// <param name="Missing">The masters that are waited for.</param>
[GenerateSerializer, Immutable, Alias("diststore.partition")]
public sealed record PartitionStatus(
    [property: Id(0)] int Number, [property: Id(1)] MasterView View, [property: Id(2)] bool IsWritable, [property: Id(3)] MissingMaster[] Missing);

/// <summary>The cluster as one node sees it.</summary>
/// <param name="Partitions">The partitions; none before the first election.</param>
/// <param name="Nodes">All live nodes, by name.</param>
/// <param name="Node">The name of the node that answered the caller.</param>
[GenerateSerializer, Immutable, Alias("diststore.cluster")]
public sealed record ClusterStatus(
    [property: Id(0)] PartitionStatus[] Partitions,
    [property: Id(1)] NodeStatus[] Nodes,
    [property: Id(2)] string Node);
