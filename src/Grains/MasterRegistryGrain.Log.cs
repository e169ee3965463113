using Microsoft.Extensions.Logging;

namespace Diststore.Grains;

internal sealed partial class MasterRegistryGrain
{
    [LoggerMessage(EventId = 2001, Level = LogLevel.Warning, Message = "The registry cannot look after the masters, and tries again: {Reason}")]
    private static partial void LogTickFailed(ILogger logger, string reason);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Information, Message = "The registry looks after the masters again")]
    private static partial void LogTicksAgain(ILogger logger);

    [LoggerMessage(EventId = 2003, Level = LogLevel.Information, Message = "The registry is here")]
    private static partial void LogHere(ILogger logger);

    [LoggerMessage(EventId = 2004, Level = LogLevel.Information, Message = "The registry leaves this node: {Reason}")]
    private static partial void LogLeaves(ILogger logger, DeactivationReasonCode reason);
}
