using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace Diststore.Load;

/// <summary>
/// Writers that go on whatever fails: what was not acknowledged is sent to another node at once. Measures the longest time
/// in which none of them was acknowledged anything.
/// </summary>
internal sealed class Outages
{
    // One that is silent for so long is left, for instance because it was stopped.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    // After every node has failed in turn; so that refusals do not fill the cores.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly string[] _urls;
    private readonly Func<string, PutRequest> _make;
    private readonly Lock _gate = new();
    private long _lastAt = Stopwatch.GetTimestamp(); // under _gate
    private long _longest;                           // under _gate
    private long _acknowledged;                      // under _gate
    private TaskCompletionSource _next = new();      // under _gate; done with the next acknowledgement
    private long _failed;

    private Outages(string[] urls, Func<string, PutRequest> make) => (_urls, _make) = (urls, make);

    /// <summary>
    /// Writes until the input ends. Each line of it is answered, with the next acknowledgement so that no outage is cut short,
    /// with what happened since the line before: the longest time without an acknowledgement in milliseconds, how many writes
    /// were acknowledged, how many tries failed.
    /// </summary>
    public static async Task<int> RunAsync(Arguments arguments)
    {
        int bytes = arguments.Number("bytes", 100);
        Func<string, int, PutRequest> make = PutRequest.For(arguments.One("api"));
        var outages = new Outages(arguments.One("urls").Split(','), host => make(host, bytes));
        using var over = new CancellationTokenSource();
        Task[] writers = [.. Enumerable.Range(0, arguments.Number("connections", 64)).Select(number => Task.Run(() => outages.WriteAsync(number, over.Token)))];
        while (await Console.In.ReadLineAsync() is not null)
        {
            await outages.NextAsync();
            Console.WriteLine(outages.Take());
        }

        await over.CancelAsync();
        await Task.WhenAll(writers);
        return 0;
    }

    private async Task WriteAsync(int turn, CancellationToken over)
    {
        ulong number = NewNumber();
        for (int inVain = 0; !over.IsCancellationRequested; turn++)
        {
            ulong before = number;
            number = await WriteToAsync(_urls[turn % _urls.Length], number, over);
            inVain = number == before ? inVain + 1 : 0;
            if (inVain >= _urls.Length)
            {
                await Task.Delay(Pause, CancellationToken.None);
            }
        }
    }

    // One node until something fails there; gives the number of what was not acknowledged.
    private async Task<ulong> WriteToAsync(string url, ulong number, CancellationToken over)
    {
        try
        {
            using var client = new RawHttpClient(url);
            PutRequest request = _make(client.Host);
            while (!over.IsCancellationRequested)
            {
                int status = await client.SendAsync(request.Of(number)).AsTask().WaitAsync(Patience, CancellationToken.None);
                if (status is < 200 or > 299)
                {
                    break;
                }

                Acknowledged();
                number = NewNumber();
            }
        }
        catch (Exception e) when (e is SocketException or IOException or TimeoutException)
        {
            // Nobody is there, or nobody answers.
        }

        Interlocked.Increment(ref _failed);
        return number;
    }

    private static ulong NewNumber() => (ulong)Random.Shared.NextInt64();

    private void Acknowledged()
    {
        lock (_gate)
        {
            long now = Stopwatch.GetTimestamp();
            _longest = Math.Max(_longest, now - _lastAt);
            _lastAt = now;
            _acknowledged++;
            _next.TrySetResult();
        }
    }

    private Task NextAsync()
    {
        lock (_gate)
        {
            _next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _next.Task;
        }
    }

    private string Take()
    {
        lock (_gate)
        {
            double longest = Stopwatch.GetElapsedTime(0, _longest).TotalMilliseconds;
            string taken = string.Create(CultureInfo.InvariantCulture, $"{longest:0} {_acknowledged} {Interlocked.Exchange(ref _failed, 0)}");
            (_longest, _acknowledged) = (0, 0);
            return taken;
        }
    }
}
