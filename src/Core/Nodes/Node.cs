using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>
/// One node: what it holds, what it plays among the masters, and how it answers. Everything mutable lives on the
/// node's scheduler; every public method may be called from any thread and goes there by itself.
/// </summary>
public sealed class Node : IDiststore, INodeAccess, IPeer
{
    /// <summary>Puts a node together; <see cref="Start"/> begins its work.</summary>
    /// <param name="settings">What its decisions depend on.</param>
    /// <param name="store">Its opened store, owned by the caller.</param>
    /// <param name="transport">How it reaches the others.</param>
    /// <param name="scheduler">The node's own scheduler, which runs one task at a time.</param>
    /// <param name="time">The clock.</param>
    /// <param name="random">For ids and for spreading load; used on the scheduler only.</param>
    /// <param name="logger">Where it reports.</param>
    public Node(NodeSettings settings, IStore store, ITransport transport, TaskScheduler scheduler, TimeProvider time, Random random, ILogger<Node> logger)
    {
    }

    /// <summary>The node's name.</summary>
    public string Name => throw new NotSupportedException();

    /// <summary>Begins the node's loops. Called once, when the transport works.</summary>
    public void Start() => throw new NotSupportedException();

    /// <summary>Ends the loops; what is under way is answered as not known.</summary>
    public Task StopAsync() => throw new NotSupportedException();

    /// <summary>Takes a datagram that came from the endpoint of the live node <paramref name="sender"/>.</summary>
    public void ReceiveDatagram(string sender, ReadOnlySpan<byte> datagram) => throw new NotSupportedException();

    /// <summary>What this node may show of a replicated key without asking anyone: a live entry, or null for "ask".</summary>
    public ValueTask<Entry?> FindHereAsync(string key) => throw new NotSupportedException();

    /// <inheritdoc/>
    public string? NotReadyBecause => throw new NotSupportedException();

    /// <inheritdoc/>
    public ValueTask<ReadResult> GetAsync(string key, ReadScope scope, CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <inheritdoc/>
    public ValueTask<WriteResult> PutAsync(string key, byte[] value, string? contentType, CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <inheritdoc/>
    public ValueTask<WriteResult> DeleteAsync(string key, CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <inheritdoc/>
    public ValueTask<ListResult> ListAsync(ListQuery query, CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <inheritdoc/>
    public ValueTask<ReadResult> GetLocalAsync(string? node, string key, CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <inheritdoc/>
    public ValueTask<WriteResult> PutLocalAsync(string? node, string key, byte[] value, string? contentType, CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <inheritdoc/>
    public ValueTask<KeysResult> GetKeysAsync(string? node, CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <inheritdoc/>
    public ValueTask<ClusterStatus> GetStatusAsync(CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<WriteReply> WriteAsync(WriteRequest request) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<ReplicateReply> ReplicateAsync(ReplicateRequest request) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<MasterReply> CommitAsync(CommitRequest request) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<ReplicateReply> AlignAsync(AlignRequest request) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<MasterReply> ConfirmAsync(ConfirmRequest request) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<PingReply> PingAsync(bool write) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task AnnounceAsync(MasterView view) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<SyncStartReply> StartSyncAsync(SyncStartRequest request) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<SyncPageReply> ReadPageAsync(SyncPageRequest request) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<SyncChangesReply> ReadChangesAsync(SyncChangesRequest request) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<MasterReply> StartStreamAsync(StreamRequest request) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<MasterReply> CheckStreamAsync(StreamRequest request) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<FetchReply> FetchAsync(FetchRequest request) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<ListResult?> ListFromPrimaryAsync(ListQuery query) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<WriteResult> PutLocalAsync(string key, byte[] value, string? contentType) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<ReadResult> GetLocalAsync(string key) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<KeysResult> GetKeysAsync() => throw new NotSupportedException();
}
