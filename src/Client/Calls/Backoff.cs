namespace Diststore.Client;

/// <summary>How long to wait before the next attempt: twice as long each time, up to a limit, and by chance less, so that many clients spread.</summary>
internal sealed class Backoff(TimeSpan first, TimeSpan most, Func<double> chance)
{
    // Beyond this the limit has been reached whatever it is.
    private const int MaxDoublings = 30;

    // Timers know no shorter time: below it there would be no wait at all.
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(1);

    /// <summary>Before attempt <paramref name="attempt"/> + 1. A server's wish counts once each address was asked since the last time.</summary>
    public TimeSpan After(int attempt, int addresses, TimeSpan? asked)
    {
        double doubled = first.Ticks * Math.Pow(2, Math.Min(attempt - 1, MaxDoublings));
        TimeSpan wait = TimeSpan.FromTicks((long)(Math.Min(doubled, most.Ticks) * (0.5 + (chance() / 2))));
        wait = wait < Least ? Least : wait;
        return attempt % addresses == 0 && asked is { } wish && wish > wait ? wish < most ? wish : most : wait;
    }
}
