namespace Diststore.Core;

/// <summary>Wakes all that wait for something to happen; who comes after it waits for the next time. For one scheduler.</summary>
internal sealed class Pulse
{
    private TaskCompletionSource? _next;

    /// <summary>It has happened.</summary>
    public void Beat()
    {
        TaskCompletionSource? next = _next;
        _next = null;
        next?.SetResult();
    }

    /// <summary>Waits for the next time; false when there was none within <paramref name="wait"/>.</summary>
    public async Task<bool> WaitAsync(TimeSpan wait, TimeProvider time, CancellationToken stopping)
    {
        if (wait <= TimeSpan.Zero)
        {
            return false;
        }

        _next ??= new TaskCompletionSource();
        try
        {
            await _next.Task.WaitAsync(wait, time, stopping);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}
