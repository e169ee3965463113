namespace Diststore.Core;

/// <content>What users ask of one node, this one or another.</content>
public sealed partial class Node
{
    // Calls to named nodes under way at once, and those that wait for their turn.
    private const int MaxNamedCalls = 4;
    private const int MaxNamedCallsWaiting = 1024;

    /// <inheritdoc/>
    public async ValueTask<ReadResult> GetLocalAsync(string? node, string key, CancellationToken cancellation = default)
    {
        (Reached reached, ReadResult result) = await AtAsync(node, peer => peer.GetLocalAsync(key), cancellation);
        return reached switch
        {
            Reached.Answered => result,
            Reached.NoSuchNode => new ReadResult(ReadOutcome.UnknownNode, null, Name, $"no live node has the name {node}"),
            _ => new ReadResult(ReadOutcome.Unavailable, null, Name, $"{node} does not answer"),
        };
    }

    /// <inheritdoc/>
    public ValueTask<WriteResult> PutLocalAsync(
        string? node, string key, byte[] value, string? contentType, CancellationToken cancellation = default) =>
        WriteAtAsync(node, peer => peer.PutLocalAsync(key, value, contentType), cancellation);

    /// <inheritdoc/>
    public ValueTask<WriteResult> DeleteLocalAsync(string? node, string key, CancellationToken cancellation = default) =>
        WriteAtAsync(node, peer => peer.DeleteLocalAsync(key), cancellation);

    /// <inheritdoc/>
    public async ValueTask<KeysResult> GetKeysAsync(string? node, string? after, CancellationToken cancellation = default)
    {
        (Reached reached, KeysResult? result) = await AtAsync(node, peer => peer.GetKeysAsync(after), cancellation);
        return result ?? (reached == Reached.NoSuchNode
            ? new KeysResult(KeysOutcome.UnknownNode, [], null, Name, $"no live node has the name {node}")
            : new KeysResult(KeysOutcome.Unavailable, [], null, Name, $"{node} does not answer"));
    }

    /// <inheritdoc/>
    public async ValueTask<BackupPart> ReadBackupAsync(string node, Guid id, CancellationToken cancellation = default)
    {
        (_, BackupPart? part) = await AtAsync(node, peer => peer.ReadBackupAsync(id), cancellation);
        return part ?? new BackupPart(null);
    }

    private async ValueTask<WriteResult> WriteAtAsync(string? node, Func<IPeer, Task<WriteResult>> write, CancellationToken cancellation)
    {
        (Reached reached, WriteResult result) = await AtAsync(node, write, cancellation);
        return reached switch
        {
            Reached.Answered => result,
            Reached.NoSuchNode => new WriteResult(WriteOutcome.UnknownNode, default, Name, $"no live node has the name {node}"),
            _ => new WriteResult(WriteOutcome.Unknown, default, Name, $"{node} did not answer"),
        };
    }

    // Runs a node-local request here or at the named node. Whatever goes wrong with the call, its outcome is not known.
    private async Task<(Reached Reached, T? Result)> AtAsync<T>(string? node, Func<IPeer, Task<T>> request, CancellationToken cancellation)
    {
        if (node is null || node == Name)
        {
            return (Reached.Answered, await request(this).WaitAsync(cancellation));
        }

        Task<T> answer = InTurnAsync(() => request(_context.Transport.Peer(node)));

        // Who asked may have gone by the time that it ends.
        _ = answer.ContinueWith(
            static ended => ended.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            return (Reached.Answered, await answer.WaitAsync(cancellation));
        }
        catch (NodeNotFoundException)
        {
            return (Reached.NoSuchNode, default);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            _context.Log.CallLost(node, e.Message);
            return (Reached.NoAnswer, default);
        }
    }

    // Each may carry a value of the largest size, and shares a connection with what keeps the masters in sync. It has its turn
    // until it ends, also where nobody waits for it any more.
    private async Task<T> InTurnAsync<T>(Func<Task<T>> call)
    {
        if (!await OnSchedulerAsync(() => _named.TakeAsync().AsTask()))
        {
            throw new TimeoutException("too many calls to other nodes are under way");
        }

        try
        {
            return await call().WaitAsync(_writes.AnswerTimeout, _context.Time);
        }
        finally
        {
            _ = OnSchedulerAsync(() =>
            {
                _named.Give();
                return Task.FromResult(true);
            });
        }
    }

    // How a call to a named node ended.
    private enum Reached
    {
        Answered = 0,
        NoSuchNode = 1,
        NoAnswer = 2,
    }
}
