using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>
/// The latest changes that the primary applied, in the order of their sequences, for the nodes that follow: what they ask
/// for, three times within the bound, lies in here and costs no disk. For the node's scheduler.
/// </summary>
internal sealed class RecentChanges(LogPoint start)
{
    /// <summary>Changes kept; a power of two. Who asks for older ones is answered from the change index.</summary>
    public const int MaxChanges = 1 << 15;

    private readonly ChangedKey[] _ring = new ChangedKey[MaxChanges]; // at its sequence, modulo the size
    private long _first = start.Sequence + 1;

    /// <summary>The last change, or where it began.</summary>
    public LogPoint End { get; private set; } = start;

    /// <summary>Adds the next batch of the log.</summary>
    public void Add(Batch batch)
    {
        foreach (Entry entry in batch.Entries)
        {
            _ring[entry.Version.Sequence % MaxChanges] = new ChangedKey(entry.Key, entry.Version);
        }

        End = batch.Last;
        _first = Math.Max(_first, End.Sequence - MaxChanges + 1);
    }

    /// <summary>Whether all changes after that sequence are here.</summary>
    public bool Reach(long since) => since >= _first - 1;

    /// <summary>The changes after that sequence, at most so many.</summary>
    public ImmutableArray<ChangedKey> After(long since, int limit)
    {
        int count = (int)Math.Clamp(End.Sequence - since, 0, limit);
        ImmutableArray<ChangedKey>.Builder changes = ImmutableArray.CreateBuilder<ChangedKey>(count);
        for (long sequence = since + 1; changes.Count < count; sequence++)
        {
            changes.Add(_ring[sequence % MaxChanges]);
        }

        return changes.MoveToImmutable();
    }
}
