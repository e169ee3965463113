using System.Diagnostics;

namespace Diststore.SystemTests;

/// <summary>Waits for conditions: tests never sleep for a fixed time and hope.</summary>
internal static class Eventually
{
    /// <summary>How long anything may take that has no bound of its own; generous, for a loaded machine.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(25);

    /// <summary>Asks again and again until <paramref name="probe"/> gives something; fails with its last complaint at the deadline.</summary>
    /// <param name="probe">Gives the value and null, or nothing and what is still wrong. What it throws is a complaint too.</param>
    /// <param name="deadline">How long to go on, counted from this call.</param>
    /// <param name="explain">More for the failure's message, such as the programs' last words.</param>
    public static async Task<T> GetAsync<T>(Func<Task<(T? Value, string? Complaint)>> probe, TimeSpan deadline, Func<string>? explain = null)
        where T : class
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            string complaint;
            try
            {
                (T? value, string? wrong) = await probe();
                if (value is not null)
                {
                    return value;
                }

                complaint = wrong ?? "nothing yet";
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
            {
                complaint = e.Message;
            }

            if (clock.Elapsed > deadline)
            {
                Assert.Fail($"not within {deadline.TotalSeconds:0.#} s: {complaint}\n{explain?.Invoke()}");
            }

            await Task.Delay(Interval); // polls: a process has no other way to tell
        }
    }

    /// <summary>Asks again and again until <paramref name="complaint"/> has nothing left to say.</summary>
    public static Task TrueAsync(Func<Task<string?>> complaint, TimeSpan deadline, Func<string>? explain = null) =>
        GetAsync(
            async () => await complaint() is { } wrong ? (null, wrong) : ("", (string?)null),
            deadline,
            explain);
}
