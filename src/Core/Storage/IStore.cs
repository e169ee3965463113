using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>
/// What a node keeps: the applied state (entries, tombstones among them, and the change index), the pending batches,
/// the highest epoch and view seen, the epoch history, the floor, and the local-only entries, a space of their own.
/// <para>
/// There is one writer: write operations take effect one after the other in the order they were called, each as a
/// whole or not at all, and are persisted when their task completes; a crash may take back only what can be made again
/// from what stays (an applying, whose batches are pending again then, the pages of a sync before the one that moves the
/// mark, a collecting of tombstones, a removing of what is void), and from its end only. Reads may be made from any thread at any time and
/// show applied state only. Operations throw <see cref="StoreFailedException"/> when the medium failed; what they were
/// to write is then not known to be there, and the store takes no more writes until it was opened anew.
/// </para>
/// </summary>
public interface IStore : IAsyncDisposable
{
    /// <summary>Random, made with the store.</summary>
    Guid Id { get; }

    /// <summary>Whether the content outlives the process.</summary>
    bool IsDurable { get; }

    /// <summary>The state after the last completed write operation; any thread.</summary>
    StoreState State { get; }

    /// <summary>
    /// Raises the highest epoch to the view's and remembers the view, if it is newer than what is remembered. A view of
    /// another history in which this store is the primary's makes its content the start of that history.
    /// </summary>
    ValueTask<StoreState> AdoptAsync(MasterView view, bool asPrimary);

    /// <summary>
    /// In one step: if <paramref name="epoch"/> (the message's) is not below the highest seen and the batch continues
    /// the log, persists it as pending.
    /// </summary>
    ValueTask<AppendResult> AppendAsync(long epoch, Batch batch);

    /// <summary>
    /// Drops the pending batches that do not lie in the given history with its end, if <paramref name="epoch"/> is not
    /// below the highest seen. False when it is.
    /// </summary>
    ValueTask<bool> AlignAsync(long epoch, EpochHistory history, LogPoint end);

    /// <summary>
    /// Applies the pending batches up to <paramref name="commit"/> to entries and change index. Does nothing when that
    /// point is applied already or is not the end of a pending batch of this log.
    /// </summary>
    ValueTask<StoreState> ApplyAsync(LogPoint commit);

    /// <summary>Remembers whom this node, as the primary, asks the registry to add to the in-sync set.</summary>
    ValueTask RememberCandidateAsync(long epoch, MasterId candidate);

    /// <summary>Begins to sync: drops all pending batches; for a full sync also clears the mark, and the cursor unless it belongs to this history.</summary>
    ValueTask<bool> StartSyncAsync(long epoch, SyncKind kind, Guid history);

    /// <summary>
    /// Takes a page of a full sync: what it names replaces what is there whatever its version, and the keys of its range
    /// that it does not name are removed. Where more of these are there than one operation may remove, it removes as many
    /// as it may and answers <see cref="PageOutcome.Partly"/>: the same call again goes on.
    /// </summary>
    ValueTask<PageOutcome> WritePageAsync(long epoch, string? after, KeyPage page);

    /// <summary>Takes a page of changes; only a page that reaches the primary's applied sequence moves the mark there.</summary>
    ValueTask<bool> WriteChangesAsync(long epoch, ChangePage page);

    /// <summary>
    /// Forgets tombstones whose write was ordered before <paramref name="orderedBefore"/>, raises the floor past them,
    /// but keeps it below <paramref name="keepFrom"/>, the first sequence that someone still syncs from. One step of
    /// bounded work; true when there may be more to forget, so that others get their turn between two steps.
    /// </summary>
    ValueTask<bool> CollectTombstonesAsync(DateTimeOffset orderedBefore, long keepFrom);

    /// <summary>
    /// Removes rows that remember requests and are void, without a trace: each master does so by itself. Goes on where the last step ended,
    /// also after a restart. One step of bounded work; true when there may be more to remove.
    /// </summary>
    ValueTask<bool> RemoveVoidAsync();

    /// <summary>The applied entry of that key, tombstones included, or <see langword="null"/>.</summary>
    ValueTask<Entry?> ReadAsync(string key);

    /// <summary>
    /// The applied entries of many keys, tombstones included, read together: as many as <paramref name="maxBytes"/> hold, at
    /// least one.
    /// </summary>
    ValueTask<ManyEntries> ReadManyAsync(IReadOnlyList<string> keys, long maxBytes);

    /// <summary>
    /// The same, all from one moment: of a batch either everything is shown or nothing, however much is written meanwhile.
    /// </summary>
    ValueTask<ManyEntries> ReadSnapshotAsync(IReadOnlyList<string> keys, long maxBytes);

