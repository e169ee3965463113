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
internal sealed class JoinCheck(
    IGrainFactory grains, ClusterMembers members, LocalSilo local, Node node, SiloSettings settings, SiloFault fault,
    [FromKeyedServices(TimeProviderNames.Membership)] TimeProvider time)
{
    /// <summary>How long a former life of this node may take to end, or to be declared dead.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // For a node that is silent and may have this one's store: it answers, or the cluster declares it dead sooner than that.
    private static readonly TimeSpan SilencePatience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>Returns once this node may take part; else a <see cref="JoinRefusedException"/>.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        long began = time.GetTimestamp();
        while (await FindOtherAsync(time.GetElapsedTime(began) > SilencePatience) is { } problem)
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
            using var timer = new PeriodicTimer(Period, time);
            while (await timer.WaitForNextTickAsync(stopping))
            {
                foreach (SiloAddress namesake in members.Current.Namesakes.Where(other => MemberSet.GoesBefore(other, local.SiloAddress)))
                {
                    if (await AskAsync(MemberSet.KeyOf(namesake)) is { IsLeaving: false } reply && reply.Id.ProcessId != node.Id.ProcessId)
                    {
                        fault.OnFatalException(this, NameTaken(namesake), null);
                        return;
                    }
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The node stops.
        }
    }

    // Whoever runs was there before this node, whatever the clocks say; of two that only start, the one that joined later gives way.
    private async Task<Problem?> FindOtherAsync(bool silenceIsNoAnswer)
    {
        MemberSet current = members.Current;
        Problem? silent = null;
        foreach (SiloAddress namesake in current.Namesakes)
        {
            PingReply? reply = await AskAsync(MemberSet.KeyOf(namesake));
            if (reply is not { IsStarting: true } || MemberSet.GoesBefore(namesake, local.SiloAddress))
            {
                // Silent: it may be dead and not yet known to be.
                silent = new Problem(NameTaken(namesake), IsCertain: reply is { IsLeaving: false });
                if (silent.IsCertain)
                {
                    return silent;
                }
            }
        }

        string[] others = [.. current.Names.Where(name => name != node.Name)];
        PingReply?[] replies = await Task.WhenAll(others.Select(AskAsync));
        PingReply? twin = replies.OfType<PingReply>().FirstOrDefault(reply => reply.Id.StoreId == node.Id.StoreId);
        if (silent is null && !silenceIsNoAnswer && Array.IndexOf(replies, null) is >= 0 and var first)
        {
            silent = new Problem($"{others[first]} does not answer, and may have the data in {settings.DataPath}.", IsCertain: false);
        }

        return twin is null
            ? silent
            : new Problem(
                $"The data in {settings.DataPath} is that of {twin.Id.Name}, which runs at {current.EndpointOf(twin.Id.Name)}. A copied folder cannot "
                + "be used beside the original: give this node a folder of its own (Diststore:Data:Path).",
                IsCertain: !twin.IsLeaving);
    }

    private string NameTaken(SiloAddress namesake) =>
        $"Another node of the name {node.Name} runs at {namesake.Endpoint}: give this one a name of its own (Diststore:Node:Name), or stop that one.";

    private async Task<PingReply?> AskAsync(string key)
    {
        try
        {
            return await grains.GetGrain<INodeGrain>(key).PingAsync(write: false).WaitAsync(AnswerTimeout, time);
        }
        catch (Exception)
        {
            // Gone, or silent: whether it is there is for the membership to say.
            return null;
        }
    }

    private sealed record Problem(string Words, bool IsCertain);
}
