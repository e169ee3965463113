using System.Globalization;

namespace Diststore.SystemTests;

/// <summary>
/// A client with one key of its own that it writes ascending numbers to, one after the other, each time by another node,
/// and reads by strong reads in between. What it reads is judged at once: nothing acknowledged is lost, and a write whose
/// outcome it was not told lands once or never, so a value that was overwritten is never seen again.
/// </summary>
internal sealed class RegisterClient(int number, UpNodes nodes)
{
    private readonly string _key = $"register-{number}";
    private readonly Random _random = new(number);
    private readonly HashSet<int> _overwritten = [];
    private int _attempted;
    private int _kept;
    private int? _seen;
    private int _acknowledged;
    private int _unknown;

    /// <summary>How many writes were acknowledged.</summary>
    public int Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>How many writes it was not told the outcome of, or that were refused.</summary>
    public int NotAcknowledged => Volatile.Read(ref _unknown);

    /// <summary>Writes and reads until told to stop.</summary>
    public async Task RunAsync(CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            await WriteAsync();
            Judge(await Any().Http.ReadStrongAsync(_key).OrNothingAsync());
        }
    }

    /// <summary>What a node shows in the end.</summary>
    public async Task CheckAsync(SiloProcess node, Func<string> explain)
    {
        Answer? last = null;
        await Eventually.TrueAsync(
            async () => (last = await node.Http.ReadStrongAsync(_key)).Status == 503 ? $"{_key} at {node.Name}: {last}" : null, Eventually.Patience, explain);
        Judge(last);
    }

    private SiloProcess Any()
    {
        SiloProcess[] up = nodes.Up;
        return up[_random.Next(up.Length)];
    }

    private async Task WriteAsync()
    {
        int value = ++_attempted;
        SiloProcess node = Any();
        Answer? answer = await node.Http.PutAsync(_key, value.ToString(CultureInfo.InvariantCulture)).OrNothingAsync();
        Assert.True(answer is null or { Status: 201 or 204 or 503 }, $"PUT {_key} at {node.Name}: {answer}");
        if (answer is { Status: 201 or 204 })
        {
            // What was acknowledged before, or seen, is overwritten; what is not known of may still come.
            Overwritten(_kept);
            Overwritten(_seen);
            _kept = value;
            _seen = null;
            Interlocked.Increment(ref _acknowledged);
        }
        else
        {
            Interlocked.Increment(ref _unknown);
        }
    }

    private void Judge(Answer? answer)
    {
        if (answer is null or { Status: 503 })
        {
            return;
        }

        string at = $"{_key}: {answer}, acknowledged {_kept}, attempted {_attempted}";
        Assert.True(answer.Status == 200 || (answer is { Status: 404 } && _kept == 0 && _seen is null), at);
        if (answer.Status == 200)
        {
            int value = int.Parse(answer.Text, CultureInfo.InvariantCulture);
            Assert.True(value <= _attempted && !_overwritten.Contains(value), $"{at}: it was overwritten");
            if (value != _kept)
            {
                Overwritten(_kept);
            }

            if (value != _seen)
            {
                Overwritten(_seen);
            }

            _seen = value;
        }
    }

    private void Overwritten(int? value)
    {
        if (value is { } known)
        {
            _overwritten.Add(known);
        }
    }
}
