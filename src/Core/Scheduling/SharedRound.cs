namespace Diststore.Core;

/// <summary>
/// Runs an operation for many callers at once: each caller gets the result of a round that began after it asked.
/// While one round is under way, everybody who asks shares the next one. For one scheduler.
/// </summary>
internal sealed class SharedRound<T>(Func<Task<T>> run)
{
    private Task<T>? _running;
    private Task<T>? _next;

    /// <summary>The result of a round that begins at this call or later.</summary>
    public Task<T> BeginAsync()
    {
        if (_running is null)
        {
            return _running = RunAsync(previous: null);
        }

        return _next ??= RunAsync(_running);
    }

    private async Task<T> RunAsync(Task? previous)
    {
        if (previous is null)
        {
            // So that _running is set before the round can end.
            await Task.Yield();
        }
        else
        {
            // However the round before ended: its own callers hear of that.
            await Task.WhenAny(previous);
        }

        try
        {
            return await run();
        }
        finally
        {
            _running = _next;
            _next = null;
        }
    }
}
