namespace Diststore.Core;

/// <summary>What a node answers to other nodes and to the registry.</summary>
public interface IPeer
{
    /// <summary>Asks the primary to order a write.</summary>
    Task<WriteReply> WriteAsync(WriteRequest request);

    /// <summary>Asks the primary to delete the next keys with a prefix.</summary>
    Task<PrefixDeleteReply> DeletePageAsync(PrefixDeleteRequest request);

    /// <summary>The primary sends a batch, which the other master persists before it answers.</summary>
    Task<ReplicateReply> ReplicateAsync(ReplicateRequest request);

    /// <summary>The primary tells how far its log is committed.</summary>
    Task<MasterReply> CommitAsync(CommitRequest request);

    /// <summary>On a new view the primary tells the other in-sync master where its log ends.</summary>
    Task<ReplicateReply> AlignAsync(AlignRequest request);

    /// <summary>The primary asks whether the epoch still stands.</summary>
    Task<MasterReply> ConfirmAsync(ConfirmRequest request);

    /// <summary>The registry asks who the node is and what it holds; with <paramref name="write"/>, after a store write.</summary>
    Task<PingReply> PingAsync(bool write);

    /// <summary>The registry announces a view. Losing this does no harm.</summary>
    Task AnnounceAsync(MasterView view);

    /// <summary>A learner asks the primary how it should sync.</summary>
    Task<SyncStartReply> StartSyncAsync(SyncStartRequest request);

    /// <summary>A learner asks for the next page of a full sync.</summary>
    Task<SyncPageReply> ReadPageAsync(SyncPageRequest request);

    /// <summary>A learner asks for the next page of changes.</summary>
    Task<SyncChangesReply> ReadChangesAsync(SyncChangesRequest request);

    /// <summary>A learner that holds everything up to its mark asks for the batches from there on.</summary>
    Task<MasterReply> StartStreamAsync(StreamRequest request);

    /// <summary>A learner asks whether it is still being streamed to.</summary>
    Task<MasterReply> CheckStreamAsync(StreamRequest request);

    /// <summary>Asks the primary what has changed since a point, and how fresh that is.</summary>
    Task<FollowReply> FollowAsync(FollowRequest request);

    /// <summary>
    /// Reads what this node can show of some keys, at most <see cref="Batches.MaxQuestions"/>; nothing for those that would make the answer
    /// larger than <see cref="Batches.MaxAnswerBytes"/>. The first always gets its turn.
    /// </summary>
    Task<FetchReply?[]> FetchAsync(FetchRequest[] requests);

    /// <summary>
    /// Asks the primary for many keys (at most <see cref="ManyQuery.MaxKeys"/>) as it has them at one moment, by one reading of its clock; up to
    /// <see cref="ManyQuery.MaxValueBytes"/> of values.
    /// </summary>
    Task<SnapshotReply> ReadSnapshotAsync(ManyQuery query);

    /// <summary>The rest of what <see cref="ReadSnapshotAsync"/> gave by that id, from that index on: as much as one message carries.</summary>
    Task<SnapshotPart> ReadRestAsync(Guid id, int from);

    /// <summary>Reads what this node holds local-only under a key.</summary>
    Task<LocalReply> FetchLocalAsync(string key);

    /// <summary>Asks the primary for a page of keys; null when the asked node is not a current primary.</summary>
    Task<ListResult?> ListFromPrimaryAsync(ListQuery query);

    /// <summary>Asks the primary for applied changes after a point, waiting a while for the first one.</summary>
    Task<WatchReply> WatchAsync(ChangesQuery query);

    /// <summary>Starts a backup of the asked node, if it is an in-sync master.</summary>
    Task<BackupStart> StartBackupAsync();

    /// <summary>The next part of a backup that the asked node has started.</summary>
    Task<BackupPart> ReadBackupAsync(Guid id);

    /// <summary>Has the asked node give its role as a master to another one.</summary>
    Task<RoleResult> StepDownAsync();

    /// <summary>Stores an entry on the asked node alone.</summary>
    Task<WriteResult> PutLocalAsync(string key, byte[] value, string? contentType);

    /// <summary>Removes what the asked node holds local-only under a key.</summary>
    Task<WriteResult> DeleteLocalAsync(string key);

    /// <summary>Reads what the asked node itself holds.</summary>
    Task<ReadResult> GetLocalAsync(string key);

    /// <summary>A page of the keys that the asked node itself holds, in order: those after this one.</summary>
    Task<KeysResult> GetKeysAsync(string? after);
}
