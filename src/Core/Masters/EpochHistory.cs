using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>Where an epoch's first write stands.</summary>
[GenerateSerializer, Immutable, Alias("diststore.epochstart")]
public readonly record struct EpochStart([property: Id(0)] long Epoch, [property: Id(1)] long FirstSequence);

/// <summary>
/// Which sequence each epoch began at, ascending. An epoch in which nothing was written has no row. A sequence was
/// ordered in exactly one epoch of a history, so a log point either lies in it or belongs to a log that was dropped.
/// Only the latest <see cref="MaxEpochs"/> are known: who asks from before them is told that it is gone, and starts over.
/// </summary>
[GenerateSerializer, Immutable, Alias("diststore.epochs")]
public sealed record EpochHistory([property: Id(0)] ImmutableArray<EpochStart> Starts)
{
    /// <summary>Epochs remembered, each a change of the masters with writes after it; the history goes with each page of a sync.</summary>
    public const int MaxEpochs = 1024;

    /// <summary>No writes yet.</summary>
    public static EpochHistory Empty { get; } = new(ImmutableArray<EpochStart>.Empty);

    /// <summary>This history with a batch more at its end.</summary>
    public EpochHistory With(long epoch, long firstSequence) =>
        Starts.Length > 0 && Starts[^1].Epoch == epoch ? this
        : new(Starts.RemoveRange(0, Math.Max(0, Starts.Length + 1 - MaxEpochs)).Add(new EpochStart(epoch, firstSequence)));

    /// <summary>Whether <paramref name="point"/> lies in this history, which ends at <paramref name="last"/>.</summary>
    public bool Contains(LogPoint point, LogPoint last)
    {
        if (point == LogPoint.Zero)
        {
            return true;
        }

        return point.Sequence <= last.Sequence && PointAt(point.Sequence) == point;
    }

    /// <summary>The point of a sequence that lies in this history; <see langword="null"/> where its epoch is not known any more.</summary>
    public LogPoint? PointAt(long sequence)
    {
        for (int i = Starts.Length - 1; i >= 0; i--)
        {
            if (Starts[i].FirstSequence <= sequence)
            {
                return new LogPoint(Starts[i].Epoch, sequence);
            }
        }

        return null;
    }
}
