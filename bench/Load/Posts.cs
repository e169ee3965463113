using System.Diagnostics;
using System.Globalization;

namespace Diststore.Load;

/// <summary>How many posts a second are acknowledged, new keys all.</summary>
internal static class Posts
{
    /// <summary>Counts for some seconds after a moment of warming up.</summary>
    public static async Task<int> RunAsync(Arguments arguments)
    {
        int seconds = arguments.Number("seconds", 5), bytes = arguments.Number("bytes", 100);
        Func<string, int, PutRequest> make = PutRequest.For(arguments.One("api"));
        var connections = new Connections(arguments);
        long start = Stopwatch.GetTimestamp() + (arguments.Number("warm-up", 1) * Stopwatch.Frequency);
        long end = start + (seconds * Stopwatch.Frequency);
        List<double> microseconds = [];
        await connections.RunAsync(async client =>
        {
            PutRequest request = make(client.Host, bytes);
            List<double> own = [];
            for (long now = 0; now < end;)
            {
                long sent = Stopwatch.GetTimestamp();
                int status = await client.SendAsync(request.Of((ulong)Random.Shared.NextInt64()));
                now = Stopwatch.GetTimestamp();
                if (status is < 200 or > 299)
                {
                    connections.Unexpected(status);
                }
                else if (now >= start && now < end)
                {
                    own.Add(Stopwatch.GetElapsedTime(sent, now).TotalMicroseconds);
                }
            }

            lock (microseconds)
            {
                microseconds.AddRange(own);
            }
        });
        connections.Report();
        if (microseconds.Count == 0)
        {
            throw new InvalidDataException("nothing was acknowledged");
        }

        microseconds.Sort();
        double median = microseconds[microseconds.Count / 2], p99 = microseconds[microseconds.Count * 99 / 100];
        double p999 = microseconds[(int)(microseconds.Count * 999L / 1000)];
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{microseconds.Count / (double)seconds:0} {median:0} {p99:0} {p999:0} {connections.NotCounted}"));
        return 0;
    }
}