    /// <summary>The heads of the applied entries of many keys, tombstones included, in that order; reads no large value.</summary>
    ValueTask<IReadOnlyList<EntryHead?>> ReadHeadsAsync(IReadOnlyList<string> keys);

    /// <summary>Applied entries in key order, from one moment.</summary>
    ValueTask<KeyPage> ScanAsync(KeyScan scan);

    /// <summary>
    /// The heads of applied entries that are no tombstones, in key order, from one moment; reads no large value, and no more
    /// than <see cref="HeadScan"/> says. Internal rows (<see cref="InternalKeys"/>) are not among them.
    /// </summary>
    ValueTask<HeadPage> ScanHeadsAsync(HeadScan scan);

    /// <summary>Applied changes in sequence order, each key's latest only, from one moment.</summary>
    ValueTask<ChangePage> ReadChangesAsync(long since, int maxBytes);

    /// <summary>
    /// Which keys have changed, from one moment: the change index alone, no entry is read. A page ends with the row that
    /// reaches <paramref name="maxRows"/> or <see cref="ChangeIndexPage.MaxBytes"/>.
    /// </summary>
    ValueTask<ChangeIndexPage> ReadChangeIndexAsync(long since, int maxRows);

    /// <summary>The heads of applied entries whose time is up, the earliest first; costs what it gives, not what the store holds.</summary>
    ValueTask<IReadOnlyList<EntryHead>> ReadExpiredAsync(DateTimeOffset now, int limit);

    /// <summary>
    /// Keeps a local-only entry: <see cref="WriteOutcome.Created"/> or <see cref="WriteOutcome.Replaced"/>, or
    /// <see cref="WriteOutcome.OverQuota"/> where the local-only entries would grow beyond so many bytes. Judged and written in
    /// one step.
    /// </summary>
    ValueTask<WriteOutcome> PutLocalAsync(Entry entry, long maxBytes = long.MaxValue);

    /// <summary>Removes a local-only entry; false where there is none.</summary>
    ValueTask<bool> DeleteLocalAsync(string key);

    /// <summary>The local-only entry of that key, or <see langword="null"/>.</summary>
    ValueTask<Entry?> ReadLocalAsync(string key);

    /// <summary>
    /// The keys of local-only entries that come after this one and not after <paramref name="upto"/> (<see langword="null"/>: to
    /// the end), in order, about so many bytes of them, at least one if there is one. Reads a bounded amount.
    /// </summary>
    ValueTask<LocalKeysPage> ScanLocalAsync(string? after, string? upto, int maxBytes);
}

/// <summary>The medium failed: what was being written is not known to be there.</summary>
public sealed class StoreFailedException : Exception
{
    /// <summary>Says what failed.</summary>
    public StoreFailedException(string message)
        : base(message)
    {
    }

    /// <summary>Says what failed, and what caused it.</summary>
    public StoreFailedException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>Required of every exception.</summary>
    public StoreFailedException()
    {
    }
}

/// <summary>Where a full sync goes on.</summary>
/// <param name="After">The last key taken, or <see langword="null"/>.</param>
/// <param name="FirstSequence">The primary's applied sequence when the first page was read.</param>
public sealed record SyncCursor(string? After, long FirstSequence);

/// <summary>How an append ended.</summary>
public enum AppendStatus
{
    /// <summary>Persisted, now or before.</summary>
    Persisted = 0,

    /// <summary>A higher epoch was seen.</summary>
    StaleEpoch = 1,

    /// <summary>It does not continue the log.</summary>
    Gap = 2,
}

/// <summary>How an append ended, and where the log ends now.</summary>
public readonly record struct AppendResult(AppendStatus Status, LogPoint Last);

/// <summary>What to scan.</summary>
/// <param name="Prefix">Only keys that start with this; empty for all.</param>
/// <param name="After">Only keys after this one, or <see langword="null"/>.</param>
/// <param name="MaxKeys">At most so many.</param>
/// <param name="MaxBytes">Stop after the key that reaches so many bytes.</param>
/// <param name="Tombstones">Whether to give tombstones too.</param>
public sealed record KeyScan(string Prefix, string? After, int MaxKeys, int MaxBytes, bool Tombstones);

/// <summary>How a page of a full sync was taken.</summary>
public enum PageOutcome
{
    /// <summary>Not at all: a higher epoch was seen, or it does not go on where the cursor stands.</summary>
    Refused = 0,

    /// <summary>Some of what it does not name is removed and some is still there: call again.</summary>
    Partly = 1,

    /// <summary>As a whole.</summary>
    Taken = 2,
}

