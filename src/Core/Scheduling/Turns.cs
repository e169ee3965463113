namespace Diststore.Core;

/// <summary>
/// Lets so many at once do something; so many more wait for their turn, in the order they came and each for a limited time;
/// the rest is turned away at once. Where turns have a weight, bytes say, what is bounded is the sum of the weights; one that
/// is heavier than that has its turn alone. Thread-safe.
/// </summary>
/// <param name="maxUnderWay">How many have a turn at once, or what they may weigh together.</param>
/// <param name="maxWaiting">How many wait for one.</param>
/// <param name="patience">How long each of them waits at most.</param>
/// <param name="time">The clock.</param>
/// <param name="options">
/// How those who wait go on: with <see cref="TaskCreationOptions.None"/> on the scheduler that they came from, which is what a node
/// needs; where there is none, <see cref="TaskCreationOptions.RunContinuationsAsynchronously"/> keeps them off the thread of who gives.
/// </param>
public sealed class Turns(long maxUnderWay, int maxWaiting, TimeSpan patience, TimeProvider time, TaskCreationOptions options = TaskCreationOptions.None)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<Place> _waiting = new(); // under the lock
    private long _underWay; // under the lock

    /// <summary>How many have their turn, or what they weigh together.</summary>
    public long UnderWay
    {
        get
        {
            lock (_lock)
            {
                return _underWay;
            }
        }
    }

    /// <summary>How many wait for it.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>Waits for a turn; false when none came in time. Who got one gives it back.</summary>
    public ValueTask<bool> TakeAsync(long weight = 1)
    {
        LinkedListNode<Place> place;
        lock (_lock)
        {
            if (_waiting.Count == 0 && Fits(weight))
            {
                _underWay += weight;
                return ValueTask.FromResult(true);
            }

            if (_waiting.Count >= maxWaiting)
            {
                return ValueTask.FromResult(false);
            }

            place = _waiting.AddLast(new Place(weight, new TaskCompletionSource(options)));
        }

        return WaitAsync(place);
    }

    /// <summary>Does something in its turn, and gives it back; where none came in time, <paramref name="refused"/> says so.</summary>
    public async Task<T> RunAsync<T>(Func<Task<T>> work, Func<T> refused)
    {
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(refused);
        if (!await TakeAsync())
        {
            return refused();
        }

        try
        {
            return await work();
        }
        finally
        {
            Give();
        }
    }

    /// <summary>Gives a turn back: those who have waited longest get what is free.</summary>
    public void Give(long weight = 1)
    {
        lock (_lock)
        {
            _underWay -= weight;
        }

        Admit();
    }

    private async ValueTask<bool> WaitAsync(LinkedListNode<Place> place)
    {
        try
        {
            await place.Value.Turn.Task.WaitAsync(patience, time);
            return true;
        }
        catch (TimeoutException)
        {
            lock (_lock)
            {
                // The turn may have been given in the moment that the time was up.
                if (place.List is null)
                {
                    return true;
                }

                _waiting.Remove(place);
            }

            // It may have been too heavy for what was free, and the next one is not.
            Admit();
            return false;
        }
    }

    // Nobody goes on under the lock.
    private void Admit()
    {
        while (true)
        {
            TaskCompletionSource turn;
            lock (_lock)
            {
                if (_waiting.First is not { } next || !Fits(next.Value.Weight))
                {
                    return;
                }

                _waiting.Remove(next);
                _underWay += next.Value.Weight;
                turn = next.Value.Turn;
            }

            turn.SetResult();
        }
    }

    private bool Fits(long weight) => _underWay == 0 || _underWay + weight <= maxUnderWay;

    private sealed record Place(long Weight, TaskCompletionSource Turn);
}
