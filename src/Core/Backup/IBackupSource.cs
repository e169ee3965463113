namespace Diststore.Core;

/// <summary>A store that can write its applied state of one moment to a stream while writes go on.</summary>
public interface IBackupSource
{
    /// <summary>
    /// Writes the backup. Its reader can tell a whole one from one that broke off. Throws when the destination or the
    /// store fails, and <see cref="InvalidOperationException"/> while the store is being synced in full.
    /// </summary>
    Task WriteBackupAsync(Stream destination, CancellationToken cancellation);
}

/// <summary>How the start of a backup ended.</summary>
public enum BackupOutcome
{
    /// <summary>The parts follow.</summary>
    Started = 0,

    /// <summary>The masters' data is in memory, of which there is no backup.</summary>
    NotDurable = 1,

    /// <summary>No in-sync master answers.</summary>
    Unavailable = 2,

    /// <summary>As many backups as are allowed at once are under way.</summary>
    Busy = 3,
}

/// <summary>A backup that was started, or why not.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Node">The master that gives it.</param>
/// <param name="Id">Names it when its parts are read.</param>
[GenerateSerializer, Immutable, Alias("diststore.backup")]
public sealed record BackupStart([property: Id(0)] BackupOutcome Outcome, [property: Id(1)] string Node, [property: Id(2)] Guid Id);

/// <summary>The next bytes of a backup.</summary>
/// <param name="Bytes">The bytes; empty at its end; <see langword="null"/> when it broke off.</param>
[GenerateSerializer, Immutable, Alias("diststore.backuppart")]
public sealed record BackupPart([property: Id(0)] byte[]? Bytes);
