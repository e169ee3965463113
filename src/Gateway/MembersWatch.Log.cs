namespace Diststore.Gateway;

internal sealed partial class MembersWatch
{
    [LoggerMessage(2001, LogLevel.Debug, "Asked who lives, {Node} did not say: {Reason}")]
    private partial void LogNoAnswer(string node, string reason);

    [LoggerMessage(2002, LogLevel.Warning, "Lost the cluster: {Reason}; goes on trying {Tried}.")]
    private partial void LogLost(string reason, string tried);

    [LoggerMessage(2003, LogLevel.Information, "The cluster answers.")]
    private partial void LogFound();
}
