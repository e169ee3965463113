using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>What the registry reports. Event ids 100 to 199; they never change their meaning.</summary>
internal static partial class MasterRegistryLog
{
    [LoggerMessage(100, LogLevel.Information, "{View}, because {Reason}")]
    public static partial void NewView(this ILogger log, MasterView view, string reason);

    [LoggerMessage(101, LogLevel.Warning, "No masters are elected yet: {Reason}")]
    public static partial void NotElecting(this ILogger log, string reason);

    [LoggerMessage(102, LogLevel.Warning, "The storage has no view or an old one; {Remembered} is not taken up before {Missing} has answered")]
    public static partial void NotTakingUp(this ILogger log, MasterView remembered, MasterId missing);

    [LoggerMessage(103, LogLevel.Warning, "Whether the view was stored is not known; it is read again")]
    public static partial void StoringUnknown(this ILogger log, Exception reason);

    [LoggerMessage(104, LogLevel.Debug, "{Node} did not answer: {Reason}")]
    public static partial void NotReached(this ILogger log, string node, string reason);
}
