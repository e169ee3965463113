using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Diststore.SystemTests;

/// <summary>
/// A program that a test started, with all that it prints in a file. Signals go to this process id only, and only
/// while it runs; whatever still runs when the test host ends is killed.
/// </summary>
internal sealed partial class ChildProcess : IDisposable
{
    private const int SigHup = 1;
    private const int SigInt = 2;
    private const int SigTerm = 15;
    private const int SigCont = 18;
    private const int SigStop = 19;
    private static readonly ConcurrentDictionary<ChildProcess, bool> Running = new();

    private readonly Process _process;

    static ChildProcess() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (ChildProcess left in Running.Keys)
        {
            left.Kill();
        }
    };

    private ChildProcess(Process process, string logFile)
    {
        _process = process;
        LogFile = logFile;
        Running[this] = true;
    }

    /// <summary>Where its output goes, both streams in one.</summary>
    public string LogFile { get; }

    /// <summary>The operating system's id of it.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>What it ended with.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>All that it printed so far.</summary>
    public string Output
    {
        get
        {
            using var file = new FileStream(LogFile, FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(file);
            return reader.ReadToEnd();
        }
    }

    /// <summary>Its last lines, for a failure's message.</summary>
    public string Tail(int lines = 25) => string.Join('\n', Output.TrimEnd().Split('\n').TakeLast(lines));

    /// <summary>Starts a program.</summary>
    /// <param name="directory">Its working directory, which the log file lies in too.</param>
    /// <param name="name">What to call the log file.</param>
    /// <param name="command">The program and its arguments.</param>
    public static ChildProcess Start(string directory, string name, IEnumerable<string> command)
    {
        Directory.CreateDirectory(directory);
        string log = Path.Combine(directory, name + ".log");
        // The shell only points the output at the file and then becomes the program, so the id is the program's own.
        // A pipe to this process would block a child whose reader is paused or gone.
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = directory, RedirectStandardInput = true };
        foreach (string argument in new[] { "-c", "exec \"$@\" >>\"$0\" 2>&1", log }.Concat(command))
        {
            start.ArgumentList.Add(argument);
        }

        foreach (string inherited in start.Environment.Keys.Where(static key => key.StartsWith("Diststore__", StringComparison.OrdinalIgnoreCase)).ToArray())
        {
            start.Environment.Remove(inherited);
        }

        // Ten nodes share a small machine: less memory for each, and no instrumented code while they warm up.
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment["DOTNET_NOLOGO"] = "1";
        Process process = Process.Start(start) ?? throw new InvalidOperationException($"{name} did not start");
        return new ChildProcess(process, log);
    }

    /// <summary>Ends it at once, as a power cut would (SIGKILL).</summary>
    public void Kill()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        Running.TryRemove(this, out _);
    }

    /// <summary>Stops it from running without ending it (SIGSTOP).</summary>
    public void Pause() => Signal(SigStop);

    /// <summary>Lets it run on (SIGCONT).</summary>
    public void Resume() => Signal(SigCont);

    /// <summary>What Ctrl-C does (SIGINT).</summary>
    public void Interrupt() => Signal(SigInt);

    /// <summary>What a terminal does that closes (SIGHUP).</summary>
    public void HangUp() => Signal(SigHup);

    /// <summary>What a service manager does to stop it (SIGTERM).</summary>
    public void Terminate() => Signal(SigTerm);

    /// <summary>Waits for its end; fails when it does not come.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan deadline)
    {
        using var late = new CancellationTokenSource(deadline);
        try
        {
            await _process.WaitForExitAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"did not end within {deadline.TotalSeconds:0.#} s; it said:\n{Tail()}");
        }

        return _process.ExitCode;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Kill();
        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);

    private void Signal(int signal)
    {
        Assert.False(_process.HasExited, $"it has ended by itself; it said:\n{Tail()}");
        Assert.Equal(0, SendSignal(_process.Id, signal));
    }
}
