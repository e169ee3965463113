using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Diststore.Logging;

/// <summary>
/// Logs to a <see cref="LineOutput"/>, which its owner ends. In place of the console logger of .NET, which lets whoever logs wait for the
/// reader of standard output. Goes by its name in the settings, <c>Logging:Console</c>.
/// </summary>
[ProviderAlias("Console")]
public sealed class LineLoggerProvider(LineOutput output, TimeProvider time) : ILoggerProvider
{
    private readonly ConcurrentDictionary<string, LineLogger> _loggers = new(StringComparer.Ordinal); // as many as there are categories

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => _loggers.GetOrAdd(categoryName, name => new LineLogger(name, output, time));

    /// <inheritdoc/>
    public void Dispose() => _loggers.Clear();

    private sealed class LineLogger(string category, LineOutput output, TimeProvider time) : ILogger
    {
        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                output.WriteLine(LineFormat.Format(time, logLevel, category, eventId.Id, formatter(state, exception), exception));
            }
        }
    }
}
