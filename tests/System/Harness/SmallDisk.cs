using System.Diagnostics;

namespace Diststore.SystemTests;

/// <summary>A file system of its own in memory, of a fixed size; needs root on Linux.</summary>
internal sealed class SmallDisk : IDisposable
{
    private SmallDisk(string path) => Path = path;

    public string Path { get; }

    public static SmallDisk Mount(string size)
    {
        string path = Directory.CreateTempSubdirectory("diststore-disk-").FullName;
        bool mounted = OperatingSystem.IsLinux() && Environment.UserName == "root"
            && Run("mount", "-t", "tmpfs", "-o", $"size={size}", "diststore-test", path);
        if (!mounted)
        {
            Directory.Delete(path);
        }

        Skip.IfNot(mounted, "a small file system needs root on Linux, and the right to mount");
        return new SmallDisk(path);
    }

    /// <summary>Another size.</summary>
    public void Resize(string size) => Assert.True(Run("mount", "-o", $"remount,size={size}", Path), "the file system was not resized");

    public void Dispose()
    {
        Run("umount", Path);
        Directory.Delete(Path);
    }

    private static bool Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
