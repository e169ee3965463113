using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>What is to be ordered, by the primary of that epoch.</summary>
[GenerateSerializer, Immutable, Alias("diststore.writereq")]
public sealed record WriteRequest([property: Id(0)] long Epoch, [property: Id(1)] Transaction Transaction);

/// <summary>What became of a write at the node that was asked to order it.</summary>
public enum WriteStatus
{
    /// <summary>Acknowledged; there was no such key.</summary>
    Created = 0,

    /// <summary>Acknowledged; there was one.</summary>
    Replaced = 1,

    /// <summary>Acknowledged; the key is gone.</summary>
    Deleted = 2,

    /// <summary>A delete, or a touch, met no such key.</summary>
    NotFound = 3,

    /// <summary>Nothing was done: not the primary, or of another epoch; the reply carries the newest view known.</summary>
    NotPrimary = 4,

    /// <summary>Nothing was done: too much waits already.</summary>
    Overloaded = 5,

    /// <summary>It was ordered, or may have been; whether it will stand is not known.</summary>
    Unknown = 6,

    /// <summary>Its condition does not hold; nothing was written.</summary>
    ConditionFailed = 7,

    /// <summary>Nothing was done: the masters hold as much as they may.</summary>
    OverQuota = 8,

    /// <summary>Nothing was done: this primary can acknowledge nothing now.</summary>
    Refused = 9,

    /// <summary>A transaction is acknowledged.</summary>
    Done = 10,

    /// <summary>Nothing was done: an operation does not go with what its key holds.</summary>
    Conflict = 11,

    /// <summary>Nothing was done: what it makes is larger than the request allows.</summary>
    TooLarge = 12,

    /// <summary>Nothing was done: its mark was used for another request before.</summary>
    KeyReused = 13,
}

/// <summary>The answer to a <see cref="WriteRequest"/>.</summary>
/// <param name="Status">What became of it.</param>
/// <param name="Version">The last version that it made, where it is acknowledged.</param>
/// <param name="View">The newest view known.</param>
/// <param name="Detail">A sentence for the caller where it is not acknowledged.</param>
/// <param name="Results">What became of each operation; null where it is a lone one and the version says all.</param>
/// <param name="Failed">The conditions of a transaction that do not hold.</param>
/// <param name="IsReplay">Whether this is an earlier answer again.</param>
[GenerateSerializer, Immutable, Alias("diststore.writerep")]
public sealed record WriteReply(
    [property: Id(0)] WriteStatus Status,
    [property: Id(1)] LogPoint Version,
    [property: Id(2)] MasterView? View,
    [property: Id(3)] string? Detail = null,
    [property: Id(4)] OperationResult[]? Results = null,
    [property: Id(5)] int[]? Failed = null,
    [property: Id(6)] bool IsReplay = false);

/// <summary>Asks the primary of that epoch to delete the next keys with a prefix: those after one, the first where it is null.</summary>
[GenerateSerializer, Immutable, Alias("diststore.prefixdeletereq")]
public sealed record PrefixDeleteRequest(
    [property: Id(0)] long Epoch, [property: Id(1)] string Prefix, [property: Id(2)] string? After, [property: Id(3)] int Limit);

/// <summary>The answer to a <see cref="PrefixDeleteRequest"/>.</summary>
/// <param name="Status"><see cref="WriteStatus.Done"/>, or what became of those that were not deleted.</param>
/// <param name="Deleted">How many were.</param>
/// <param name="Next">To ask on after; null where none follow.</param>
/// <param name="View">The newest view known.</param>
/// <param name="Detail">A sentence for the caller.</param>
[GenerateSerializer, Immutable, Alias("diststore.prefixdeleterep")]
public sealed record PrefixDeleteReply(
    [property: Id(0)] WriteStatus Status,
    [property: Id(1)] int Deleted,
    [property: Id(2)] string? Next,
    [property: Id(3)] MasterView? View,
    [property: Id(4)] string? Detail = null);

