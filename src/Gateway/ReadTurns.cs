namespace Diststore.Gateway;

/// <summary>
/// Lets so many read at once; so many more wait for their turn, in order and not for long, and who comes beyond these is refused at once.
/// Thread-safe.
/// </summary>
/// <param name="maxUnderWay">How many have a turn at once.</param>
/// <param name="maxWaiting">How many wait for one.</param>
/// <param name="patience">How long each of them waits at most.</param>
/// <param name="time">The clock.</param>
internal sealed class ReadTurns(int maxUnderWay, int maxWaiting, TimeSpan patience, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<TaskCompletionSource> _waiting = new(); // under _lock
    private int _underWay; // under _lock

    /// <summary>How many have a turn now.</summary>
    public int UnderWay
    {
        get
        {
            lock (_lock)
            {
                return _underWay;
            }
        }
    }

    /// <summary>Takes a turn, to be ended with <see cref="End"/>; false, and nothing to be ended, where there was none in time.</summary>
    public ValueTask<bool> TryBeginAsync()
    {
        LinkedListNode<TaskCompletionSource> place;
        lock (_lock)
        {
            if (_underWay < maxUnderWay)
            {
                _underWay++;
                return ValueTask.FromResult(true);
            }

            if (_waiting.Count == maxWaiting)
            {
                return ValueTask.FromResult(false);
            }

            place = _waiting.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        return WaitAsync(place);
    }

    /// <summary>Ends a turn; who waits longest has it then.</summary>
    public void End()
    {
        TaskCompletionSource? next;
        lock (_lock)
        {
            next = _waiting.First?.Value;
            if (next is null)
            {
                _underWay--;
                return;
            }

            _waiting.RemoveFirst();
        }

        next.SetResult();
    }

    private async ValueTask<bool> WaitAsync(LinkedListNode<TaskCompletionSource> place)
    {
        try
        {
            await place.Value.Task.WaitAsync(patience, time);
            return true;
        }
        catch (TimeoutException)
        {
            lock (_lock)
            {
                // The turn may have come in this very moment; then it is to be ended as any other.
                if (place.List is null)
                {
                    return true;
                }

                _waiting.Remove(place);
                return false;
            }
        }
    }
}
