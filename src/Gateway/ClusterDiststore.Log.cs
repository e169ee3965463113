namespace Diststore.Gateway;

internal sealed partial class ClusterDiststore
{
    [LoggerMessage(2020, LogLevel.Debug, "A call to {Node} failed: {Reason}")]
    private partial void LogCallFailed(string? node, string reason);
}
