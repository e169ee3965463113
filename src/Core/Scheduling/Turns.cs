namespace Diststore.Core;

/// <summary>
/// Lets so many at once do something; so many more wait for their turn, in the order they came and each for a limited time;
/// the rest is turned away at once. For one scheduler.
/// </summary>
internal sealed class Turns(int maxUnderWay, int maxWaiting)
{
    private readonly LinkedList<TaskCompletionSource> _waiting = new();

    /// <summary>How many have their turn.</summary>
    public int UnderWay { get; private set; }

    /// <summary>How many wait for it.</summary>
    public int Waiting => _waiting.Count;

    /// <summary>Waits for a turn; false when none came in time. Who got one gives it back.</summary>
    public async Task<bool> TakeAsync(TimeSpan patience, TimeProvider time)
    {
        if (UnderWay < maxUnderWay)
        {
            UnderWay++;
            return true;
        }

        if (_waiting.Count >= maxWaiting)
        {
            return false;
        }

        LinkedListNode<TaskCompletionSource> place = _waiting.AddLast(new TaskCompletionSource());
        try
        {
            await place.Value.Task.WaitAsync(patience, time);
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
            return false;
        }
    }

    /// <summary>Gives a turn back: the one who has waited longest gets it.</summary>
    public void Give()
    {
        if (_waiting.First is { } next)
        {
            _waiting.Remove(next);
            next.Value.SetResult();
        }
        else
        {
            UnderWay--;
        }
    }
}
