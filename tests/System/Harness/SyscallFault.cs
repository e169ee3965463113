using System.Globalization;

namespace Diststore.SystemTests;

/// <summary>System calls of a running program that fail, for as long as this lives.</summary>
internal sealed class SyscallFault : IDisposable
{
    private readonly TempDirectory _directory;
    private readonly ChildProcess _tracer;

    private SyscallFault(TempDirectory directory, ChildProcess tracer) => (_directory, _tracer) = (directory, tracer);

    /// <summary>Why none can be made here, or <see langword="null"/>.</summary>
    public static string? Missing { get; } =
        !OperatingSystem.IsLinux() || Environment.UserName != "root" ? "tracing another program needs root on Linux"
        : Programs.Find("strace") is null ? "strace is not installed (Debian: apt-get install strace)"
        : null;

    /// <summary>Lets calls fail from now on.</summary>
    /// <param name="process">Whose.</param>
    /// <param name="calls">Their names, separated by commas.</param>
    /// <param name="error">The error that each ends with, by its name.</param>
    public static async Task<SyscallFault> InjectAsync(ChildProcess process, string calls, string error)
    {
        var directory = new TempDirectory();
        string id = process.Id.ToString(CultureInfo.InvariantCulture);
        string[] command = ["strace", "-f", "-p", id, "-e", $"trace={calls}", "-e", $"inject={calls}:error={error}"];
        var fault = new SyscallFault(directory, ChildProcess.Start(directory.Path, "strace", command));
        await Eventually.TrueAsync(
            () => Task.FromResult(fault._tracer.Output.Contains(" attached", StringComparison.Ordinal) ? null : "not attached"),
            Eventually.Patience,
            () => fault._tracer.Tail());
        return fault;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _tracer.Dispose();
        _directory.Dispose();
    }
}
