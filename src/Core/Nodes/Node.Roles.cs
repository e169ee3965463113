namespace Diststore.Core;

/// <content>Giving roles away: on an operator's wish, and before the node stops.</content>
public sealed partial class Node
{
    // How long a stop waits for somebody to take over: a learner may have to sync first.
    private static readonly TimeSpan HandOverPatience = TimeSpan.FromSeconds(15);

    private const string Stopped = "this node can serve no more; ask another one";
    private const string NoPrimary = "no primary answers";

    private static readonly TimeSpan RolePause = TimeSpan.FromMilliseconds(50);

    /// <summary>Whether it takes no more requests: who asks is told that nothing was done here. Any thread.</summary>
    public bool IsStopping => _isStopping;

    /// <inheritdoc/>
    public async ValueTask<RoleResult> StepDownAsync(string? node, CancellationToken cancellation = default)
    {
        (Reached reached, RoleResult? result) = await AtAsync(node, static peer => peer.StepDownAsync(), cancellation);
        return result ?? (reached == Reached.NoSuchNode
            ? new RoleResult(RoleOutcome.UnknownNode, Name, $"no live node has the name {node}")
            : new RoleResult(RoleOutcome.Unavailable, Name, $"{node} did not answer; look at the cluster again"));
    }

    /// <inheritdoc/>
    public ValueTask<RoleResult> ForceElectionAsync(string node, bool acceptsDataLoss, CancellationToken cancellation = default) =>
        new(ServeAsync(
            () => AskRegistryForAsync(r => r.ForceAsync(node, acceptsDataLoss)), new RoleResult(RoleOutcome.Unavailable, Name, Stopped), cancellation));

    /// <inheritdoc/>
    public ValueTask<RoleResult> MaintainAsync(string node, TimeSpan time, CancellationToken cancellation = default) =>
        new(ServeAsync(() => AskRegistryForAsync(r => r.MaintainAsync(node, time)), new RoleResult(RoleOutcome.Unavailable, Name, Stopped), cancellation));

    /// <inheritdoc/>
    public Task<RoleResult> StepDownAsync() =>
        ServeAsync(StepDownHereAsync, new RoleResult(RoleOutcome.Unavailable, Name, Stopped), CancellationToken.None);

    /// <summary>
    /// Ends the node in an orderly way: takes no more requests, gives its roles away, lets what is under way end, as far as
    /// that takes not too long, and ends its loops; what is under way then is answered as not known.
    /// </summary>
    public Task StopAsync()
    {
        _isStopping = true;
        _notReady = "the node is stopping";
        return OnSchedulerAsync(async () =>
        {
            await LeaveMastersInTimeAsync();
            await AnswersGivenAsync();
            _partition.Primary?.End();
            _context.Stop();
            return true;
        });
    }

    private async Task<RoleResult> AskRegistryForAsync(Func<IRegistry, Task<OperatorReply>> wish)
    {
        try
        {
            Task<OperatorReply> asked = wish(_context.Transport.Registry);
            OperatorReply reply = await asked.WaitAsync(_writes.AnswerTimeout, _context.Time, _context.Stopping);
            if (reply.View is { } view)
            {
                _partition.Views.Learn(view);
            }

            return new RoleResult(reply.Outcome, Name, reply.Detail);
        }
        catch (Exception e) when (e is not OperationCanceledException || !_context.Stopping.IsCancellationRequested)
        {
            _context.Log.RegistryLost(e.Message);
            return new RoleResult(RoleOutcome.Unavailable, Name, "the registry does not answer; whether it was done is not known");
        }
    }

    private async Task<RoleResult> StepDownHereAsync()
    {
        MasterView? view = _partition.Views.Acting;
        switch (_partition.Role)
        {
            case NodeRole.Primary when view is { OtherInSync: false }:
                return new RoleResult(RoleOutcome.Refused, Name, $"{Name} is the only master in sync; nobody could take its role");
            case NodeRole.Primary:
                await _partition.Primary!.HandOverAsync();
                break;
            case NodeRole.Secondary or NodeRole.Learner:
                _hasSteppedDown = true;
                await LeaveAsync(_partition.Views.Acting!);
                break;
            default:
                return new RoleResult(RoleOutcome.Refused, Name, $"{Name} is no master");
        }

        return _partition.Views.Newest!.Epoch > view!.Epoch
            ? new RoleResult(RoleOutcome.Done, Name)
            : new RoleResult(RoleOutcome.Unavailable, Name, "the registry made no other view; try again");
    }

    private async Task LeaveMastersInTimeAsync()
    {
        try
        {
            await LeaveMastersAsync().WaitAsync(HandOverPatience, _context.Time, _context.Stopping);
        }
        catch (Exception e) when (e is TimeoutException or StoreFailedException)
        {
            _context.Log.KeptRole(_partition.Role);
        }
        catch (OperationCanceledException) when (_context.Stopping.IsCancellationRequested)
        {
            // This life of the node is over already, and so are its roles.
        }
    }

    // Until it has no role any more, or nobody stays who could take it.
    private async Task LeaveMastersAsync()
    {
        while (_partition.Role != NodeRole.Copies && await SomebodyStaysAsync())
        {
            if (_partition.Primary is { } primary)
            {
                await primary.HandOverAsync();
            }
            else
            {
                await LeaveAsync(_partition.Views.Acting!);
            }

            await _context.Delay(RolePause);
        }
    }

    // Where all are stopped at once, roles would only go round among those who leave.
    private async Task<bool> SomebodyStaysAsync()
    {
        TimeSpan timeout = _context.Settings.ReplyTimeout;
        PingReply?[] others = await Task.WhenAll(_context.Transport.Members
            .Where(name => name != Name)
            .Select(name => _context.AskAsync(name, static peer => peer.PingAsync(write: false), timeout)));
        return others.Any(static other => other is not { IsLeaving: true });
    }

    private async Task LeaveAsync(MasterView view)
    {
        if (await _context.AskRegistryAsync(r => r.LeaveAsync(view.Epoch, _context.Self, _isStopping)) is { } stored)
        {
            await _partition.Views.AdoptAsync(stored);
        }
    }

    private async Task AnswersGivenAsync()
    {
        long started = _context.Time.GetTimestamp();
        while (Volatile.Read(ref _underWay) > 0 && _context.Time.GetElapsedTime(started) < _writes.AnswerTimeout)
        {
            await Task.Delay(RolePause, _context.Time);
        }
    }

    // For a user: counted, so that a stop can wait for it. What still looks for somebody to ask when the node ends, or its
    // store fails, has done nothing yet.
    private async Task<T> ServeAsync<T>(Func<Task<T>> request, T whenStopped, CancellationToken cancellation)
    {
        Interlocked.Increment(ref _underWay);
        try
        {
            return await OnSchedulerAsync(request).WaitAsync(cancellation);
        }
        catch (Exception e) when (e is StoreFailedException || (e is OperationCanceledException && _context.Stopping.IsCancellationRequested))
        {
            return whenStopped;
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }
}
