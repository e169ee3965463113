using Microsoft.Extensions.Logging;

namespace Diststore.Storage;

/// <content>What is logged.</content>
public sealed partial class RocksStore
{
    [LoggerMessage(1, LogLevel.Information, "Opened the store in {Path}: id {Id}, {Entries} entries, applied {Applied}, new: {IsNew}")]
    private static partial void LogOpened(ILogger logger, string path, Guid id, long entries, LogPoint applied, bool isNew);

    [LoggerMessage(2, LogLevel.Information, "Closed the store in {Path}")]
    private static partial void LogClosed(ILogger logger, string path);

    [LoggerMessage(3, LogLevel.Critical, "The store in {Path} takes no more writes until it is opened anew")]
    private static partial void LogFailed(ILogger logger, Exception failure, string path);
}
