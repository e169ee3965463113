namespace Diststore.Core;

/// <summary>
/// Writes that wait to be ordered, in two lines: short ones and long ones. A batch is short ones with whatever long one still fits, or
/// a single long one, in turns where both wait: so a short write waits for one long one at most, however many are in line.
/// For the node's scheduler.
/// </summary>
internal sealed class WaitingWrites
{
    /// <summary>Writes that may wait.</summary>
    public const int MaxWrites = 8192;

    /// <summary>Bytes of writes that may wait.</summary>
    public const long MaxBytes = 64L << 20;

    /// <summary>Bytes of long writes that may wait; the rest is kept for short ones.</summary>
    public const long MaxLongBytes = MaxBytes / 4 * 3;

    /// <summary>A batch ends before the write that would take it over this many bytes, unless that is its first.</summary>
    public const int MaxBatchBytes = 1 << 20;

    /// <summary>A batch ends before the write that would have more keys than this looked at, unless that is its first.</summary>
    public const int MaxBatchKeys = 1024;

    private readonly Queue<PendingWrite> _putBack = new(); // first in line; counted nowhere, for they were taken
    private readonly Queue<PendingWrite> _short = new();
    private readonly Queue<PendingWrite> _long = new();
    private long _shortBytes;
    private long _longBytes;
    private bool _longIsNext;

    /// <summary>Whether none waits.</summary>
    public bool IsEmpty => _putBack.Count + _short.Count + _long.Count == 0;

    /// <summary>Puts a write in line; false where too many wait, or too much.</summary>
    public bool TryAdd(PendingWrite write)
    {
        bool isLong = write.SizeBytes > Write.LongBytes;
        if (_short.Count + _long.Count >= MaxWrites
            || _shortBytes + _longBytes + write.SizeBytes > MaxBytes
            || (isLong && _longBytes + write.SizeBytes > MaxLongBytes))
        {
            return false;
        }

        (isLong ? _long : _short).Enqueue(write);
        (isLong ? ref _longBytes : ref _shortBytes) += write.SizeBytes;
        return true;
    }

    /// <summary>Puts those before all others that were taken and that there was no room for in the batch: they are the next one.</summary>
    public void PutBack(IEnumerable<PendingWrite> writes)
    {
        foreach (PendingWrite write in writes)
        {
            _putBack.Enqueue(write);
        }
    }

    /// <summary>What is to be judged and ordered next, as one batch.</summary>
    public List<PendingWrite> TakeBatch()
    {
        List<PendingWrite> batch = [.. _putBack];
        if (batch.Count > 0)
        {
            _putBack.Clear();
            return batch;
        }

        var taken = new Taken();
        if (_longIsNext || _short.Count == 0)
        {
            Take(_long, ref _longBytes, batch, ref taken);
        }

        int longOnes = batch.Count;
        while (Take(_short, ref _shortBytes, batch, ref taken))
        {
        }

        while (Take(_long, ref _longBytes, batch, ref taken))
        {
            longOnes++;
        }

        _longIsNext = longOnes == 0 && _long.Count > 0;
        return batch;
    }

    /// <summary>Lets go of all that wait.</summary>
    public IReadOnlyList<PendingWrite> TakeAll()
    {
        PendingWrite[] all = [.. _putBack, .. _short, .. _long];
        _putBack.Clear();
        _short.Clear();
        _long.Clear();
        _shortBytes = _longBytes = 0;
        return all;
    }

    private static bool Take(Queue<PendingWrite> line, ref long lineBytes, List<PendingWrite> batch, ref Taken taken)
    {
        if (!line.TryPeek(out PendingWrite? next)
            || (batch.Count > 0 && (taken.Bytes + next.SizeBytes > MaxBatchBytes || taken.Keys + next.KeyCount > MaxBatchKeys)))
        {
            return false;
        }

        line.Dequeue();
        lineBytes -= next.SizeBytes;
        taken = new Taken(taken.Bytes + next.SizeBytes, taken.Keys + next.KeyCount);
        batch.Add(next);
        return true;
    }

    // What a batch that is being taken comes to.
    private readonly record struct Taken(long Bytes, int Keys);
}
