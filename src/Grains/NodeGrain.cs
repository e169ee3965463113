using Diststore.Contracts;
using Diststore.Core;
using Orleans.Concurrency;
using Orleans.GrainDirectory;
using Orleans.Placement;

namespace Diststore.Grains;

/// <summary>The silo's node, reachable from the whole cluster. It holds nothing itself.</summary>
[Reentrant, Immovable, KeepAlive, NodePlacement, GrainDirectory(NoDirectory.Name)]
internal sealed class NodeGrain(Node node, ClusterMembers members) : Grain, INodeGrain
{
    // Who is told so tries another node.
    private Node Serving => node.IsStopping ? throw Stopping : node;

    private NodeNotFoundException Stopping => new($"{node.Name} is stopping");

    public Task<ReadResult?[]> TryGetManyAsync(string[] keys)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(keys.Length, Batches.MaxQuestions);
        return node.FindManyHereAsync(keys, Batches.MaxAnswerBytes).AsTask();
    }

    public Task<CopyNews> FollowCopiesAsync(CopyQuestion question) => Serving.FollowCopiesAsync(question);

    public Task<ReadResult> GetAsync(string key, ReadOptions options) => Serving.GetAsync(key, options).AsTask();

    public Task<ReadResult[]> GetManyAsync(ManyQuery query)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(query.Keys.Length, Batches.MaxQuestions);
        return Serving.GetManyAsync(query).AsTask();
    }

    public Task<SnapshotReply> BeginSnapshotAsync(ManyQuery query)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(query.Keys.Length, ManyQuery.MaxKeys);
        return Serving.BeginSnapshotAsync(query);
    }

    public async Task<WriteResult> WriteAsync(Transaction transaction)
    {
        WriteResult result = await Serving.WriteAsync(transaction);
        return result.Outcome == WriteOutcome.Unavailable && node.IsStopping ? throw Stopping : result;
    }

    public Task<PrefixDeleteResult> DeleteAsync(PrefixDelete asked) => Serving.DeleteAsync(asked).AsTask();

    public Task<PrefixDeleteReply> DeletePageAsync(PrefixDeleteRequest request) => node.DeletePageAsync(request);

    public Task<ChangesResult> ReadChangesAsync(ChangesQuery query) => Serving.ReadChangesAsync(query).AsTask();

    public Task<ListResult> ListAsync(ListQuery query) => Serving.ListAsync(query).AsTask();

    public Task<BackupStart> StartBackupOfAMasterAsync() => ((INodeAccess)Serving).StartBackupAsync().AsTask();

    public Task<ClusterStatus> GetStatusAsync() => Serving.GetStatusAsync().AsTask();

    public Task<RoleResult> ForceElectionAsync(string node, bool acceptsDataLoss) => Serving.ForceElectionAsync(node, acceptsDataLoss).AsTask();

    public Task<RoleResult> MaintainAsync(string node, TimeSpan time) => Serving.MaintainAsync(node, time).AsTask();

    public async Task<MemberList> WaitForMembersAsync(long known, TimeSpan patience) =>
        await members.WaitAsync(known, patience) with { NotWritableBecause = node.NotWritableBecause };

    public Task<WriteReply> WriteAsync(WriteRequest request) => node.WriteAsync(request);

    public Task<ReplicateReply> ReplicateAsync(ReplicateRequest request) => node.ReplicateAsync(request);

    public Task<MasterReply> CommitAsync(CommitRequest request) => node.CommitAsync(request);

    public Task<ReplicateReply> AlignAsync(AlignRequest request) => node.AlignAsync(request);

    public Task<MasterReply> ConfirmAsync(ConfirmRequest request) => node.ConfirmAsync(request);

    public Task<PingReply> PingAsync(bool write) => node.PingAsync(write);

    public Task AnnounceAsync(MasterView view) => node.AnnounceAsync(view);

    public Task<SyncStartReply> StartSyncAsync(SyncStartRequest request) => node.StartSyncAsync(request);

    public Task<SyncPageReply> ReadPageAsync(SyncPageRequest request) => node.ReadPageAsync(request);

    public Task<SyncChangesReply> ReadChangesAsync(SyncChangesRequest request) => node.ReadChangesAsync(request);

    public Task<MasterReply> StartStreamAsync(StreamRequest request) => node.StartStreamAsync(request);

    public Task<MasterReply> CheckStreamAsync(StreamRequest request) => node.CheckStreamAsync(request);

    public Task<FollowReply> FollowAsync(FollowRequest request) => node.FollowAsync(request);

    public Task<FetchReply?[]> FetchAsync(FetchRequest[] requests)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(requests.Length, Batches.MaxQuestions);
        return node.FetchAsync(requests);
    }

    public Task<SnapshotReply> ReadSnapshotAsync(ManyQuery query)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(query.Keys.Length, ManyQuery.MaxKeys);
        return node.ReadSnapshotAsync(query);
    }

    public Task<SnapshotPart> ReadRestAsync(Guid id, int from) => node.ReadRestAsync(id, from);

    public Task<LocalReply> FetchLocalAsync(string key) => node.FetchLocalAsync(key);

    public Task<BackupStart> StartBackupAsync() => node.StartBackupAsync();

    public Task<BackupPart> ReadBackupAsync(Guid id) => node.ReadBackupAsync(id);

    public Task<WatchReply> WatchAsync(ChangesQuery query) => node.WatchAsync(query);

    public Task<ListResult?> ListFromPrimaryAsync(ListQuery query) => node.ListFromPrimaryAsync(query);

    public Task<RoleResult> StepDownAsync() => node.StepDownAsync();

    public Task<WriteResult> PutLocalAsync(string key, byte[] value, string? contentType) => node.PutLocalAsync(key, value, contentType);

    public Task<WriteResult> DeleteLocalAsync(string key) => node.DeleteLocalAsync(key);

    public Task<ReadResult> GetLocalAsync(string key) => node.GetLocalAsync(key);

    public Task<KeysResult> GetKeysAsync(string? after) => node.GetKeysAsync(after);
}