/// <summary>What the primary orders and persists at once.</summary>
/// <param name="Before">The end of the log before this batch.</param>
/// <param name="Entries">At least one; their versions have the batch's epoch and successive sequences.</param>
/// <param name="OrderedAt">When the primary ordered it, by its wall clock; tombstones are forgotten by this.</param>
[GenerateSerializer, Immutable, Alias("diststore.batch")]
public sealed record Batch(
    [property: Id(0)] LogPoint Before,
    [property: Id(1)] ImmutableArray<Entry> Entries,
    [property: Id(2)] DateTimeOffset OrderedAt)
{
    /// <summary>The point of the first entry.</summary>
    public LogPoint First => Entries[0].Version;

    /// <summary>The point of the last entry; the log ends here once the batch is in it.</summary>
    public LogPoint Last => Entries[^1].Version;

    /// <summary>What of it users may hear of: all but internal rows.</summary>
    public IEnumerable<ChangedKey> Changes =>
        Entries.Where(static entry => !InternalKeys.Is(entry.Key)).Select(static entry => new ChangedKey(entry.Key, entry.Version));
}

/// <summary>A batch for the other master. <paramref name="View"/> is the primary's, <paramref name="To"/> whom it means.</summary>
[GenerateSerializer, Immutable, Alias("diststore.replicatereq")]
public sealed record ReplicateRequest(
    [property: Id(0)] MasterView View,
    [property: Id(1)] MasterId To,
    [property: Id(2)] Batch Batch,
    [property: Id(3)] LogPoint Commit);

/// <summary>How a master took a batch or an alignment.</summary>
public enum ReplicateStatus
{
    /// <summary>Persisted; the reply's point is what is surely held.</summary>
    Persisted = 0,

    /// <summary>It does not continue the log, whose end the reply gives: send what is missing.</summary>
    Gap = 1,

    /// <summary>Refused: another view, another process, not a master. The reply carries the newest view known.</summary>
    Refused = 2,
}

/// <summary>The answer to a <see cref="ReplicateRequest"/> or an <see cref="AlignRequest"/>.</summary>
[GenerateSerializer, Immutable, Alias("diststore.replicaterep")]
public sealed record ReplicateReply(
    [property: Id(0)] ReplicateStatus Status,
    [property: Id(1)] LogPoint Point,
    [property: Id(2)] MasterView? View);

/// <summary>How far the primary's log is committed.</summary>
[GenerateSerializer, Immutable, Alias("diststore.commitreq")]
public sealed record CommitRequest(
    [property: Id(0)] MasterView View,
    [property: Id(1)] MasterId To,
    [property: Id(2)] LogPoint Commit);

/// <summary>The primary's log on a new view: who has something that is not in it drops that.</summary>
[GenerateSerializer, Immutable, Alias("diststore.alignreq")]
public sealed record AlignRequest(
    [property: Id(0)] MasterView View,
    [property: Id(1)] MasterId To,
    [property: Id(2)] EpochHistory History,
    [property: Id(3)] LogPoint End);

/// <summary>Does the epoch of this view still stand for you?</summary>
[GenerateSerializer, Immutable, Alias("diststore.confirmreq")]
public sealed record ConfirmRequest([property: Id(0)] MasterView View, [property: Id(1)] MasterId To);

/// <summary>Yes or no between masters, with the newest view known.</summary>
[GenerateSerializer, Immutable, Alias("diststore.masterrep")]
public sealed record MasterReply([property: Id(0)] bool Granted, [property: Id(1)] MasterView? View);

/// <summary>How far a learner has got under this view.</summary>
/// <param name="PagesTaken">Pages taken, of everything and of changes.</param>
/// <param name="HasBeenWhole">Whether it had everything at some time.</param>
/// <param name="SyncsFully">Whether it was told to take everything, and not only changes.</param>
/// <param name="IsStreaming">Whether batches are sent to it.</param>
[GenerateSerializer, Immutable, Alias("diststore.learnerreport")]
public sealed record LearnerReport(
    [property: Id(0)] long PagesTaken, [property: Id(1)] bool HasBeenWhole, [property: Id(2)] bool SyncsFully, [property: Id(3)] bool IsStreaming);

