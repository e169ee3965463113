namespace Diststore.Client;

/// <summary>The last of the writes that were made in a session, by any thread of it.</summary>
internal sealed class Session(long sequence)
{
    private long _sequence = sequence;

    public long Sequence => Interlocked.Read(ref _sequence);

    /// <summary>Takes note of an acknowledged write.</summary>
    public void Wrote(long? sequence)
    {
        long seen = Sequence;
        while (sequence > seen)
        {
            long before = Interlocked.CompareExchange(ref _sequence, sequence.Value, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }
}
