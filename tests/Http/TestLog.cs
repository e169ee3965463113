using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Diststore.Http.Tests;

/// <summary>Keeps the first word of each event.</summary>
internal sealed class TestLog : ILoggerProvider, ILogger
{
    private readonly ConcurrentDictionary<int, TaskCompletionSource<string>> _first = new();

    /// <summary>The first message of that event, once there is one.</summary>
    public Task<string> FirstAsync(int eventId) => Of(eventId).Task;

    public ILogger CreateLogger(string categoryName) => this;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Of(eventId.Id).TrySetResult(formatter(state, exception));

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Dispose()
    {
    }

    private TaskCompletionSource<string> Of(int eventId) =>
        _first.GetOrAdd(eventId, static _ => new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously));
}
