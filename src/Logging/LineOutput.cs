using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Diststore.Logging;

/// <summary>
/// Standard output, or error, that nobody ever waits for: texts wait in a bounded queue for a thread of their own. What finds the queue
/// full, and what the stream does not take (its disk is full, its reader is gone), is dropped and counted; once something gets through
/// again, a line says how much was lost. Thread-safe.
/// </summary>
public sealed class LineOutput : IDisposable
{
    /// <summary>Texts that may wait.</summary>
    public const int MaxWaiting = 4096;

    /// <summary>Characters that may wait, all texts together.</summary>
    public const int MaxWaitingCharacters = 4 * 1024 * 1024;

    /// <summary>The meter that counts what was dropped.</summary>
    public const string MeterName = "Diststore.Logging";

    private static readonly TimeSpan LastWrites = TimeSpan.FromSeconds(1); // what still waits at the end may take so long

    private readonly StandardStream.Writer _writer;
    private readonly TimeProvider _time;
    private readonly Meter _meter = new(MeterName);
    private readonly Thread _thread;
    private readonly object _lock = new(); // a Monitor: its waiters are woken
    private readonly Queue<Waiting> _waiting = new(); // under _lock
    private int _waitingCharacters; // under _lock
    private long _unsaid; // under _lock; dropped, and no line has said so yet
    private bool _ends; // under _lock
    private long _dropped;
    private bool _isWithinLine; // the thread's; a text was written in part

    internal LineOutput(StandardStream.Writer writer, TimeProvider time)
    {
        _writer = writer;
        _time = time;
        _meter.CreateObservableCounter("diststore.log.dropped", () => Dropped, "{line}", "Lines that standard output did not take.");
        // In the background: a write that never ends does not keep the process.
        _thread = new Thread(Run) { IsBackground = true, Name = "Diststore log" };
        _thread.Start();
    }

    /// <summary>How many texts were dropped so far.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>The process's standard output.</summary>
    public static LineOutput ToStandardOutput() => new(StandardStream.To(StandardStream.Output), TimeProvider.System);

    /// <summary>Says why the process ends, on standard error; waits for that, but not for ever.</summary>
    public static void SayLast(string text)
    {
        using var error = new LineOutput(StandardStream.To(StandardStream.Error), TimeProvider.System);
        error.WriteLine(text);
    }

    /// <summary>Has a text written, and a line end after it. Never waits and never fails.</summary>
    public void WriteLine(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        lock (_lock)
        {
            if (_ends || _waiting.Count == MaxWaiting || _waitingCharacters + text.Length > MaxWaitingCharacters)
            {
                Drop(1);
                return;
            }

            _waiting.Enqueue(new Waiting(text, _unsaid));
            _waitingCharacters += text.Length;
            _unsaid = 0;
            Monitor.Pulse(_lock);
        }
    }

    /// <summary>Ends it: what waits is written, as far as that takes not too long.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _ends = true;
            Monitor.Pulse(_lock);
        }

        _thread.Join(LastWrites);
        _meter.Dispose();
    }

    private void Run()
    {
        bool getsThrough = true;
        while (Take(getsThrough) is { } next)
        {
            getsThrough = TryWrite(next);
            if (!getsThrough)
            {
                lock (_lock)
                {
                    _unsaid += next.DroppedBefore;
                    Drop(next.Text is null ? 0 : 1);
                }
            }
        }
    }

    // The next text, or else what has not been said yet, where saying it has a chance; null at the end.
    private Waiting? Take(bool getsThrough)
    {
        lock (_lock)
        {
            while (_waiting.Count == 0)
            {
                if (_unsaid > 0 && getsThrough)
                {
                    var lost = new Waiting(null, _unsaid);
                    _unsaid = 0;
                    return lost;
                }

                if (_ends)
                {
                    return null;
                }

                Monitor.Wait(_lock);
            }

            Waiting next = _waiting.Dequeue();
            _waitingCharacters -= next.Text!.Length;
            return next;
        }
    }

    private bool TryWrite(Waiting next)
    {
        var text = new StringBuilder(_isWithinLine ? "\n" : "");
        if (next.DroppedBefore > 0)
        {
            string lost = next.DroppedBefore.ToString(CultureInfo.InvariantCulture);
            text.Append(LineFormat.Stamp(_time)).Append($" warn: {MeterName}[0] {lost} lines of the log were dropped: nobody took them\n");
        }

        if (next.Text is not null)
        {
            text.Append(next.Text).Append('\n');
        }

        byte[] bytes = Encoding.UTF8.GetBytes(text.ToString());
        int written = 0;
        try
        {
            while (written < bytes.Length)
            {
                written += _writer(bytes.AsSpan(written));
            }

            _isWithinLine = false;
            return true;
        }
        catch (IOException)
        {
            // Counted by the caller; there is nobody whom it could be told now.
            _isWithinLine |= written > 0;
            return false;
        }
    }

    private void Drop(int lines)
    {
        Volatile.Write(ref _dropped, _dropped + lines);
        _unsaid += lines;
    }

    /// <param name="Text">What is to be written, or <see langword="null"/> where there is only something lost to tell of.</param>
    /// <param name="DroppedBefore">How many texts were dropped between the one before it and this one.</param>
    private sealed record Waiting(string? Text, long DroppedBefore);
}
