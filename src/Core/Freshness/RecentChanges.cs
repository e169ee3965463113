using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>
/// The latest changes of what this node shows, in the order of their sequences, for those who follow it: what they ask for, some times
/// within the bound, lies in here and costs no disk. For the node's scheduler.
/// </summary>
internal sealed class RecentChanges
{
    /// <summary>Changes kept. Who asks for older ones has to ask the change index, or to jump.</summary>
    public const int MaxChanges = 1 << 15;

    private ChangedKey[] _ring = []; // made when there is something to keep
    private long _added; // so many ever; the next one's place
    private long _oldest; // the place of the oldest that is kept
    private long _start; // all changes after this sequence are here

    /// <summary>The history that they are of.</summary>
    public Guid History { get; private set; }

    /// <summary>Up to where they reach.</summary>
    public LogPoint End { get; private set; }

    /// <summary>Begins anew: from that point on.</summary>
    public void Begin(Guid history, LogPoint point)
    {
        (History, End, _start, _oldest) = (history, point, point.Sequence, _added);
    }

    /// <summary>
    /// Adds the next batch of the log. One that is here already changes nothing; one that does not go on where they end begins anew after itself,
    /// since what lies between was not seen.
    /// </summary>
    public void Add(Batch batch)
    {
        if (batch.Last.Sequence <= End.Sequence)
        {
            return;
        }

        if (batch.Before.Sequence != End.Sequence)
        {
            Begin(History, batch.Last);
            return;
        }

        foreach (ChangedKey change in batch.Changes)
        {
            Add(change);
        }

        End = batch.Last;
    }

    /// <summary>Goes on with what an upstream has told, up to that point.</summary>
    public void Add(ImmutableArray<ChangedKey> changes, LogPoint upto)
    {
        foreach (ChangedKey change in changes)
        {
            Add(change);
        }

        End = upto;
    }

    /// <summary>Whether all changes after that sequence are here.</summary>
    public bool Reach(long since) => since >= _start;

    /// <summary>The changes after that sequence, at most so many.</summary>
    public ImmutableArray<ChangedKey> After(long since, int limit)
    {
        long first = FirstAfter(since);
        int count = (int)Math.Min(_added - first, limit);
        ImmutableArray<ChangedKey>.Builder changes = ImmutableArray.CreateBuilder<ChangedKey>(count);
        for (long place = first; changes.Count < count; place++)
        {
            changes.Add(At(place));
        }

        return changes.MoveToImmutable();
    }

    private void Add(ChangedKey change)
    {
        if (_ring.Length == 0)
        {
            _ring = new ChangedKey[MaxChanges];
        }

        if (_added - _oldest == MaxChanges)
        {
            _start = At(_oldest++).Version.Sequence;
        }

        _ring[_added++ % MaxChanges] = change;
    }

    private ChangedKey At(long place) => _ring[place % MaxChanges];

    private long FirstAfter(long since)
    {
        (long low, long high) = (_oldest, _added);
        while (low < high)
        {
            long middle = low + ((high - low) / 2);
            (low, high) = At(middle).Version.Sequence > since ? (low, middle) : (middle + 1, high);
        }

        return low;
    }
}
