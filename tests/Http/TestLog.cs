using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Diststore.Http.Tests;

/// <summary>Keeps the first word of each event, and all errors.</summary>
internal sealed class TestLog : ILoggerProvider, ILogger
{
    private readonly ConcurrentDictionary<int, TaskCompletionSource<string>> _first = new();
    private readonly ConcurrentQueue<string> _errors = new();

    /// <summary>The first message of that event, once there is one.</summary>
    public Task<string> FirstAsync(int eventId) => Of(eventId).Task;

    /// <summary>What was logged as an error, or worse, since this was last asked.</summary>
    public string TakeErrors()
    {
        var taken = new List<string>();
        while (_errors.TryDequeue(out string? error))
        {
            taken.Add(error);
        }

        return string.Join('\n', taken);
    }

    public ILogger CreateLogger(string categoryName) => this;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        Of(eventId.Id).TrySetResult(formatter(state, exception));
        if (logLevel >= LogLevel.Error)
        {
            _errors.Enqueue($"{formatter(state, exception)} {exception}");
        }
    }

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Dispose()
    {
    }

    private TaskCompletionSource<string> Of(int eventId) =>
        _first.GetOrAdd(eventId, static _ => new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously));
}
