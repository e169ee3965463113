using Diststore.Core;
using Microsoft.Extensions.Logging;

namespace Diststore.Http;

internal sealed partial class ChangeStream
{
    [LoggerMessage(1002, LogLevel.Error, "The change {Version} came after {Position} and was left out: ids must ascend.")]
    private partial void LogNotAscending(ChangeId version, ChangeId position);
}
