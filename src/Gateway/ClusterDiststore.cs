using System.Runtime.CompilerServices;
using Diststore.Contracts;
using Diststore.Core;

namespace Diststore.Gateway;

/// <summary>
/// The store over calls to the cluster, spread over the live nodes. A read that fails goes to another node; a write only where surely
/// nothing was sent, for what became of it is not known otherwise.
/// </summary>
internal sealed partial class ClusterDiststore : IDiststore, INodeAccess
{
    // Each may take LiveNodes.ReadTimeout twice.
    private const int MaxReadAttempts = 3;

    // A node that still waits for a change has not failed: it has to answer well within LiveNodes.ReadTimeout.
    private static readonly TimeSpan MaxWait = LiveNodes.ReadTimeout / 2;

    private readonly LiveNodes _nodes;
    private readonly ReadBatcher _reads;
    private readonly ILogger _logger;

    /// <summary>Puts the store together.</summary>
    public ClusterDiststore(LiveNodes nodes, ILogger<ClusterDiststore> logger)
    {
        _nodes = nodes;
        _logger = logger;
        _reads = new ReadBatcher(AskAsync);
    }

    /// <inheritdoc/>
    public string? NotReadyBecause => _nodes.NotReadyBecause;

    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ReadResult> GetAsync(string key, ReadOptions options = default, CancellationToken cancellation = default)
    {
        ReadResult last = new(ReadOutcome.Unavailable, null, "");
        for (int attempt = 0; attempt < MaxReadAttempts; attempt++)
        {
            try
            {
                // A hit is a hit in either scope. With anything else the node may have to ask others.
                ReadResult? atHand = options.TakesAnyHit ? await _reads.ReadAsync(key) : null;
                if (atHand is { Outcome: ReadOutcome.Found } hit)
                {
                    return hit;
                }
            }
            catch (Exception)
            {
                // AskAsync has set the node aside.
                continue;
            }

            last = await AskAsync(key, options);
            if (last.Outcome != ReadOutcome.Unavailable)
            {
                break;
            }
        }

        return last.Outcome != ReadOutcome.Unavailable ? last : last with { Detail = last.Detail ?? _nodes.NotReadyBecause ?? "no node answers" };
    }

    /// <inheritdoc/>
    public ValueTask<WriteResult> WriteAsync(Write write, CancellationToken cancellation = default) => WriteAsync(grain => grain.WriteAsync(write));

    /// <inheritdoc/>
    public async ValueTask<ChangesResult> ReadChangesAsync(ChangesQuery query, CancellationToken cancellation = default)
    {
        ChangesQuery shorter = query with { Wait = query.Wait < MaxWait ? query.Wait : MaxWait };
        return await AnyAsync(grain => grain.ReadChangesAsync(shorter), static page => page.Outcome != ChangesOutcome.Unavailable)
            ?? new ChangesResult(ChangesOutcome.Unavailable, [], "", _nodes.NotReadyBecause ?? "no node answers");
    }

    /// <inheritdoc/>
    public async ValueTask<ListResult> ListAsync(ListQuery query, CancellationToken cancellation = default)
    {
        return await AnyAsync(grain => grain.ListAsync(query), static page => page.Found)
            ?? new ListResult(false, [], null, default, "", _nodes.NotReadyBecause ?? "no node answers");
    }

    /// <inheritdoc/>
    public async ValueTask<ReadResult> GetLocalAsync(string? node, string key, CancellationToken cancellation = default)
    {
        if (GrainOf(node) is not { } grain)
        {
            return node is null ? new(ReadOutcome.Unavailable, null, "", _nodes.NotReadyBecause) : Unknown(node);
        }

        try
        {
            return await grain.GetLocalAsync(key);
        }
        catch (NodeNotFoundException)
        {
            return Unknown(node);
        }
        catch (Exception exception)
        {
            LogCallFailed(node, exception.Message);
            return new ReadResult(ReadOutcome.Unavailable, null, "", "the node does not answer");
        }

        static ReadResult Unknown(string? node) => new(ReadOutcome.UnknownNode, null, "", $"there is no live node named {node}");
    }

    /// <inheritdoc/>
    public ValueTask<WriteResult> PutLocalAsync(
        string? node, string key, byte[] value, string? contentType, CancellationToken cancellation = default) =>
        AtNodeAsync(node, grain => grain.PutLocalAsync(key, value, contentType));

    /// <inheritdoc/>
    public ValueTask<WriteResult> DeleteLocalAsync(string? node, string key, CancellationToken cancellation = default) =>
        AtNodeAsync(node, grain => grain.DeleteLocalAsync(key));

    private async ValueTask<WriteResult> AtNodeAsync(string? node, Func<INodeGrain, Task<WriteResult>> write)
    {
        if (GrainOf(node) is not { } grain)
        {
            return new WriteResult(node is null ? WriteOutcome.Unavailable : WriteOutcome.UnknownNode, default, "", _nodes.NotReadyBecause);
        }

        try
        {
            return await write(grain);
        }
        catch (NodeNotFoundException)
        {
            return new WriteResult(WriteOutcome.UnknownNode, default, "");
        }
        catch (Exception exception)
        {
            LogCallFailed(node, exception.Message);
            return new WriteResult(WriteOutcome.Unknown, default, "", "the node did not answer");
        }
    }

