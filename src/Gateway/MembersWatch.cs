using Diststore.Contracts;

namespace Diststore.Gateway;

/// <summary>
/// Keeps asking who lives. A question waits at a node for the next change of the membership, so a death is known here a round trip after
/// it was declared. Several are under way at as many nodes, for the node that is asked may be the one that has died.
/// </summary>
/// <param name="nodes">Which nodes are asked, and who is told.</param>
/// <param name="tried">By which ways the cluster is reached, for people.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Where it reports.</param>
internal sealed partial class MembersWatch(LiveNodes nodes, Func<string> tried, TimeProvider time, ILogger<MembersWatch> logger)
{
    /// <summary>Questions under way at once, each at another node: so many nodes less one may die together and one still tells.</summary>
    public const int MaxQuestions = 3;

    /// <summary>How long a question waits at a node for a change.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(0.5);

    /// <summary>How long the answer may take, that wait included.</summary>
    public static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SilenceBeforeRegistry = TimeSpan.FromSeconds(1);

    private readonly HashSet<ClusterNode> _asked = []; // locked by itself

    /// <summary>Asks until it is told to stop; then throws that it was cancelled.</summary>
    public Task RunAsync(IMasterRegistryGrain registry, CancellationToken stopping) =>
        Task.WhenAll([AskRegistryAsync(registry, stopping), .. Enumerable.Range(0, MaxQuestions).Select(_ => AskNodesAsync(stopping))]);

    // For the first nodes, and for others than those known when none of them answers.
    private async Task AskRegistryAsync(IMasterRegistryGrain registry, CancellationToken stopping)
    {
        string? problem = nodes.NotReadyBecause; // said so far
        while (true)
        {
            string? before = problem;
            problem = nodes.NotReadyBecause;
            if (problem is not null && before is null)
            {
                LogLost(problem, tried());
            }
            else if (problem is null && before is not null)
            {
                LogFound();
            }

            if (nodes.All.Count == 0 || nodes.Silence > SilenceBeforeRegistry)
            {
                await TryTakeAsync("the registry", registry.GetMembersAsync, stopping);
            }

            await Task.Delay(PauseAfterFailure, time, stopping);
        }
    }

    private async Task AskNodesAsync(CancellationToken stopping)
    {
        ClusterNode? node = null;
        while (true)
        {
            // The same node as before while it answers.
            node = Choose(node);
            if (node is not null)
            {
                ClusterNode asked = node;
                if (await TryTakeAsync(asked.Name, () => asked.Grain.WaitForMembersAsync(nodes.Version, Patience), stopping))
                {
                    continue;
                }

                nodes.SetAside(node);
            }

            await Task.Delay(PauseAfterFailure, time, stopping);
        }
    }

    private ClusterNode? Choose(ClusterNode? before)
    {
        long now = time.GetTimestamp();
        lock (_asked)
        {
            if (before is { IsLeaving: false } && !before.IsAside(now) && nodes.All.Contains(before))
            {
                return before;
            }

            if (before is not null)
            {
                _asked.Remove(before);
            }

            ClusterNode? next = nodes.All
                .Where(node => !_asked.Contains(node))
                .OrderBy(static node => node.IsLeaving)
                .ThenBy(node => node.IsAside(now) ? node.AsideUntil : 0)
                .FirstOrDefault();
            if (next is not null)
            {
                _asked.Add(next);
            }

            return next;
        }
    }

    private async Task<bool> TryTakeAsync(string node, Func<Task<MemberList>> ask, CancellationToken stopping)
    {
        try
        {
            nodes.Take(await ask().WaitAsync(AnswerTimeout, time, stopping));
            return true;
        }
        catch (Exception exception) when (!stopping.IsCancellationRequested)
        {
            LogNoAnswer(node, exception.Message);
            return false;
        }
    }
}
