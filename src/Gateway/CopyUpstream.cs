using Diststore.Core;

namespace Diststore.Gateway;

/// <summary>The node that the copies of a gateway follow: the same one for as long as it answers, then another. For one loop.</summary>
internal sealed partial class CopyUpstream(LiveNodes nodes, TimeProvider time, ILogger<CopyUpstream> logger)
{
    private ClusterNode? _followed;
    private string? _said;

    /// <summary>Asks it; <see langword="null"/> where no answer came in time, or it has nothing to tell: another one is asked next.</summary>
    public async Task<CopyNews?> AskAsync(CopyQuestion question, TimeSpan timeout)
    {
        bool stays = _followed is { IsLeaving: false } before && !before.IsAside(time.GetTimestamp()) && nodes.All.Contains(before);
        _followed = stays ? _followed : nodes.Next();
        if (_followed is not { } node)
        {
            return null;
        }

        try
        {
            CopyNews news = await node.Grain.FollowCopiesAsync(question).WaitAsync(timeout, time, node.Ended);
            if (news.IsGiven)
            {
                Say(node.Name);
                return news;
            }
        }
        catch (Exception exception)
        {
            nodes.SetAside(node, isGone: exception is NodeNotFoundException);
            LogLost(node.Name, exception.Message);
        }

        _followed = null;
        return null;
    }

    private void Say(string node)
    {
        if (node != _said)
        {
            _said = node;
            LogFollowing(node);
        }
    }

    [LoggerMessage(2041, LogLevel.Information, "Copies follow {Node}.")]
    private partial void LogFollowing(string node);

    [LoggerMessage(2040, LogLevel.Debug, "{Node}, which the copies follow, does not answer: {Reason}")]
    private partial void LogLost(string node, string reason);
}