/// <summary>What a node says of itself to the registry and to operators.</summary>
/// <param name="Id">Who it is.</param>
/// <param name="View">The newest view that its store remembers.</param>
/// <param name="HighestEpoch">The highest epoch that its store has seen.</param>
/// <param name="Last">The end of its log.</param>
/// <param name="Applied">Up to where that is applied.</param>
/// <param name="Keys">How many keys it holds.</param>
/// <param name="HoldsReplicated">Whether its store holds replicated entries.</param>
/// <param name="Candidate">Whom it asks to be added to the in-sync set.</param>
/// <param name="Role">Its role in the newest view.</param>
/// <param name="IsLeaving">Whether it stops.</param>
/// <param name="Learner">How far it has got as a learner, if it is one.</param>
/// <param name="History">The history that its store's content is of.</param>
/// <param name="SyncsFrom">From where a sync of it could go on with changes; zero where only everything will do.</param>
/// <param name="Floor">Changes at or below it cannot be had from its store.</param>
/// <param name="TakesWrites">Whether it is the primary and acknowledges writes.</param>
/// <param name="Url">Where its HTTP API is.</param>
/// <param name="Version">Which release it is.</param>
/// <param name="IsStarting">Whether it takes no part yet.</param>
/// <param name="HasSteppedDown">Whether this process gave its place as a master away on an operator's wish.</param>
[GenerateSerializer, Immutable, Alias("diststore.ping")]
public sealed record PingReply(
    [property: Id(0)] MasterId Id,
    [property: Id(1)] MasterView? View,
    [property: Id(2)] long HighestEpoch,
    [property: Id(3)] LogPoint Last,
    [property: Id(4)] LogPoint Applied,
    [property: Id(5)] long Keys,
    [property: Id(6)] bool HoldsReplicated,
    [property: Id(7)] MasterId? Candidate,
    [property: Id(8)] NodeRole Role,
    [property: Id(9)] bool IsLeaving = false,
    [property: Id(10)] LearnerReport? Learner = null,
    [property: Id(11)] Guid History = default,
    [property: Id(12)] LogPoint SyncsFrom = default,
    [property: Id(13)] long Floor = 0,
    [property: Id(14)] bool TakesWrites = false,
    [property: Id(15)] string? Url = null,
    [property: Id(16)] string? Version = null,
    [property: Id(17)] bool HasSteppedDown = false,
    [property: Id(18)] bool IsStarting = false);

/// <summary>
/// A learner's start: up to where it has everything (its mark, or what it has pulled beyond that), under which view.
/// <paramref name="Attempt"/> numbers the learner's starts, so that a stream asked for by an earlier one, arriving late, is not
/// taken for this one's.
/// </summary>
[GenerateSerializer, Immutable, Alias("diststore.syncstartreq")]
public sealed record SyncStartRequest(
    [property: Id(0)] MasterView View,
    [property: Id(1)] MasterId From,
    [property: Id(2)] Guid History,
    [property: Id(3)] LogPoint Applied,
    [property: Id(4)] long Attempt);

/// <summary>How to sync.</summary>
public enum SyncKind
{
    /// <summary>The asked node is not the primary of that view, or not ready.</summary>
    Refused = 0,

    /// <summary>Everything, in key order.</summary>
    Full = 1,

    /// <summary>The changes since the learner's applied point.</summary>
    Changes = 2,
}

/// <summary>The answer to a <see cref="SyncStartRequest"/>.</summary>
[GenerateSerializer, Immutable, Alias("diststore.syncstartrep")]
public sealed record SyncStartReply([property: Id(0)] SyncKind Kind, [property: Id(1)] MasterView? View);

/// <summary>The next page of a full sync, after this key; <see langword="null"/> for the first.</summary>
[GenerateSerializer, Immutable, Alias("diststore.syncpagereq")]
public sealed record SyncPageRequest(
    [property: Id(0)] MasterView View,
    [property: Id(1)] MasterId From,
    [property: Id(2)] string? After,
    [property: Id(3)] long FirstSequence);

/// <summary>A page of a full sync; <see langword="null"/> <paramref name="Page"/> when refused.</summary>
[GenerateSerializer, Immutable, Alias("diststore.syncpagerep")]
public sealed record SyncPageReply([property: Id(0)] KeyPage? Page, [property: Id(1)] MasterView? View);

