using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Diststore.Storage;

/// <summary>
/// The folder of a store beside the engine's own files: the lock, the mark up to which the log is known to reach, and the
/// note that damage was found.
/// </summary>
internal sealed class Folder : IDisposable
{
    private const string LockName = "diststore.lock";
    private const string MarkName = "diststore.mark";
    private const string DamageName = "diststore.damaged";
    private const string RestoringName = "diststore.restoring";
    private const int MarkBytes = 32; // synced, written, boot id

    // The engine's, and ours but the lock. The mark goes last: until then what is left is known as a store's remains.
    private static readonly string[] StoreFiles =
    [
        "CURRENT", "IDENTITY", "LOCK", "LOG", "LOG.old.*", "OPTIONS-*", "*.dbtmp", "*.log", "*.sst", "*.blob", "MANIFEST-*",
        DamageName, RestoringName, MarkName,
    ];

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string _path;
    private readonly FileStream _lock;
    private SafeFileHandle? _mark;

    private Folder(string path, FileStream held)
    {
        _path = path;
        _lock = held;
    }

    /// <summary>Whether the engine has files here that begin with <c>CURRENT</c>, its pointer to all others.</summary>
    public bool HasStore => File.Exists(Path.Combine(_path, "CURRENT"));

    /// <summary>
    /// Whether there are files that only a store leaves behind in which something may have been written. The engine makes a manifest first,
    /// then <c>CURRENT</c>, then its log: a manifest alone is what is left where a process ended in its first moments.
    /// </summary>
    public bool HasTraces =>
        File.Exists(Path.Combine(_path, MarkName)) || Directory.EnumerateFiles(_path, "*.sst").Any() || Directory.EnumerateFiles(_path, "*.log").Any();

    /// <summary>Whether a restoring began here and has not ended.</summary>
    public bool IsRestoring => File.Exists(Path.Combine(_path, RestoringName));

    /// <summary>What was found damaged by an earlier process, or <see langword="null"/>.</summary>
    public string? Damage => File.Exists(Path.Combine(_path, DamageName)) ? File.ReadAllText(Path.Combine(_path, DamageName)).Trim() : null;

    /// <summary>Makes the folder if it is not there, and keeps other processes out of it.</summary>
    public static Folder Take(string path)
    {
        try
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(path);
            }
            else
            {
                // Also where it was there before: what is in it is nobody else's.
                Directory.CreateDirectory(path, OwnerOnly);
                File.SetUnixFileMode(path, OwnerOnly);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreOpenException(StoreOpenProblem.Unusable, $"the data folder {path} cannot be made: {e.Message}", e);
        }

        string file = Path.Combine(path, LockName);
        try
        {
            return new Folder(path, new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (UnauthorizedAccessException e)
        {
            throw new StoreOpenException(StoreOpenProblem.Unusable, $"the data folder {path} cannot be written to: {e.Message}", e);
        }
        catch (IOException e)
        {
            bool isHeld = IsHeldByAnother(e);
            throw new StoreOpenException(
                isHeld ? StoreOpenProblem.InUse : StoreOpenProblem.Unusable,
                isHeld ? $"the data folder {path} is in use by another process" : $"the data folder {path} cannot be used: {e.Message}",
                e);
        }
    }

    /// <summary>Notes that a restoring begins: should it not end, what is here is not a store.</summary>
    public void StartRestoring() => File.WriteAllText(Path.Combine(_path, RestoringName), "");

    /// <summary>The restoring has ended.</summary>
    public void EndRestoring() => File.Delete(Path.Combine(_path, RestoringName));

    /// <summary>Removes a store's files, and no others.</summary>
    public void Clear()
    {
        foreach (string file in StoreFiles.SelectMany(pattern => Directory.EnumerateFiles(_path, pattern)).Distinct(StringComparer.Ordinal).ToList())
        {
            File.Delete(file);
        }
    }

    /// <summary>Remembers that damage was found, so that no later start serves from it.</summary>
    public void NoteDamage(string what)
    {
        try
        {
            File.WriteAllText(Path.Combine(_path, DamageName), what + Environment.NewLine);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Then the next start meets the damage itself.
        }
    }

    /// <summary>
    /// The engine's sequence number that its log surely reached: all that was synced, and after a mere crash of the process
    /// also all that was handed to the operating system, which is still the one that was running then.
    /// </summary>
    public long ReadMark()
    {
        string file = Path.Combine(_path, MarkName);
        if (!File.Exists(file))
        {
            return 0;
        }

        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(file);
        }
        catch (IOException e) when (IsHeldByAnother(e))
        {
            // The lock files may have been removed, but whoever writes the store keeps its mark.
            throw new StoreOpenException(StoreOpenProblem.InUse, $"the data folder {_path} is in use by another process", e);
        }

        if (bytes.Length < MarkBytes)
        {
            return 0; // the power was lost before the first mark reached the medium
        }

        long synced = BinaryPrimitives.ReadInt64BigEndian(bytes);
        long written = BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(8));
        Guid boot = BootId();
        return boot != Guid.Empty && new Guid(bytes.AsSpan(16, 16)) == boot ? Math.Max(synced, written) : synced;
    }

    /// <summary>Starts to keep the mark; the log ends here now.</summary>
    public void StartMark(long sequence)
    {
        _mark = File.OpenHandle(Path.Combine(_path, MarkName), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
        Span<byte> bytes = stackalloc byte[MarkBytes];
        BinaryPrimitives.WriteInt64BigEndian(bytes, sequence);
        BinaryPrimitives.WriteInt64BigEndian(bytes[8..], sequence);
        BootId().TryWriteBytes(bytes[16..]);
        RandomAccess.Write(_mark, bytes, 0);
    }

    /// <summary>The log was synced up to here. Not synced itself: an older mark only knows less.</summary>
    public void MarkSynced(long sequence) => Mark(sequence, 0);

    /// <summary>The log was handed to the operating system up to here.</summary>
    public void MarkWritten(long sequence) => Mark(sequence, 8);

    public void Dispose()
    {
        _mark?.Dispose();
        _lock.Dispose();
    }

    // Each number is written by one thread, in place and in one piece.
    private void Mark(long sequence, long offset)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, sequence);
        RandomAccess.Write(_mark!, bytes, offset);
    }

    // The codes of flock on Linux and macOS, and of Windows; any other I/O error is another problem, a read-only device say.
    private static bool IsHeldByAnother(IOException e) => e.HResult is 11 or 35 or unchecked((int)0x80070020);

    // Linux makes a new one each time the machine starts; elsewhere only what was synced counts.
    private static Guid BootId()
    {
        const string File = "/proc/sys/kernel/random/boot_id";
        try
        {
            return System.IO.File.Exists(File) && Guid.TryParse(System.IO.File.ReadAllText(File).Trim(), out Guid id) ? id : Guid.Empty;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Guid.Empty;
        }
    }
}
