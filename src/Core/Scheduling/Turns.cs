namespace Diststore.Core;

/// <summary>
/// Lets so many at once do something; so many more wait for their turn, in the order they came and each for a limited time;
/// the rest is turned away at once. Where turns have a weight, bytes say, what is bounded is the sum of the weights; one that
/// is heavier than that has its turn alone. For one scheduler.
/// </summary>
internal sealed class Turns(long maxUnderWay, int maxWaiting)
{
    private readonly LinkedList<Place> _waiting = new();

    /// <summary>How many have their turn, or what they weigh together.</summary>
    public long UnderWay { get; private set; }

    /// <summary>How many wait for it.</summary>
    public int Waiting => _waiting.Count;

    /// <summary>Waits for a turn; false when none came in time. Who got one gives it back.</summary>
    public async Task<bool> TakeAsync(TimeSpan patience, TimeProvider time, long weight = 1)
    {
        if (_waiting.Count == 0 && Fits(weight))
        {
            UnderWay += weight;
            return true;
        }

        if (_waiting.Count >= maxWaiting)
        {
            return false;
        }

        LinkedListNode<Place> place = _waiting.AddLast(new Place(weight, new TaskCompletionSource()));
        try
        {
            await place.Value.Turn.Task.WaitAsync(patience, time);
            return true;
        }
        catch (TimeoutException)
        {
            // The turn may have been given in the moment that the time was up.
            if (place.List is null)
            {
                return true;
            }

            _waiting.Remove(place);

            // It may have been too heavy for what was free, and the next one is not.
            Admit();
            return false;
        }
    }

    /// <summary>Gives a turn back: those who have waited longest get what is free.</summary>
    public void Give(long weight = 1)
    {
        UnderWay -= weight;
        Admit();
    }

    private void Admit()
    {
        while (_waiting.First is { } next && Fits(next.Value.Weight))
        {
            _waiting.Remove(next);
            UnderWay += next.Value.Weight;
            next.Value.Turn.SetResult();
        }
    }

    private bool Fits(long weight) => UnderWay == 0 || UnderWay + weight <= maxUnderWay;

    private sealed record Place(long Weight, TaskCompletionSource Turn);
}
