using Microsoft.Extensions.Logging;

namespace Diststore.Grains;

internal sealed partial class MasterRegistryGrain
{
    [LoggerMessage(EventId = 2001, Level = LogLevel.Debug, Message = "The registry could not look after the masters this time: {Reason}")]
    private static partial void LogTickFailed(ILogger logger, string reason);
}
