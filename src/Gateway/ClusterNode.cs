using System.Diagnostics.CodeAnalysis;
using Diststore.Contracts;

namespace Diststore.Gateway;

/// <summary>
/// One life of a node, as the gateway calls it. A call to a silo that has died, or that went by way of one, is answered by nobody; so
/// whoever calls watches <see cref="Ended"/> too. Thread-safe.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "A source without a timer and without a wait handle has nothing to dispose of.")]
internal sealed class ClusterNode(string name, string life, INodeGrain grain)
{
    /// <summary>
    /// How many lost connections the calls under way are told apart by; those from before that end at their timeout.
    /// </summary>
    public const int MaxEras = 8;

    private readonly Lock _lock = new();
    private readonly Queue<CancellationTokenSource> _earlier = new(); // under _lock
    private CancellationTokenSource _now = new(); // set under _lock

    // Ticks of the TimeProvider that LiveNodes has; torn reads cannot happen on 64-bit platforms and would do no harm.
    private long _asideUntil;
    private volatile bool _isLeaving;

    public string Name { get; } = name;

    /// <summary>Which life of the node it is.</summary>
    public string Life { get; } = life;

    public INodeGrain Grain { get; } = grain;

    /// <summary>Whether it stops in an orderly way: it takes nothing new, and answers what it took.</summary>
    public bool IsLeaving
    {
        get => _isLeaving;
        set => _isLeaving = value;
    }

    /// <summary>Until when it is passed over.</summary>
    public long AsideUntil => Volatile.Read(ref _asideUntil);

    /// <summary>For a call that begins now: cancelled when no answer can come any more.</summary>
    public CancellationToken Ended => Volatile.Read(ref _now).Token;

    /// <summary>Passes the node over until that moment, or a later one that was said before, unless there is no other.</summary>
    public void SetAsideUntil(long timestamp)
    {
        long before;
        do
        {
            before = AsideUntil;
        }
        while (timestamp > before && Interlocked.CompareExchange(ref _asideUntil, timestamp, before) != before);
    }

    /// <summary>Whether it is passed over at that moment.</summary>
    public bool IsAside(long timestamp) => timestamp < AsideUntil;

    /// <summary>A connection to some silo was lost; what was called before may have gone by way of it.</summary>
    public void OnConnectionLost()
    {
        lock (_lock)
        {
            if (_now.IsCancellationRequested)
            {
                return;
            }

            if (_earlier.Count == MaxEras)
            {
                _earlier.Dequeue();
            }

            _earlier.Enqueue(_now);
            Volatile.Write(ref _now, new CancellationTokenSource());
        }
    }

    /// <summary>Ends the calls from before the last lost connection: the silo at its other end is dead.</summary>
    public void EndEarlier()
    {
        lock (_lock)
        {
            while (_earlier.TryDequeue(out CancellationTokenSource? era))
            {
                // Those who wait go on elsewhere, not under this lock.
                _ = era.CancelAsync();
            }
        }
    }

    /// <summary>Ends all calls: this life of the node is over.</summary>
    public void End()
    {
        EndEarlier();
        lock (_lock)
        {
            _ = _now.CancelAsync();
        }
    }
}
