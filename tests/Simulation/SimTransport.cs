namespace Diststore.Simulation;

/// <summary>One host's way to the others.</summary>
internal sealed class SimTransport(SimNetwork network, SimHost self, IReadOnlyList<string> registries) : ITransport
{
    public IReadOnlyList<string> Members => network.Members;

    public IRegistry Registry => new SimRegistryProxy(network, self, self.Pump.Pick(registries));

    public IPeer Peer(string node) => network.Members.Contains(node)
        ? new SimPeer(network, self, node)
        : throw new NodeNotFoundException($"no live node has the name {node}");

    public void Multicast(ReadOnlySpan<byte> datagram)
    {
        byte[] bytes = datagram.ToArray();
        foreach (string member in network.Members.Where(member => member != self.Name))
        {
            network.Send(self.Name, member, bytes);
        }
    }

    public void Send(string node, ReadOnlySpan<byte> datagram) => network.Send(self.Name, node, datagram.ToArray());
}

internal sealed class SimRegistryProxy(SimNetwork network, SimHost self, string registry) : IRegistry
{
    public Task<MasterView?> ReadAsync() => CallAsync(r => r.ReadAsync());

    public Task<MasterView?> ElectAsync(string? poster) => CallAsync(r => r.ElectAsync(poster));

    public Task<MasterView?> DropPeerAsync(long epoch, MasterId primary) => CallAsync(r => r.DropPeerAsync(epoch, primary));

    public Task<MasterView?> AdmitAsync(long epoch, MasterId primary, MasterId learner) => CallAsync(r => r.AdmitAsync(epoch, primary, learner));

    public Task<MasterView?> HandOverAsync(long epoch, MasterId primary) => CallAsync(r => r.HandOverAsync(epoch, primary));

    public Task<MasterView?> LeaveAsync(long epoch, MasterId master, bool stops) => CallAsync(r => r.LeaveAsync(epoch, master, stops));

    public Task<MasterView?> ReportAsync(long epoch) => CallAsync(r => r.ReportAsync(epoch));

    public Task<OperatorReply> MaintainAsync(string node, TimeSpan time) => CallAsync(r => r.MaintainAsync(node, time));

    public Task<OperatorReply> ForceAsync(string node, bool acceptsDataLoss) => CallAsync(r => r.ForceAsync(node, acceptsDataLoss));

    private Task<T> CallAsync<T>(Func<IRegistry, Task<T>> call) => network.CallAsync(self, registry, call);
}

internal sealed class SimPeer(SimNetwork network, SimHost self, string node) : IPeer
{
    public Task<WriteReply> WriteAsync(WriteRequest request) => CallAsync(p => p.WriteAsync(request));

    public Task<PrefixDeleteReply> DeletePageAsync(PrefixDeleteRequest request) => CallAsync(p => p.DeletePageAsync(request));

    public Task<ReplicateReply> ReplicateAsync(ReplicateRequest request) => CallAsync(p => p.ReplicateAsync(request));

    public Task<MasterReply> CommitAsync(CommitRequest request) => CallAsync(p => p.CommitAsync(request));

    public Task<ReplicateReply> AlignAsync(AlignRequest request) => CallAsync(p => p.AlignAsync(request));

    public Task<MasterReply> ConfirmAsync(ConfirmRequest request) => CallAsync(p => p.ConfirmAsync(request));

    public Task<PingReply> PingAsync(bool write) => CallAsync(p => p.PingAsync(write));

    public Task AnnounceAsync(MasterView view) => CallAsync(async p =>
    {
        await p.AnnounceAsync(view);
        return true;
    });

    public Task<SyncStartReply> StartSyncAsync(SyncStartRequest request) => CallAsync(p => p.StartSyncAsync(request));

    public Task<SyncPageReply> ReadPageAsync(SyncPageRequest request) => CallAsync(p => p.ReadPageAsync(request));

    public Task<SyncChangesReply> ReadChangesAsync(SyncChangesRequest request) => CallAsync(p => p.ReadChangesAsync(request));

    public Task<MasterReply> StartStreamAsync(StreamRequest request) => CallAsync(p => p.StartStreamAsync(request));

    public Task<MasterReply> CheckStreamAsync(StreamRequest request) => CallAsync(p => p.CheckStreamAsync(request));

    public Task<FollowReply> FollowAsync(FollowRequest request) => CallAsync(p => p.FollowAsync(request));

    public Task<FetchReply?[]> FetchAsync(FetchRequest[] requests) => CallAsync(p => p.FetchAsync(requests));

    public Task<SnapshotReply> ReadSnapshotAsync(ManyQuery query) => CallAsync(p => p.ReadSnapshotAsync(query));

    public Task<SnapshotPart> ReadRestAsync(Guid id, int from) => CallAsync(p => p.ReadRestAsync(id, from));

    public Task<LocalReply> FetchLocalAsync(string key) => CallAsync(p => p.FetchLocalAsync(key));

    public Task<ListResult?> ListFromPrimaryAsync(ListQuery query) => CallAsync(p => p.ListFromPrimaryAsync(query));

    public Task<WatchReply> WatchAsync(ChangesQuery query) => CallAsync(p => p.WatchAsync(query));

    public Task<BackupStart> StartBackupAsync() => CallAsync(p => p.StartBackupAsync());

    public Task<BackupPart> ReadBackupAsync(Guid id) => CallAsync(p => p.ReadBackupAsync(id));

    public Task<RoleResult> StepDownAsync() => CallAsync(p => p.StepDownAsync());

    public Task<WriteResult> PutLocalAsync(string key, byte[] value, string? contentType) => CallAsync(p => p.PutLocalAsync(key, value, contentType));

    public Task<WriteResult> DeleteLocalAsync(string key) => CallAsync(p => p.DeleteLocalAsync(key));

    public Task<ReadResult> GetLocalAsync(string key) => CallAsync(p => p.GetLocalAsync(key));

    public Task<KeysResult> GetKeysAsync(string? after) => CallAsync(p => p.GetKeysAsync(after));

    private Task<T> CallAsync<T>(Func<IPeer, Task<T>> call) => network.CallAsync(self, node, call);
}