/// <summary>The changes after this sequence.</summary>
[GenerateSerializer, Immutable, Alias("diststore.syncchangesreq")]
public sealed record SyncChangesRequest(
    [property: Id(0)] MasterView View,
    [property: Id(1)] MasterId From,
    [property: Id(2)] long Since);

/// <summary>
/// A page of changes; <see langword="null"/> <paramref name="Page"/> when refused or, with
/// <paramref name="BelowFloor"/>, no longer to be had.
/// </summary>
[GenerateSerializer, Immutable, Alias("diststore.syncchangesrep")]
public sealed record SyncChangesReply(
    [property: Id(0)] ChangePage? Page,
    [property: Id(1)] bool BelowFloor,
    [property: Id(2)] MasterView? View);

/// <summary>Stream to me from my mark on.</summary>
[GenerateSerializer, Immutable, Alias("diststore.streamreq")]
public sealed record StreamRequest(
    [property: Id(0)] MasterView View,
    [property: Id(1)] MasterId From,
    [property: Id(2)] LogPoint Mark,
    [property: Id(3)] long Attempt);

/// <summary>Reads one key of one node.</summary>
/// <param name="Key">The key.</param>
/// <param name="MaxAge">What is older does not help.</param>
/// <param name="IsStrong">Asked of the primary: it has to be confirmed first that it still is the primary.</param>
/// <param name="MinSequence">The state shown has to include the write of this sequence.</param>
/// <param name="NamesHolders">Where the masters have no such key, the primary names who may hold it local-only.</param>
[GenerateSerializer, Immutable, Alias("diststore.fetchreq")]
public sealed record FetchRequest(
    [property: Id(0)] string Key,
    [property: Id(1)] TimeSpan MaxAge,
    [property: Id(2)] bool IsStrong = false,
    [property: Id(3)] long MinSequence = 0,
    [property: Id(4)] bool NamesHolders = false);

/// <summary>What a node can say of a key.</summary>
public enum FetchStatus
{
    /// <summary>The entry is given.</summary>
    Found = 0,

    /// <summary>There is none: said only by a current primary.</summary>
    NotFound = 1,

    /// <summary>This node cannot tell.</summary>
    CannotTell = 2,
}

/// <summary>The answer to a <see cref="FetchRequest"/>.</summary>
/// <param name="Status">Whether the entry is given.</param>
/// <param name="Entry">The entry.</param>
/// <param name="View">The newest view known, where this node cannot tell.</param>
/// <param name="Life">What remains of an entry that expires.</param>
/// <param name="CurrentAt">The point up to which what is shown follows the primary's changes.</param>
/// <param name="Age">How long ago that was surely the cluster's state.</param>
/// <param name="LocalHolders">The nodes that may hold local-only entries; null where they are not named: any may.</param>
/// <param name="History">The history that the entry is of.</param>
[GenerateSerializer, Immutable, Alias("diststore.fetchrep")]
public sealed record FetchReply(
    [property: Id(0)] FetchStatus Status,
    [property: Id(1)] Entry? Entry = null,
    [property: Id(2)] MasterView? View = null,
    [property: Id(3)] TimeSpan? Life = null,
    [property: Id(4)] LogPoint CurrentAt = default,
    [property: Id(5)] TimeSpan Age = default,
    [property: Id(6)] string[]? LocalHolders = null,
    [property: Id(7)] Guid History = default);

/// <summary>What a node holds local-only under a key.</summary>
/// <param name="Entry">The entry; null where it holds none.</param>
[GenerateSerializer, Immutable, Alias("diststore.localrep")]
public sealed record LocalReply([property: Id(0)] Entry? Entry);

/// <summary>Asks the primary for changes after a point, as <see cref="ChangesQuery"/> says.</summary>
/// <param name="Page">The changes; null when the asked node is not a ready primary.</param>
/// <param name="IsGone">The point lies below the floor or not in the history.</param>
/// <param name="View">The newest view that the asked node knows.</param>
/// <param name="IsBusy">No page, for the primary reads as many changes for others as it may already.</param>
[GenerateSerializer, Immutable, Alias("diststore.watchrep")]
public sealed record WatchReply(
    [property: Id(0)] ChangesResult? Page,
    [property: Id(1)] bool IsGone,
    [property: Id(2)] MasterView? View,
    [property: Id(3)] bool IsBusy = false);
