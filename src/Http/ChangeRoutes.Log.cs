using System.Net;
using Diststore.Core;
using Microsoft.Extensions.Logging;

namespace Diststore.Http;

internal sealed partial class ChangeRoutes
{
    [LoggerMessage(
        1001,
        LogLevel.Warning,
        "Dropped a watcher of changes, {Address}:{Port}: it has read nothing for {Seconds} s; it began after {Since} and got to about {Position}.")]
    private partial void LogTooSlow(IPAddress? address, int port, double seconds, ChangeId since, ChangeId position);

    [LoggerMessage(
        1003,
        LogLevel.Warning,
        "Let go of a watcher of changes, {Address}:{Port}: it held for more than {Seconds} s what others waited for room for; it began after {Since}.")]
    private partial void LogLetGo(IPAddress? address, int port, double seconds, ChangeId since);
}
