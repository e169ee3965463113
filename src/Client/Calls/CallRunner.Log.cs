using Microsoft.Extensions.Logging;

namespace Diststore.Client;

/// <content>What the log says.</content>
internal sealed partial class CallRunner
{
    [LoggerMessage(1, LogLevel.Debug, "{Operation} at {Address}, attempt {Attempt}: {Failure}; once more in {Milliseconds} ms")]
    private partial void LogRetry(string operation, Uri address, int attempt, string failure, long milliseconds);

    [LoggerMessage(2, LogLevel.Warning, "{Operation} failed after {Attempts} attempts, the last at {Address}: {Failure}")]
    private partial void LogGivenUp(string operation, int attempts, Uri address, string failure);
}
