namespace Diststore.Silo;

internal sealed partial class NodeSupervisor
{
    [LoggerMessage(EventId = 3001, Level = LogLevel.Warning, Message = "{Node} cannot go on: {Reason}")]
    private partial void LogFailed(string node, string reason);

    [LoggerMessage(EventId = 3002, Level = LogLevel.Information, Message = "{Node} starts again in {Seconds} s")]
    private partial void LogStartingAgain(string node, double seconds);

    [LoggerMessage(EventId = 3003, Level = LogLevel.Information, Message = "{Node} has started again")]
    private partial void LogStarted(string node);

    [LoggerMessage(EventId = 3004, Level = LogLevel.Warning, Message = "{Node} did not stop in an orderly way: {Reason}")]
    private partial void LogDidNotStop(string node, string reason);
}
