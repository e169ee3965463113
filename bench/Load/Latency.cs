using System.Diagnostics;
using System.Globalization;

namespace Diststore.Load;

/// <summary>How long single requests take, one after the other on one connection.</summary>
internal static class Latency
{
    private const int WarmUp = 200;

    /// <summary>Keys that the asked node has never been asked for.</summary>
    public static async Task<int> ColdMissAsync(Arguments arguments)
    {
        int count = arguments.Number("count", 1000) + WarmUp;
        byte[] value = new byte[arguments.Number("bytes", 100)];
        string run = Guid.NewGuid().ToString("N");
        using var put = new RawHttpClient(arguments.One("put"));
        for (int i = 0; i < count; i++)
        {
            int status = await put.SendAsync("PUT", $"/v1/kv/cold/{run}/{i}", value);
            if (status != 201)
            {
                throw new InvalidDataException($"PUT answered {status}");
            }
        }

        return await MeasureAsync(arguments.One("get"), count, number => $"/v1/kv/cold/{run}/{number}", 200);
    }

    /// <summary>Keys that nobody has.</summary>
    public static Task<int> AbsentAsync(Arguments arguments)
    {
        string run = Guid.NewGuid().ToString("N");
        return MeasureAsync(arguments.One("get"), arguments.Number("count", 1000) + WarmUp, number => $"/v1/kv/absent/{run}/{number}", 404);
    }

    private static async Task<int> MeasureAsync(string url, int count, Func<int, string> target, int expected)
    {
        using var client = new RawHttpClient(url);
        List<double> microseconds = [];
        for (int i = 0; i < count; i++)
        {
            string next = target(i);
            long start = Stopwatch.GetTimestamp();
            int status = await client.SendAsync("GET", next, []);
            double elapsed = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            if (status != expected)
            {
                throw new InvalidDataException($"GET {next} answered {status}, not {expected}");
            }

            if (i >= WarmUp)
            {
                microseconds.Add(elapsed);
            }
        }

        microseconds.Sort();
        double median = microseconds[microseconds.Count / 2], p99 = microseconds[microseconds.Count * 99 / 100];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{median:0} {p99:0}"));
        return 0;
    }
}
