using System.Net;
using Diststore.Contracts;
using Diststore.Core;
using Diststore.Grains;

namespace Diststore.Silo;

/// <summary>This node may not run beside another one that does.</summary>
internal sealed class JoinRefusedException(string message) : Exception(message);

/// <summary>
/// Makes sure that no other live node has this node's name, or its store: a folder may have been copied. Until that is known the name
/// means the other one, and this node takes no part in anything. Only an answer counts; a former life that stops, or that is
/// silent and not yet declared dead, is waited for.
/// </summary>
internal sealed class JoinCheck(IGrainFactory grains, ClusterMembers members, Node node, SiloSettings settings, SiloFault fault, TimeProvider time)
{
    /// <summary>How long a former life of this node may take to end, or to be declared dead.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>Returns once this node may take part; else a <see cref="JoinRefusedException"/>.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        long began = time.GetTimestamp();
        while (await FindOtherAsync() is { } problem)
        {
            if (problem.IsCertain || time.GetElapsedTime(began) > Patience)
            {
                throw new JoinRefusedException(problem.Words);
            }

            await Task.Delay(Pause, time, stopping);
        }
    }

    /// <summary>Runs while the node does: two that joined at the same moment may not have seen each other.</summary>
    public async Task WatchAsync(CancellationToken stopping)
    {
        try
        {
            await foreach (MemberSet current in members.UpdatesAsync(stopping))
            {
                if (current.NameGoesTo is not null && await FindOtherAsync() is { IsCertain: true } problem)
                {
                    fault.OnFatalException(this, problem.Words, null);
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The node stops.
        }
    }

    private async Task<Problem?> FindOtherAsync()
    {
        MemberSet current = members.Current;
        IPEndPoint? holder = current.NameGoesTo ?? current.FormerLife;
        PingReply?[] replies = await Task.WhenAll(current.Names.Select(AskAsync));
        foreach (PingReply reply in replies.OfType<PingReply>().Where(reply => reply.Id.ProcessId != node.Id.ProcessId))
        {
            if (reply.Id.Name == node.Name)
            {
                return new Problem(NameTaken(holder), IsCertain: !reply.IsLeaving);
            }

            if (reply.Id.StoreId == node.Id.StoreId)
            {
                return new Problem(
                    $"The data in {settings.DataPath} is that of {reply.Id.Name}, which runs at {current.EndpointOf(reply.Id.Name)}. A copied folder cannot "
                    + "be used beside the original: give this node a folder of its own (Diststore:Data:Path).",
                    IsCertain: !reply.IsLeaving);
            }
        }

        // Silent: it may be dead and not yet known to be.
        return holder is null ? null : new Problem(NameTaken(holder), IsCertain: false);
    }

    private string NameTaken(IPEndPoint? holder) =>
        $"Another node of the name {node.Name} runs at {holder}: give this one a name of its own (Diststore:Node:Name), or stop that one.";

    private async Task<PingReply?> AskAsync(string name)
    {
        try
        {
            return await grains.GetGrain<INodeGrain>(name).PingAsync(write: false).WaitAsync(AnswerTimeout, time);
        }
        catch (Exception)
        {
            // Gone, or silent: whether it is there is for the membership to say.
            return null;
        }
    }

    private sealed record Problem(string Words, bool IsCertain);
}