    /// <inheritdoc/>
    public async ValueTask<KeysResult> GetKeysAsync(string? node, CancellationToken cancellation = default)
    {
        try
        {
            return GrainOf(node) is { } grain ? await grain.GetKeysAsync() : new KeysResult(null, "");
        }
        catch (Exception exception)
        {
            LogCallFailed(node, exception.Message);
            return new KeysResult(null, "");
        }
    }

    /// <inheritdoc/>
    public async ValueTask<BackupStart> StartBackupAsync(CancellationToken cancellation = default) =>
        await AnyAsync(static grain => grain.StartBackupOfAMasterAsync(), static start => start.Outcome != BackupOutcome.Unavailable)
        ?? new BackupStart(BackupOutcome.Unavailable, "", default);

    /// <inheritdoc/>
    public async ValueTask<BackupPart> ReadBackupAsync(string node, Guid id, CancellationToken cancellation = default)
    {
        try
        {
            return GrainOf(node) is { } grain ? await grain.ReadBackupAsync(id) : new BackupPart(null);
        }
        catch (Exception exception)
        {
            LogCallFailed(node, exception.Message);
            return new BackupPart(null);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ClusterStatus> GetStatusAsync(CancellationToken cancellation = default) =>
        await AnyAsync(grain => grain.GetStatusAsync(), static _ => true) ?? new ClusterStatus(null, [], "");

    /// <inheritdoc/>
    public async ValueTask<RoleResult> StepDownAsync(string? node, CancellationToken cancellation = default)
    {
        if (node is null)
        {
            return new RoleResult(RoleOutcome.Refused, "", "a gateway has no role; ?node=NAME says which node is to give its role away");
        }

        try
        {
            return _nodes.Named(node) is { } grain ? await grain.StepDownAsync() : new RoleResult(RoleOutcome.Unavailable, "", _nodes.NotReadyBecause);
        }
        catch (NodeNotFoundException)
        {
            return new RoleResult(RoleOutcome.UnknownNode, "");
        }
        catch (Exception exception)
        {
            LogCallFailed(node, exception.Message);
            return new RoleResult(RoleOutcome.Unavailable, "", "the node did not answer; look at the cluster again");
        }
    }

    /// <inheritdoc/>
    public async ValueTask<RoleResult> ForceElectionAsync(string node, bool acceptsDataLoss, CancellationToken cancellation = default)
    {
        if (_nodes.Next() is not { } asked)
        {
            return new RoleResult(RoleOutcome.Unavailable, "", _nodes.NotReadyBecause);
        }

        try
        {
            return await asked.Grain.ForceElectionAsync(node, acceptsDataLoss);
        }
        catch (Exception exception)
        {
            // Not tried again: what became of it is not known.
            SetAside(asked, exception);
            return new RoleResult(RoleOutcome.Unavailable, "", "the node that was asked did not answer; look at the cluster again");
        }
    }

    private async Task<ReadResult?[]> AskAsync(string[] keys)
    {
        if (_nodes.Next() is not { } node)
        {
            return [];
        }

        try
        {
            return await node.Grain.TryGetManyAsync(keys).WaitAsync(LiveNodes.ReadTimeout, CancellationToken.None);
        }
        catch (Exception exception)
        {
            SetAside(node, exception);
            throw;
        }
    }

    private async ValueTask<ReadResult> AskAsync(string key, ReadOptions options)
    {
        if (_nodes.Next() is not { } node)
        {
            return new ReadResult(ReadOutcome.Unavailable, null, "");
        }

        try
        {
            return await node.Grain.GetAsync(key, options).WaitAsync(LiveNodes.ReadTimeout, CancellationToken.None);
        }
        catch (Exception exception)
        {
            SetAside(node, exception);
            return new ReadResult(ReadOutcome.Unavailable, null, "");
        }
    }

    private async ValueTask<WriteResult> WriteAsync(Func<INodeGrain, Task<WriteResult>> write)
    {
        // Each known node may turn out to be gone; nothing was sent then.
        for (int attempt = 0; attempt <= _nodes.All.Count && _nodes.Next() is { } node; attempt++)
        {
            try
            {
                return await write(node.Grain);
            }
            catch (NodeNotFoundException exception)
            {
                SetAside(node, exception);
            }
            catch (Exception exception)
            {
                SetAside(node, exception);
                return new WriteResult(WriteOutcome.Unknown, default, node.Name, "the node that was asked did not answer");
            }
        }

        return new WriteResult(WriteOutcome.Unavailable, default, "", _nodes.NotReadyBecause ?? "no node could be reached; nothing was stored");
    }

    private async ValueTask<TResult?> AnyAsync<TResult>(Func<INodeGrain, Task<TResult>> ask, Func<TResult, bool> isAnswer)
        where TResult : class
    {
        TResult? last = null;
        for (int attempt = 0; attempt < MaxReadAttempts && _nodes.Next() is { } node; attempt++)
        {
            try
            {
                last = await ask(node.Grain).WaitAsync(LiveNodes.ReadTimeout, CancellationToken.None);
                if (isAnswer(last))
                {
                    return last;
                }
            }
            catch (Exception exception)
            {
                SetAside(node, exception);
            }
        }

        return last;
    }

    private INodeGrain? GrainOf(string? node) => node is null ? _nodes.Next()?.Grain : _nodes.Named(node);

    private void SetAside(ClusterNode node, Exception exception)
    {
        _nodes.SetAside(node, isGone: exception is NodeNotFoundException);
        LogCallFailed(node.Name, exception.Message);
    }
}
