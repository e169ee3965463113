namespace Diststore.Gateway;

internal sealed partial class LiveNodes
{
    [LoggerMessage(2000, LogLevel.Information, "Live nodes: {Nodes}.")]
    private partial void LogNodes(string nodes);

    [LoggerMessage(2001, LogLevel.Debug, "Nobody said who lives: {Reason}")]
    private partial void LogNoAnswer(string reason);
}
