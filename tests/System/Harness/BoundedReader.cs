using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Diststore.SystemTests;

/// <summary>
/// One client writes ascending numbers to a key, others read it with bounded freshness: nobody is shown a number older than
/// the bound allows, counted from when the read was sent.
/// </summary>
internal sealed class BoundedReader(string key)
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(1); // the default of Copies:MaxStaleness

    // Acknowledged numbers with the moment of the acknowledgement, ascending.
    private readonly ConcurrentQueue<(long At, int Number)> _acknowledged = new();
    private int _number;
    private int _reads;

    /// <summary>How many writes were acknowledged.</summary>
    public int Acknowledged => _acknowledged.Count;

    /// <summary>How many reads showed something.</summary>
    public int Reads => Volatile.Read(ref _reads);

    /// <summary>Writes until told to stop.</summary>
    public async Task WriteAsync(HttpFace http, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            Answer answer = await http.PutAsync(key, (++_number).ToString(CultureInfo.InvariantCulture));
            Assert.True(answer.Status is 201 or 204 or 503, $"{key}: {answer}");
            if (answer.Status != 503)
            {
                _acknowledged.Enqueue((Stopwatch.GetTimestamp(), _number));
            }
        }
    }

    /// <summary>Reads until told to stop; 503 is no wrong answer, "not found" is one once there is a value.</summary>
    public async Task ReadAsync(HttpFace http, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            long sent = Stopwatch.GetTimestamp();
            Answer answer = await http.ReadAsync(key);
            int atLeast = _acknowledged.TakeWhile(write => Stopwatch.GetElapsedTime(write.At, sent) > Bound).LastOrDefault().Number;
            bool good = answer.Status switch
            {
                200 => int.Parse(answer.Text, CultureInfo.InvariantCulture) >= atLeast,
                404 => atLeast == 0,
                _ => answer.Status == 503,
            };
            Assert.True(good, $"{key} at {http.Url}: {answer}, where {atLeast} was acknowledged more than {Bound.TotalSeconds} s before");
            if (answer.Status == 200)
            {
                Interlocked.Increment(ref _reads);
            }
        }
    }
}
