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

    /// <summary>Reads under way that are calls of their own; each may bring a value of any length.</summary>
    internal const int MaxSingleReads = 128;

    /// <summary>Reads that wait to be such calls; beyond these a read is refused.</summary>
    internal const int MaxWaitingReads = 4096;

    /// <summary>How long a read waits to be such a call before it is refused.</summary>
    internal static readonly TimeSpan MaxReadWait = TimeSpan.FromSeconds(1);

    /// <summary>How long a write waits to be sent before it is refused.</summary>
    internal static readonly TimeSpan MaxWriteWait = TimeSpan.FromSeconds(2);

    private static readonly ReadResult TooMany = new(ReadOutcome.Busy, null, "", "too many reads wait already");

    private readonly LiveNodes _nodes;
    private readonly Batcher<string, ReadResult?> _reads;
    private readonly Turns _turns;
    private readonly Turns _localTurns; // of their own: those to a node that stands still last longer
    private readonly WriteTurns _writeTurns;
    private readonly CopyReader? _copies; // none where the gateway keeps none
    private readonly CopiedReads? _copied;
    private readonly CopiedManyReads _many;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    /// <summary>Puts the store together.</summary>
    public ClusterDiststore(LiveNodes nodes, GatewayCopies copies, TimeProvider time, ILogger<ClusterDiststore> logger)
    {
        _copies = copies.Reader;
        _copied = copies.Reader is null ? null : new CopiedReads(copies.Reader, copies.Name, copies.Bound, time, AskClusterAsync);
        _many = new CopiedManyReads(copies.Reader, copies.Name, copies.Bound, time, AskManyAsync);
        _nodes = nodes;
        _time = time;
        _logger = logger;
        _reads = new Batcher<string, ReadResult?>(AskAsync, TooMany, MaxReadWait, time);
        _turns = SingleReads(time);
        _localTurns = SingleReads(time);
        _writeTurns = new WriteTurns(MaxWriteWait, time, TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <inheritdoc/>
    public string? NotReadyBecause => _nodes.NotReadyBecause;

    /// <inheritdoc/>
    public string? NotWritableBecause => _nodes.NotWritableBecause;

    /// <inheritdoc/>
    public ValueTask<ReadResult> GetAsync(string key, ReadOptions options = default, CancellationToken cancellation = default) =>
        _copied?.GetAsync(key, options) ?? AskClusterAsync(key, options);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> AskClusterAsync(string key, ReadOptions options)
    {
        ReadResult last = new(ReadOutcome.Unavailable, null, "");
        for (int attempt = 0; attempt < MaxReadAttempts; attempt++)
        {
            try
            {
                // A hit is a hit in either scope. With nothing at hand the node may have to ask others. Any other outcome is that too
                // many wait already: more calls would make that worse.
                if (options.TakesAnyHit && await _reads.AskAsync(key) is { } answer)
                {
                    return answer;
                }
            }
            catch (Exception)
            {
                // AskAsync has set the node aside.
                continue;
            }

            if (!await _turns.TakeAsync())
            {
                return TooMany;
            }

            try
            {
                last = await AskAsync(key, options);
            }
            finally
            {
                _turns.Give();
            }

            if (last.Outcome != ReadOutcome.Unavailable)
            {
                break;
            }
        }

        return last.Outcome != ReadOutcome.Unavailable ? last : last with { Detail = last.Detail ?? _nodes.NotReadyBecause ?? "no node answers" };
    }

    /// <inheritdoc/>
    public ValueTask<WriteResult> WriteAsync(Transaction transaction, CancellationToken cancellation = default) =>
        WriteInTurnAsync(transaction.SizeBytes, () => WriteThroughAsync(transaction));

    /// <inheritdoc/>
    public ValueTask<PrefixDeleteResult> DeleteAsync(PrefixDelete asked, CancellationToken cancellation = default) => WriteAsync(
        grain => grain.DeleteAsync(asked), static (outcome, node, detail) => new PrefixDeleteResult(outcome, 0, true, node, detail));

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
        return await AnyAsync(grain => grain.ListAsync(query), static page => page.Found || page.IsBusy)
            ?? new ListResult(false, [], null, default, "", _nodes.NotReadyBecause ?? "no node answers");
    }

    /// <inheritdoc/>
    public async ValueTask<ReadResult> GetLocalAsync(string? node, string key, CancellationToken cancellation = default)
    {
        if (!await _localTurns.TakeAsync())
        {
            return TooMany;
        }

        try
        {
            return await ReadLocalAsync(node, key);
        }
        finally
        {
            _localTurns.Give();
        }
    }

    private async ValueTask<ReadResult> ReadLocalAsync(string? node, string key)
    {
        if (node is null)
        {
            ReadAnswer? any = await AnyAsync(async grain => new ReadAnswer(await grain.GetLocalAsync(key)), static _ => true);
            return any?.Result ?? new ReadResult(ReadOutcome.Unavailable, null, "", _nodes.NotReadyBecause ?? "no node answers");
        }

        (Reached reached, ReadResult result) = await AtAsync(node, grain => grain.GetLocalAsync(key));
        return reached switch
        {
            Reached.Answered => result,
            Reached.NoSuchNode => new ReadResult(ReadOutcome.UnknownNode, null, "", $"there is no live node named {node}"),
            Reached.NotSent => new ReadResult(ReadOutcome.Unavailable, null, "", NotSentBecause),
            _ => new ReadResult(ReadOutcome.Unavailable, null, "", "the node does not answer"),
        };
    }

    /// <inheritdoc/>
    public ValueTask<WriteResult> PutLocalAsync(
        string? node, string key, byte[] value, string? contentType, CancellationToken cancellation = default) =>
        WriteInTurnAsync(
            new Write(key, value, contentType).SizeBytes, () => WriteLocalAsync(node, grain => grain.PutLocalAsync(key, value, contentType)));

    /// <inheritdoc/>
    public ValueTask<WriteResult> DeleteLocalAsync(string? node, string key, CancellationToken cancellation = default) =>
        WriteLocalAsync(node, grain => grain.DeleteLocalAsync(key));

    /// <inheritdoc/>
    public async ValueTask<KeysResult> GetKeysAsync(string? node, string? after, CancellationToken cancellation = default)
    {
        if (node is null)
        {
            return await AnyAsync(grain => grain.GetKeysAsync(after), static page => page.Outcome == KeysOutcome.Page)
                ?? new KeysResult(KeysOutcome.Unavailable, [], null, "", _nodes.NotReadyBecause ?? "no node answers");
        }

        (Reached reached, KeysResult? result) = await AtAsync(node, grain => grain.GetKeysAsync(after));
        return result ?? (reached == Reached.NoSuchNode
            ? new KeysResult(KeysOutcome.UnknownNode, [], null, "", $"there is no live node named {node}")
            : new KeysResult(KeysOutcome.Unavailable, [], null, "", "the node does not answer"));
    }

    /// <inheritdoc/>
    public async ValueTask<BackupStart> StartBackupAsync(CancellationToken cancellation = default) =>
        await AnyAsync(static grain => grain.StartBackupOfAMasterAsync(), static start => start.Outcome != BackupOutcome.Unavailable)
        ?? new BackupStart(BackupOutcome.Unavailable, "", default);

    /// <inheritdoc/>
    public async ValueTask<BackupPart> ReadBackupAsync(string node, Guid id, CancellationToken cancellation = default)
    {
        (_, BackupPart? part) = await AtAsync(node, grain => grain.ReadBackupAsync(id));
        return part ?? new BackupPart(null);
    }

    /// <inheritdoc/>
    public async ValueTask<ClusterStatus> GetStatusAsync(CancellationToken cancellation = default) =>
        await AnyAsync(grain => grain.GetStatusAsync(), static _ => true) ?? new ClusterStatus([], [], "");

    private static Turns SingleReads(TimeProvider time) =>
        new(MaxSingleReads, MaxWaitingReads, MaxReadWait, time, TaskCreationOptions.RunContinuationsAsynchronously);

    private async ValueTask<WriteResult> WriteInTurnAsync(int bytes, Func<ValueTask<WriteResult>> write)
    {
        if (!await _writeTurns.TakeAsync(bytes))
        {
            return new WriteResult(WriteOutcome.Busy, default, "", WriteTurns.Refusal);
        }

        try
        {
            return await write();
        }
        finally
        {
            _writeTurns.Give(bytes);
        }
    }

    // What it writes it keeps.
    private async ValueTask<WriteResult> WriteThroughAsync(Transaction transaction)
    {
        long sent = _time.GetTimestamp();
        WriteResult result = await WriteAsync(grain => grain.WriteAsync(transaction));
        _copies?.OnWritten(transaction, result, _time.GetElapsedTime(sent));
        return result;
    }

    private async Task<ReadResult?[]> AskAsync(string[] keys)
    {
        if (_nodes.Next() is not { } node)
        {
            return [];
        }

        try
        {
            return await CallAsync(node, grain => grain.TryGetManyAsync(keys), LiveNodes.ReadTimeout);
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
            return await CallAsync(node, grain => grain.GetAsync(key, options), LiveNodes.ReadTimeout);
        }
        catch (Exception exception)
        {
            SetAside(node, exception);
            return new ReadResult(ReadOutcome.Unavailable, null, "");
        }
    }

    private ValueTask<WriteResult> WriteAsync(Func<INodeGrain, Task<WriteResult>> write) =>
        WriteAsync(write, static (outcome, node, detail) => new WriteResult(outcome, default, node, detail));

    private async ValueTask<T> WriteAsync<T>(Func<INodeGrain, Task<T>> write, Func<WriteOutcome, string, string, T> otherwise)
    {
        // Each known node may turn out to be gone; nothing was sent then.
        for (int attempt = 0; attempt <= _nodes.All.Count && _nodes.Next() is { } node; attempt++)
        {
            try
            {
                return await CallAsync(node, write, LiveNodes.CallTimeout);
            }
            catch (NodeNotFoundException exception)
            {
                SetAside(node, exception);
            }
            catch (Exception exception)
            {
                SetAside(node, exception);
                return otherwise(WriteOutcome.Unknown, node.Name, "the node that was asked did not answer");
            }
        }

        return otherwise(WriteOutcome.Unavailable, "", _nodes.NotReadyBecause ?? "no node could be reached; nothing was done");
    }

    private async ValueTask<WriteResult> WriteLocalAsync(string? node, Func<INodeGrain, Task<WriteResult>> write)
    {
        if (node is null)
        {
            return await WriteAsync(write);
        }

        (Reached reached, WriteResult result) = await AtAsync(node, write);
        return reached switch
        {
            Reached.Answered => result,
            Reached.NoSuchNode => new WriteResult(WriteOutcome.UnknownNode, default, ""),
            Reached.NotSent => new WriteResult(WriteOutcome.Unavailable, default, "", NotSentBecause),
            _ => new WriteResult(WriteOutcome.Unknown, default, "", "the node did not answer"),
        };
    }

    private async ValueTask<TResult?> AnyAsync<TResult>(Func<INodeGrain, Task<TResult>> ask, Func<TResult, bool> isAnswer)
        where TResult : class
    {
        TResult? last = null;
        for (int attempt = 0; attempt < MaxReadAttempts && _nodes.Next() is { } node; attempt++)
        {
            try
            {
                last = await CallAsync(node, ask, LiveNodes.ReadTimeout);
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

    private async ValueTask<(Reached Reached, TResult? Result)> AtAsync<TResult>(string name, Func<INodeGrain, Task<TResult>> ask)
    {
        if (name.Length == 0)
        {
            return (Reached.NoSuchNode, default);
        }

        if (_nodes.Named(name) is not { } node)
        {
            return (Reached.NotSent, default);
        }

        try
        {
            return (Reached.Answered, await CallAsync(node, ask, LiveNodes.CallTimeout));
        }
        catch (NodeNotFoundException)
        {
            // Where a life of it has ended another one may have begun.
            return (node.Ended.IsCancellationRequested ? Reached.NotSent : Reached.NoSuchNode, default);
        }
        catch (Exception exception)
        {
            LogCallFailed(name, exception.Message);
            return (Reached.NoAnswer, default);
        }
    }

    // Ends when the answer is there, in time, or when it is known that none can come.
    private Task<TResult> CallAsync<TResult>(ClusterNode node, Func<INodeGrain, Task<TResult>> ask, TimeSpan timeout)
    {
        CancellationToken ended = node.Ended;
        return ended.IsCancellationRequested
            ? Task.FromException<TResult>(new NodeNotFoundException($"{node.Name} has died"))
            : ask(node.Grain).WaitAsync(timeout, _time, ended);
    }

    private string NotSentBecause => _nodes.NotReadyBecause ?? "the node has just died, nothing was sent to it; it may be back soon";

    private void SetAside(ClusterNode node, Exception exception)
    {
        _nodes.SetAside(node, isGone: exception is NodeNotFoundException);
        LogCallFailed(node.Name, exception.Message);
    }

    // How a call to a named node ended.
    private enum Reached
    {
        Answered = 0,
        NoSuchNode = 1,
        NoAnswer = 2,
        NotSent = 3, // not connected yet, or its life has just ended
    }

    // A read's result as AnyAsync takes it.
    private sealed record ReadAnswer(ReadResult Result);
}
