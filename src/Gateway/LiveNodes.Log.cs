namespace Diststore.Gateway;

internal sealed partial class LiveNodes
{
    [LoggerMessage(2000, LogLevel.Information, "Live nodes: {Nodes}.")]
    private partial void LogNodes(string nodes);
}
