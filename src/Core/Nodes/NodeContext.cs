using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>What every part of a node works with. One per node; used on the node's scheduler only.</summary>
[SuppressMessage("Reliability", "CA1001", Justification = "A source without a timer and without a wait handle has nothing to dispose of.")]
internal sealed class NodeContext
{
    // Cancelled without CancelAsync: its callbacks are to run here, on the scheduler.
    private readonly CancellationTokenSource _stopping = new();

    // Names of members remembered; beyond them those that are gone are forgotten.
    private const int MaxSeen = 4096;

    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private IReadOnlyList<string>? _membersSeen;

    public required NodeSettings Settings { get; init; }

    /// <summary>The node's store, whose failures the node hears of.</summary>
    public required IStore Store { get; init; }

    /// <summary>The store as the source of backups, if it is one.</summary>
    public IBackupSource? BackupSource { get; init; }

    public required ITransport Transport { get; init; }

    public required TimeProvider Time { get; init; }

    public required Random Random { get; init; }

    public required ILogger Log { get; init; }

    public required NodeInstruments Instruments { get; init; }

    /// <summary>Who this node is in this life: its name, its store, and a process id made at the start.</summary>
    public required MasterId Self { get; init; }

    /// <summary>What to do when the node cannot go on in this life, for instance because its store failed.</summary>
    public required Action<Exception> Fail { get; init; }

    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Takes note of who is a member now.</summary>
    public void SeeMembers()
    {
        IReadOnlyList<string> members = Transport.Members;
        if (!ReferenceEquals(members, _membersSeen))
        {
            _membersSeen = members;
            if (_seen.Count > MaxSeen)
            {
                _seen.Clear();
            }

            _seen.UnionWith(members);
        }
    }

    /// <summary>Whether a node was a member, by what this node has seen, and is none any more.</summary>
    public bool HasLeft(string node) => _seen.Contains(node) && !Transport.Members.Contains(node);

    public void Stop() => _stopping.Cancel();

    /// <summary>Waits on the node's clock; ends early, and throws, when the node stops.</summary>
    public Task Delay(TimeSpan delay) => Task.Delay(delay, Time, Stopping);

    /// <summary>
    /// Waits for the next turn of what is done once in a period: a multiple of the period by the node's clock, though never sooner than
    /// after half of it. So what is done in the background falls together, and an idle process wakes less often.
    /// </summary>
    public Task DelayToTurn(TimeSpan period) => Delay(ToTurn(Time.GetElapsedTime(0), period));

    /// <summary>How long it is from a time of the node's clock to the next turn.</summary>
    internal static TimeSpan ToTurn(TimeSpan now, TimeSpan period)
    {
        TimeSpan left = period - TimeSpan.FromTicks(now.Ticks % period.Ticks);
        return left < period / 2 ? left + period : left;
    }

    /// <summary>
    /// Calls another node. <see langword="null"/> means that no answer came in time, so that the outcome is unknown: a
    /// caller decides by what it was told, never by why it was told nothing.
    /// </summary>
    public async Task<T?> AskAsync<T>(string node, Func<IPeer, Task<T>> call, TimeSpan timeout)
        where T : class?
    {
        try
        {
            return await call(Transport.Peer(node)).WaitAsync(timeout, Time, Stopping);
        }
        catch (Exception e) when (e is not OperationCanceledException || !Stopping.IsCancellationRequested)
        {
            Log.CallLost(node, e.Message);
            return null;
        }
    }

    /// <summary>Asks the registry; <see langword="null"/> when no answer came, or when it has no view.</summary>
    public async Task<MasterView?> AskRegistryAsync(Func<IRegistry, Task<MasterView?>> call)
    {
        try
        {
            return await call(Transport.Registry).WaitAsync(Settings.ReplyTimeout, Time, Stopping);
        }
        catch (Exception e) when (e is not OperationCanceledException || !Stopping.IsCancellationRequested)
        {
            Log.RegistryLost(e.Message);
            return null;
        }
    }

    /// <summary>Lets a task run by itself. What it throws ends this life of the node, unless the node is stopping.</summary>
    public void Watch(Task task)
    {
        if (!task.IsCompletedSuccessfully)
        {
            _ = ObserveAsync(task);
        }
    }

    private async Task ObserveAsync(Task task)
    {
        try
        {
            await task;
        }
        catch (OperationCanceledException) when (Stopping.IsCancellationRequested)
        {
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }
}
