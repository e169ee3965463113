namespace Diststore.Core;

/// <summary>Wakes one waiting loop; a signal given while nobody waits is kept. For one scheduler.</summary>
internal sealed class Signal
{
    private TaskCompletionSource? _waiter;
    private bool _set;

    /// <summary>Wakes the loop, now or at its next wait.</summary>
    public void Set()
    {
        if (_waiter is { } waiter)
        {
            _waiter = null;
            waiter.SetResult();
        }
        else
        {
            _set = true;
        }
    }

    /// <summary>Completes at the next signal, or at once if one was kept.</summary>
    public Task WaitAsync()
    {
        if (_set)
        {
            _set = false;
            return Task.CompletedTask;
        }

        _waiter = new TaskCompletionSource();
        return _waiter.Task;
    }
}
