using System.Globalization;
using Diststore.Settings;
using Diststore.Storage;

namespace Diststore.Silo;

/// <summary>What <c>--restore FILE</c> does instead of running the node.</summary>
internal static class Restoring
{
    /// <summary>Makes the node's data folder from the backup; gives a sentence that says what was restored.</summary>
    /// <exception cref="StartException">It was not restored, and nothing was overwritten.</exception>
    public static string Run(SiloSettings settings, string file)
    {
        try
        {
            using FileStream backup = File.OpenRead(file);
            BackupInfo restored = RocksStore.Restore(backup, NodeStore.OptionsOf(settings, TimeProvider.System, null));
            string entries = restored.Entries.ToString("N0", CultureInfo.InvariantCulture);
            return $"Restored {entries} entries up to {restored.Applied} from {file} into {settings.DataPath}.";
        }
        catch (StoreOpenException exception)
        {
            throw new StartException($"{file} was not restored: {exception.Message}.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new StartException($"{file} was not restored: {exception.Message}");
        }
    }
}
