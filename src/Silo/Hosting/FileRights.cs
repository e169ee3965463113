using System.Runtime.InteropServices;

namespace Diststore.Silo;

/// <summary>Whose the process's files are.</summary>
internal static class FileRights
{
    private const int Others = 0b000_111_111;

    /// <summary>What is made from now on, by the engine too, is its user's alone: 0700 and 0600. Windows has other means.</summary>
    public static void KeepToOwner()
    {
        if (!OperatingSystem.IsWindows())
        {
            _ = SetMask(Others);
        }
    }

    [DllImport("libc", EntryPoint = "umask")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int SetMask(int mask);
}
