namespace Diststore.Gateway;

internal sealed partial class ClusterConnection
{
    [LoggerMessage(2010, LogLevel.Information, "Looking for the cluster by {Provider}; requests are answered with 503 until it is found.")]
    private partial void LogConnecting(ClusterProvider provider);

    [LoggerMessage(2011, LogLevel.Information, "Connected to the cluster.")]
    private partial void LogConnected();

    [LoggerMessage(2012, LogLevel.Warning, "Not connected yet, and goes on trying; tried {Reason}.")]
    private partial void LogNotConnected(string reason);
}
