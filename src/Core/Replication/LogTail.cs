namespace Diststore.Core;

/// <summary>
/// The newest batches of the primary's log, kept in memory to send them (again) to the other master. All batches that
/// are not committed are in it; of the committed ones as many as fit the bound.
/// </summary>
internal sealed class LogTail
{
    /// <summary>Committed batches are let go beyond this many bytes.</summary>
    public const long MaxBytes = 32L << 20;

    private readonly LinkedList<Batch> _batches = new();
    private long _bytes;

    public LogTail(LogPoint start) => Start = start;

    /// <summary>The point before the oldest batch that is held.</summary>
    public LogPoint Start { get; private set; }

    public void Add(Batch batch)
    {
        _batches.AddLast(batch);
        _bytes += Size(batch);
    }

    /// <summary>Lets the oldest committed batches go while the rest is over the bound.</summary>
    public void Trim(long committedSequence)
    {
        while (_bytes > MaxBytes && _batches.First is { } first && first.Value.Last.Sequence <= committedSequence)
        {
            _bytes -= Size(first.Value);
            Start = first.Value.Last;
            _batches.RemoveFirst();
        }
    }

    /// <summary>The first batch that ends after <paramref name="sequence"/>, or null at the end of the log.</summary>
    public Batch? After(long sequence)
    {
        // Callers ask near the end, so look from there.
        LinkedListNode<Batch>? found = null;
        for (LinkedListNode<Batch>? node = _batches.Last; node is not null && node.Value.Last.Sequence > sequence; node = node.Previous)
        {
            found = node;
        }

        return found?.Value;
    }

    /// <summary>Whether everything after <paramref name="sequence"/> is held.</summary>
    public bool Covers(long sequence) => sequence >= Start.Sequence;

    /// <summary>The end of the last batch that ends at or before <paramref name="sequence"/>.</summary>
    public LogPoint EndAtOrBefore(long sequence)
    {
        for (LinkedListNode<Batch>? node = _batches.Last; node is not null; node = node.Previous)
        {
            if (node.Value.Last.Sequence <= sequence)
            {
                return node.Value.Last;
            }
        }

        return Start;
    }

    private static long Size(Batch batch)
    {
        long bytes = 0;
        foreach (Entry entry in batch.Entries)
        {
            bytes += entry.SizeBytes;
        }

        return bytes;
    }
}
