using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Simulation;

/// <summary>
/// What a run's nodes and registries log, with virtual times: <c>DISTSTORE_TRACE=FOLDER</c> writes a file there for each run.
/// </summary>
internal sealed class TraceLog : ILoggerFactory, ILogger
{
    private readonly StreamWriter _file;
    private readonly Func<TimeSpan> _now;

    private TraceLog(string path, Func<TimeSpan> now)
    {
        _file = new StreamWriter(path) { AutoFlush = true };
        _now = now;
    }

    public static ILoggerFactory Open(string run, Func<TimeSpan> now) =>
        Environment.GetEnvironmentVariable("DISTSTORE_TRACE") is { } folder
            ? new TraceLog(Path.Combine(Directory.CreateDirectory(folder).FullName, $"{run}.log"), now)
            : NullLoggerFactory.Instance;

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        string who = (TaskScheduler.Current as SimScheduler)?.Name ?? "faults";
        _file.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_now()} {who}: {formatter(state, exception)} {exception?.Message}"));
    }

    public void Dispose() => _file.Dispose();
}