/// <summary>
/// What to scan of heads. A page ends at <paramref name="MaxKeys"/>, at about <paramref name="MaxBytes"/> of what it gives, or
/// with the row that reaches <see cref="MaxRows"/>.
/// </summary>
/// <param name="Prefix">Only keys that start with this; empty for all.</param>
/// <param name="After">Only keys after this one, or <see langword="null"/>.</param>
/// <param name="MaxKeys">At most so many.</param>
/// <param name="MaxBytes">Stop after the head that reaches so many bytes.</param>
/// <param name="NotExpiredAt">Leaves out what has expired by this moment of the primary's clock; <see langword="null"/>: nothing.</param>
public sealed record HeadScan(string Prefix, string? After, int MaxKeys, int MaxBytes, DateTimeOffset? NotExpiredAt = null)
{
    /// <summary>Rows that one scan looks at, whatever they are: tombstones and expired entries cost time and show nothing.</summary>
    public const int MaxRows = 4096;

    /// <summary>Where it begins: behind the internal rows.</summary>
    public string First => Prefix.Length == 0 ? InternalKeys.FirstOfUsers : Prefix;
}

/// <summary>Heads in key order.</summary>
/// <param name="Heads">The heads; may be none although keys follow, where the scan met nothing that it gives.</param>
/// <param name="Next">The last key *scanned*, where keys may follow it; ask on after this one. Else <see langword="null"/>.</param>
/// <param name="Applied">The applied point at the time of the scan.</param>
public sealed record HeadPage(ImmutableArray<EntryHead> Heads, string? Next, LogPoint Applied);

/// <summary>Entries of many keys.</summary>
/// <param name="Entries">One for each key that was read, in that order; <see langword="null"/> where there is none.</param>
public sealed record ManyEntries(IReadOnlyList<Entry?> Entries);

/// <summary>Keys of local-only entries, in order.</summary>
/// <param name="Keys">The keys.</param>
/// <param name="More">Whether keys may follow the last one.</param>
public sealed record LocalKeysPage(IReadOnlyList<string> Keys, bool More);

/// <summary>Entries in key order.</summary>
/// <param name="Entries">The entries.</param>
/// <param name="More">Whether there may be keys after the last one.</param>
/// <param name="Applied">The applied point at the time of the scan.</param>
/// <param name="Floor">The floor at that time.</param>
[GenerateSerializer, Immutable, Alias("diststore.keypage")]
public sealed record KeyPage(
    [property: Id(0)] ImmutableArray<Entry> Entries,
    [property: Id(1)] bool More,
    [property: Id(2)] LogPoint Applied,
    [property: Id(3)] long Floor)
{
    /// <summary>The last key that it names; <paramref name="after"/>, which it goes on from, where it names none.</summary>
    public string? LastKey(string? after) => Entries.Length > 0 ? Entries[^1].Key : after;
}

/// <summary>Changes in sequence order.</summary>
/// <param name="Entries">The entries, tombstones included.</param>
/// <param name="Upto">The sequence up to which this page is complete; ask on from here.</param>
/// <param name="IsWhole">Whether it reaches <paramref name="Applied"/>.</param>
/// <param name="Applied">The applied point at the time of the read.</param>
/// <param name="Epochs">The epoch history up to <paramref name="Applied"/>.</param>
/// <param name="Floor">The floor at that time.</param>
/// <param name="VoidUpto">What <see cref="StoreState.VoidUpto"/> was at that time.</param>
[GenerateSerializer, Immutable, Alias("diststore.changepage")]
public sealed record ChangePage(
    [property: Id(0)] ImmutableArray<Entry> Entries,
    [property: Id(1)] long Upto,
    [property: Id(2)] bool IsWhole,
    [property: Id(3)] LogPoint Applied,
    [property: Id(4)] EpochHistory Epochs,
    [property: Id(5)] long Floor,
    [property: Id(6)] long VoidUpto = 0);

/// <summary>A row of the change index: a key, and the sequence of its latest change.</summary>
public readonly record struct IndexedChange(long Sequence, string Key);

/// <summary>Rows of the change index in sequence order.</summary>
/// <param name="Rows">The rows, those of tombstones included.</param>
/// <param name="Upto">The sequence up to which this page is complete; ask on from here.</param>
/// <param name="IsWhole">Whether it reaches <paramref name="Applied"/>.</param>
/// <param name="Applied">The applied point at the time of the read.</param>
/// <param name="Epochs">The epoch history up to <paramref name="Applied"/>.</param>
/// <param name="Floor">The floor at that time.</param>
public sealed record ChangeIndexPage(
    ImmutableArray<IndexedChange> Rows, long Upto, bool IsWhole, LogPoint Applied, EpochHistory Epochs, long Floor)
{
    /// <summary>About how many bytes the keys of one page take.</summary>
    public const int MaxBytes = 1 << 20;
}
