using Microsoft.Extensions.Logging;

namespace Diststore.Http;

internal sealed partial class HttpApi
{
    [LoggerMessage(1000, LogLevel.Error, "A {Method} request failed.")]
    private partial void LogFailed(Exception exception, string method);
}
