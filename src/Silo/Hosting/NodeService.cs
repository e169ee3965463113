using Diststore.Core;

namespace Diststore.Silo;

/// <summary>
/// The node's life within its silo's: it starts once the silo is a member and its sockets are bound, and ends before
/// the silo leaves, so that it can still hand over its role.
/// </summary>
internal sealed class NodeService(Node node, DatagramSockets sockets, JoinCheck check, SiloFault fault) : IHostedService, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private Task _watch = Task.CompletedTask;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await check.RunAsync(cancellationToken);
        _watch = check.WatchAsync(_stopping.Token);
        node.Failed += exception => fault.OnFatalException(node, null, exception);
        sockets.Open();
        node.Start();
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _watch;
        await node.StopAsync().WaitAsync(cancellationToken);
    }

    public void Dispose() => _stopping.Dispose();
}

/// <summary>The node, as HTTP asks it; not ready from the moment its host begins to stop.</summary>
internal sealed class StoppingNodeAccess(Node node, IHostApplicationLifetime lifetime) : INodeAccess
{
    public string? NotReadyBecause => lifetime.ApplicationStopping.IsCancellationRequested ? "The node is stopping." : node.NotReadyBecause;

    public string? NotWritableBecause => node.NotWritableBecause;

    public ValueTask<ReadResult> GetLocalAsync(string? name, string key, CancellationToken cancellation = default) =>
        node.GetLocalAsync(name, key, cancellation);

    public ValueTask<WriteResult> PutLocalAsync(string? name, string key, byte[] value, string? contentType, CancellationToken cancellation = default) =>
        node.PutLocalAsync(name, key, value, contentType, cancellation);

    public ValueTask<WriteResult> DeleteLocalAsync(string? name, string key, CancellationToken cancellation = default) =>
        node.DeleteLocalAsync(name, key, cancellation);

    public ValueTask<KeysResult> GetKeysAsync(string? name, string? after, CancellationToken cancellation = default) =>
        node.GetKeysAsync(name, after, cancellation);

    public ValueTask<BackupStart> StartBackupAsync(CancellationToken cancellation = default) => ((INodeAccess)node).StartBackupAsync(cancellation);

    public ValueTask<BackupPart> ReadBackupAsync(string name, Guid id, CancellationToken cancellation = default) =>
        node.ReadBackupAsync(name, id, cancellation);

    public ValueTask<RoleResult> StepDownAsync(string? name, CancellationToken cancellation = default) => node.StepDownAsync(name, cancellation);

    public ValueTask<RoleResult> ForceElectionAsync(string name, bool acceptsDataLoss, CancellationToken cancellation = default) =>
        node.ForceElectionAsync(name, acceptsDataLoss, cancellation);

    public ValueTask<RoleResult> MaintainAsync(string name, TimeSpan time, CancellationToken cancellation = default) =>
        node.MaintainAsync(name, time, cancellation);

    public ValueTask<ClusterStatus> GetStatusAsync(CancellationToken cancellation = default) => node.GetStatusAsync(cancellation);
}
