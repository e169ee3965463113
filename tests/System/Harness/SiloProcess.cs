using System.Net;

namespace Diststore.SystemTests;

/// <summary>One node in a process of its own. It can be killed and started again under the same name and address.</summary>
internal sealed class SiloProcess : IDisposable
{
    private readonly string _directory;
    private readonly IReadOnlyList<string> _command;
    private ChildProcess? _process;
    private int _printedBefore;

    /// <summary>Describes the node; <see cref="Start"/> starts it.</summary>
    /// <param name="name">The node's name.</param>
    /// <param name="address">Its one address.</param>
    /// <param name="httpPort">Its HTTP port.</param>
    /// <param name="directory">Where it works and logs.</param>
    /// <param name="settings">More settings, as <c>Section:Name=value</c> below <c>Diststore:</c>.</param>
    /// <param name="network">The network that it runs in, or <see langword="null"/> for this machine's own.</param>
    /// <param name="prefix">What its command begins with.</param>
    public SiloProcess(
        string name, IPAddress address, int httpPort, string directory, IEnumerable<string> settings, NetworkNamespace? network, IReadOnlyList<string> prefix)
    {
        Name = name;
        Address = address;
        _directory = directory;
        IReadOnlyList<string> command =
        [
            .. prefix, .. Programs.Silo, .. new[] { $"Node:Name={name}", $"Node:Address={address}", $"Http:Port={httpPort}" }
                .Concat(settings).Select(static setting => "--Diststore:" + setting),
        ];
        _command = network?.Wrap(command) ?? command;
        Http = new HttpFace(address, httpPort, network);
        Network = network;
    }

    /// <summary>The network that it runs in, or <see langword="null"/> for this machine's own.</summary>
    public NetworkNamespace? Network { get; }

    /// <summary>The node's name.</summary>
    public string Name { get; }

    /// <summary>Its one address.</summary>
    public IPAddress Address { get; }

    /// <summary>Its HTTP API.</summary>
    public HttpFace Http { get; }

    /// <summary>Whether it was started and neither killed nor ended since.</summary>
    public bool IsRunning => _process is { HasExited: false };

    /// <summary>The process, once started.</summary>
    public ChildProcess Process => _process ?? throw new InvalidOperationException($"{Name} was not started");

    /// <summary>Its last lines, for a failure's message.</summary>
    public string Tail => _process is null ? "(not started)" : (IsRunning ? "" : "(not running)\n") + _process.Tail(12);

    /// <summary>What it printed since it was last started.</summary>
    public string Said => Process.Output[_printedBefore..];

    /// <summary>Whether it has printed that in this life.</summary>
    public bool HasSaid(string words) => Said.Contains(words, StringComparison.Ordinal);

    /// <summary>Waits until it has printed that in this life: what it does shows outside before its log has reached the file.</summary>
    public Task WaitUntilSaidAsync(string words) => Eventually.TrueAsync(
        () => Task.FromResult(HasSaid(words) ? null : $"{Name} has not said \"{words}\""), Eventually.Patience, () => Said);

    /// <summary>Starts it without waiting for anything.</summary>
    public void Start()
    {
        _printedBefore = _process?.Output.Length ?? 0;
        _process?.Dispose();
        _process = ChildProcess.Start(_directory, Name, _command);
    }

    /// <summary>Runs the program with more arguments to its end, while the node itself does not run.</summary>
    public async Task<(int ExitCode, string Said)> RunAsync(TimeSpan deadline, params string[] arguments)
    {
        using ChildProcess process = ChildProcess.Start(_directory, $"{Name}-{Guid.NewGuid():N}", [.. _command, .. arguments]);
        int exitCode = await process.WaitForExitAsync(deadline);
        return (exitCode, process.Output.Trim());
    }

    /// <summary>Waits until it says that it is ready.</summary>
    public Task WaitUntilReadyAsync() => Readiness.WaitAsync(Name, Http, Process);

    /// <summary>Ends it at once (SIGKILL).</summary>
    public void Kill() => Process.Kill();

    /// <inheritdoc/>
    public void Dispose()
    {
        _process?.Dispose();
        Http.Dispose();
    }
}

/// <summary>Waits for programs to become ready.</summary>
internal static class Readiness
{
    /// <summary>Polls <c>/health/ready</c>; fails at once when the program has ended.</summary>
    public static Task WaitAsync(string name, HttpFace http, ChildProcess process) => Eventually.TrueAsync(
        async () =>
        {
            Assert.False(process.HasExited, $"{name} ended with {(process.HasExited ? process.ExitCode : 0)}; it said:\n{process.Tail()}");
            Answer answer = await http.FetchAsync("/health/ready");
            return answer.Status == 200 ? null : $"{name} is not ready: {answer}";
        },
        Eventually.Patience,
        () => $"{name} said:\n{process.Tail()}");
}
