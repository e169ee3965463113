using Diststore.Core;

namespace Diststore.Simulation;

/// <summary>
/// The network between nodes and registries: messages take their time, are lost, overtake each other; datagrams are
/// doubled too; links are cut one way. Where a call's process was killed nobody answers any more.
/// </summary>
internal sealed class SimNetwork(Pump pump)
{
    private readonly Dictionary<string, SimHost> _hosts = new(StringComparer.Ordinal);
    private readonly HashSet<(string From, string To)> _cut = [];

    /// <summary>Part of all messages that is lost.</summary>
    public double Loss { get; set; }

    /// <summary>Part of all datagrams that is lost.</summary>
    public double DatagramLoss { get; set; }

    /// <summary>Part of all messages that take long, some longer than a reply is waited for.</summary>
    public double Slow { get; set; }

    /// <summary>Names of the nodes that membership lists.</summary>
    public IReadOnlyList<string> Members { get; set; } = [];

    public void Add(SimHost host) => _hosts[host.Name] = host;

    public void Cut(string from, string to) => _cut.Add((from, to));

    public void HealLinks() => _cut.Clear();

    /// <summary>
    /// Calls a host from another. The task ends on the caller's scheduler with the answer, with the exception that the
    /// callee threw, or never.
    /// </summary>
    public Task<T> CallAsync<TTarget, T>(SimHost from, string to, Func<TTarget, Task<T>> call)
        where TTarget : class
    {
        var answer = new TaskCompletionSource<T>();
        SimScheduler caller = from.Scheduler;
        Deliver(from.Name, to, () =>
        {
            SimHost target = _hosts[to];
            SimScheduler callee = target.Scheduler;
            if (callee.IsDead || target.Service is not TTarget service)
            {
                return;
            }

            callee.Post(async () =>
            {
                Action settle;
                try
                {
                    T result = await call(service);
                    settle = () => answer.TrySetResult(result);
                }
                catch (Exception e)
                {
                    settle = () => answer.TrySetException(e);
                }

                Deliver(to, from.Name, () => caller.Post(settle));
            });
        });
        return answer.Task;
    }

    public void Send(string from, string to, byte[] datagram)
    {
        int copies = pump.Random.NextDouble() < DatagramLoss ? 0 : pump.Random.NextDouble() < 0.02 ? 2 : 1;
        for (int i = 0; i < copies; i++)
        {
            Deliver(from, to, () =>
            {
                SimHost target = _hosts[to];
                target.Scheduler.Post(() => (target.Service as Node)?.ReceiveDatagram(from, datagram));
            });
        }
    }

    private void Deliver(string from, string to, Action action)
    {
        if (!_cut.Contains((from, to)) && pump.Random.NextDouble() >= Loss)
        {
            pump.Schedule(Delay(), action);
        }
    }

    // Mostly a fraction of a millisecond, now and then long enough to be overtaken, rarely longer than a time-out.
    private TimeSpan Delay()
    {
        double x = pump.Random.NextDouble();
        double milliseconds = x < 0.92 ? 0.1 + pump.Random.NextDouble()
            : x < 1 - Slow ? 1 + (pump.Random.NextDouble() * 30)
            : 30 + (pump.Random.NextDouble() * 1500);
        return TimeSpan.FromMilliseconds(milliseconds);
    }
}

/// <summary>A process of the simulation: what runs on one scheduler and answers calls.</summary>
internal abstract class SimHost(Pump pump, string name, int number)
{
    public Pump Pump => pump;

    public string Name => name;

    public int Number => number;

    public SimScheduler Scheduler { get; protected set; } = new(pump, name, number);

    /// <summary>What answers calls; null while the process is down.</summary>
    public object? Service { get; protected set; }
}

/// <summary>One host's way to the others.</summary>
internal sealed class SimTransport(SimNetwork network, SimHost self, IReadOnlyList<string> registries) : ITransport
{
    public IReadOnlyList<string> Members => network.Members;

    public IRegistry Registry => new SimRegistryProxy(network, self, registries[self.Pump.Random.Next(registries.Count)]);

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

    public Task<MasterView?> ReportAsync(long epoch) => CallAsync(r => r.ReportAsync(epoch));

    public Task<MasterView?> HandOverAsync(long epoch, MasterId primary) => CallAsync(r => r.HandOverAsync(epoch, primary));

    public Task<MasterView?> LeaveAsync(long epoch, MasterId master) => CallAsync(r => r.LeaveAsync(epoch, master));

    public Task<ForceReply> ForceAsync(string node, bool acceptsDataLoss) => CallAsync(r => r.ForceAsync(node, acceptsDataLoss));

    private Task<T> CallAsync<T>(Func<IRegistry, Task<T>> call) => network.CallAsync(self, registry, call);
}

internal sealed class SimPeer(SimNetwork network, SimHost self, string node) : IPeer
{
    public Task<WriteReply> WriteAsync(WriteRequest request) => CallAsync(p => p.WriteAsync(request));

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

    public Task<FetchReply> FetchAsync(FetchRequest request) => CallAsync(p => p.FetchAsync(request));

    public Task<ListResult?> ListFromPrimaryAsync(ListQuery query) => CallAsync(p => p.ListFromPrimaryAsync(query));

    public Task<WatchReply> WatchAsync(ChangesQuery query) => CallAsync(p => p.WatchAsync(query));

    public Task<BackupStart> StartBackupAsync() => CallAsync(p => p.StartBackupAsync());

    public Task<BackupPart> ReadBackupAsync(Guid id) => CallAsync(p => p.ReadBackupAsync(id));

    public Task<RoleResult> StepDownAsync() => CallAsync(p => p.StepDownAsync());

    public Task<WriteResult> PutLocalAsync(string key, byte[] value, string? contentType) => CallAsync(p => p.PutLocalAsync(key, value, contentType));

    public Task<ReadResult> GetLocalAsync(string key) => CallAsync(p => p.GetLocalAsync(key));

    public Task<KeysResult> GetKeysAsync() => CallAsync(p => p.GetKeysAsync());

    private Task<T> CallAsync<T>(Func<IPeer, Task<T>> call) => network.CallAsync(self, node, call);
}
