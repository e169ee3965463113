namespace Diststore.Client;

/// <summary>How fresh what is read has to be.</summary>
public enum Consistency
{
    /// <summary>Not older than the cluster's bound, a second unless it is set otherwise. The fastest.</summary>
    Bounded = 0,

    /// <summary>Has every write that was acknowledged before the read began (linearizable).</summary>
    Strong = 1,
}

/// <summary>What a call may say of itself.</summary>
public abstract record CallOptions
{
    private protected CallOptions()
    {
    }

    /// <summary>How long this call may take, repetitions included; null: <see cref="DiststoreClientOptions.Timeout"/>.</summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>What a read asks for.</summary>
public sealed record ReadOptions : CallOptions
{
    /// <summary>A read that shows every write that was acknowledged before it began.</summary>
    public static ReadOptions Strong { get; } = new() { Consistency = Consistency.Strong };

    /// <summary>How fresh what is read has to be.</summary>
    public Consistency Consistency { get; init; }

    /// <summary>At most so old, where that is less than the cluster's bound; whole seconds, rounded down.</summary>
    public TimeSpan? MaxAge { get; init; }

    /// <summary>So much older than the bound will do, for when no master answers; whole seconds. <see cref="TimeSpan.MaxValue"/>: of any age.</summary>
    public TimeSpan? MaxStale { get; init; }

    /// <summary>
    /// Only what the asked node has and may show; nobody else is asked. Where it has nothing the read throws a
    /// <see cref="DiststoreRequestException"/> of <see cref="DiststoreProblem.NotHere"/>, for whether the key exists is not known then.
    /// </summary>
    public bool OnlyIfCached { get; init; }

    /// <summary>A value that the node has to fetch is not kept there as a copy.</summary>
    public bool NoStore { get; init; }

    /// <summary>A state that has the write of this sequence, which <see cref="WriteResult.Sequence"/> tells. A session asks for its own by itself.</summary>
    public long? MinSequence { get; init; }
}
