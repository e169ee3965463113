using Diststore.Core;
using Diststore.Settings;
using Diststore.Storage;

namespace Diststore.Silo;

/// <summary>The node's data is lost and nobody else holds it. The message is one sentence that says what to do.</summary>
internal sealed class DataLostException(string message) : Exception(message);

/// <summary>
/// A node's store over all lives of its host. A store on disk that failed is opened anew, from what is on disk, before
/// the next life; if it is damaged the node gives up what it held and begins with an empty one, unless it was the last to
/// hold it. The supervisor's: one call at a time.
/// </summary>
internal sealed partial class NodeStore : IAsyncDisposable
{
    private static readonly TimeSpan s_closeTimeout = TimeSpan.FromSeconds(15);

    private readonly SiloSettings _settings;
    private readonly TimeProvider _time;
    private readonly ILogger<RocksStore> _storeLogger;
    private readonly ILogger<NodeStore> _logger;
    private bool _isClosed; // closed, and not yet opened anew

    private NodeStore(SiloSettings settings, TimeProvider time, ILoggerFactory loggers)
    {
        (_settings, _time) = (settings, time);
        (_storeLogger, _logger) = (loggers.CreateLogger<RocksStore>(), loggers.CreateLogger<NodeStore>());
        Current = settings.Durability == DataDurability.Memory ? new MemoryStore(Guid.NewGuid(), time) : OpenFirst();
    }

    /// <summary>The store of the next life.</summary>
    public IStore Current { get; private set; }

    /// <summary>Opens it for the first time.</summary>
    /// <exception cref="StartException">It was not opened, and nothing was overwritten.</exception>
    public static NodeStore Open(SiloSettings settings, TimeProvider time, ILoggerFactory loggers) => new(settings, time, loggers);

    public static RocksStoreOptions OptionsOf(SiloSettings settings, TimeProvider time, ILogger<RocksStore>? logger)
    {
        var options = new RocksStoreOptions
        {
            Path = settings.DataPath!,
            ClusterId = settings.ClusterId,
            TimeProvider = time,
            NodeName = settings.NodeName,
            CacheBytes = settings.DataCacheBytes,
        };
        return logger is null ? options : options with { Logger = logger };
    }

    /// <summary>To be called between two lives: gets the store ready for the next one.</summary>
    /// <param name="hasFailed">Whether the former life ended because the store had failed.</param>
    /// <exception cref="StoreOpenException">It cannot be opened now; to be tried again.</exception>
    /// <exception cref="DataLostException">What it held is damaged, and this node was the last to hold it.</exception>
    public async Task RenewAsync(bool hasFailed)
    {
        if (Current is not RocksStore failed || !(hasFailed || _isClosed || failed.Failure is not null))
        {
            return;
        }

        _isClosed = true;
        await failed.DisposeAsync().AsTask().WaitAsync(s_closeTimeout, _time);
        try
        {
            Current = Open();
        }
        catch (StoreOpenException exception) when (exception.IsDamaged)
        {
            StoreState lost = failed.State;
            if (IsLastHolder(failed.Id, lost))
            {
                throw new DataLostException(
                    $"{_settings.NodeName} was the last master in sync and {exception.Message}; "
                    + $"to accept the loss, delete the folder {_settings.DataPath}.");
            }

            LogWiped(_logger, _settings.NodeName, exception.Message, lost.LocalEntries);
            RocksStore.Wipe(_settings.DataPath!);
            Current = Open();
        }

        _isClosed = false;
    }

    public ValueTask DisposeAsync() => Current.DisposeAsync();

    // By the newest view that the store remembers; a store that remembers none may hold a backup that was restored.
    private static bool IsLastHolder(Guid id, StoreState state) => state.View is { } view
        ? view.InSyncSet.Any(member => member.StoreId == id) && view.InSyncSet.All(member => member.StoreId == id)
        : state.Applied.Sequence > 0;

    private RocksStore OpenFirst()
    {
        try
        {
            return Open();
        }
        catch (StoreOpenException exception)
        {
            throw new StartException($"{_settings.NodeName} cannot start: {exception.Message} (Diststore:Data:Path).");
        }
    }

    private RocksStore Open() => RocksStore.Open(OptionsOf(_settings, _time, _storeLogger));

    [LoggerMessage(EventId = 3010, Level = LogLevel.Error,
        Message = "{Node} gives up what it held and begins empty, to be synced from the masters: {Reason}; {LocalEntries} local-only entries are lost")]
    private static partial void LogWiped(ILogger logger, string node, string reason, long localEntries);
}
