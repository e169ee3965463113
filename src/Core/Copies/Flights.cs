namespace Diststore.Core;

/// <summary>Questions under way: whoever asks the same meanwhile waits for the same answer. Any thread.</summary>
/// <typeparam name="TQuestion">What is asked.</typeparam>
/// <typeparam name="TAnswer">What comes of it.</typeparam>
internal sealed class Flights<TQuestion, TAnswer>
    where TQuestion : notnull
{
    private readonly Dictionary<TQuestion, Task<TAnswer>> _underWay = []; // locked by itself

    /// <summary>Waits for the answer that is under way, or asks; what fails is asked anew by whoever comes after that.</summary>
    /// <param name="question">What is asked.</param>
    /// <param name="ask">Asks it.</param>
    /// <param name="isJoined">Whether it was asked before this call, so that the answer may be older than it.</param>
    public Task<TAnswer> Join(TQuestion question, Func<Task<TAnswer>> ask, out bool isJoined)
    {
        lock (_underWay)
        {
            isJoined = _underWay.TryGetValue(question, out Task<TAnswer>? flight);
            return flight ?? (_underWay[question] = FlyAsync(question, ask));
        }
    }

    private async Task<TAnswer> FlyAsync(TQuestion question, Func<Task<TAnswer>> ask)
    {
        // So that the flight is in the table before it can end.
        await Task.Yield();
        try
        {
            return await ask();
        }
        finally
        {
            lock (_underWay)
            {
                _underWay.Remove(question);
            }
        }
    }
}
