using System.Diagnostics;

namespace Diststore.Http;

/// <summary>What bytes in flight are held for.</summary>
internal enum ByteUse
{
    /// <summary>A request's body, or a part of it, of up to <see cref="ByteBudget.SmallBodyBytes"/>.</summary>
    SmallBody = 0,

    /// <summary>A longer body.</summary>
    LargeBody = 1,

    /// <summary>What waits for a client to read it, and pages that are being made.</summary>
    Answer = 2,
}

/// <summary>
/// The bytes that this process holds for its clients at any time (<c>Limits:MaxBytesInFlight</c>). Whoever gathers bytes for a
/// client, or keeps them until it has read them, takes room first: <see cref="Open"/> gives a reservation that holds nothing, and
/// its <see cref="ByteReservation.TryTake"/> takes room, in steps of <see cref="StepBytes"/> where the size is not known.
/// <list type="bullet">
/// <item>Bodies have at most three quarters of it, large ones at most half, and so do answers; large bodies and answers together have at
/// most three quarters. So a quarter is kept for small bodies, and one for answers.</item>
/// <item>Where nothing at all is taken, anything fits: a value that is larger than its share gets through alone.</item>
/// <item>Nobody waits for room while holding some. A request that gets none answers <see cref="Fault.Busy"/> and disposes of its
/// reservation. A stream that holds nothing may wait, with <see cref="ByteReservation.TakeAsync"/>: for the room of its next page,
/// before it asks for the page; it gives back what the page did not need with <see cref="ByteReservation.GiveBack"/>, and all once
/// the page is sent.</item>
/// <item>While it is tight (more than half is taken, or somebody was refused within the last <see cref="RefusalCounts"/>), who is slower
/// than <see cref="LeastBytesPerSecond"/> after <see cref="Grace"/> is ended: see <see cref="ByteReservation.Pace"/>.</item>
/// </list>
/// Any thread. Health, metrics, cluster and admin routes reserve nothing, and are answered however little room there is.
/// </summary>
internal sealed class ByteBudget : IDisposable
{
    /// <summary>What is reserved at once of something of unknown size, in bytes.</summary>
    public const int StepBytes = 64 * 1024;

    /// <summary>The longest body that is a small one, in bytes.</summary>
    public const int SmallBodyBytes = 64 * 1024;

    /// <summary>Bytes per second; who is slower may be ended.</summary>
    public const int LeastBytesPerSecond = 16 * 1024;

    // Streams that wait for room: as many as there may be. Who comes beyond them is refused.
    private const int MaxWaiting = DiststoreHttpOptions.MostStreams;

    /// <summary>How long nobody is called slow.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    /// <summary>For how long the budget is tight after somebody was refused.</summary>
    public static readonly TimeSpan RefusalCounts = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly long[] _taken = new long[3]; // bytes, by ByteUse; under the lock
    private readonly HashSet<ByteReservation> _paced = []; // under the lock
    private readonly LinkedList<Waiting> _waiting = new(); // under the lock; the first to come is the first to get
    private readonly TimeProvider _time;
    private readonly ITimer _look;
    private long? _refused; // when somebody was refused last; under the lock
    private bool _looks; // whether there is a next look; under the lock: a process that nobody asks is not woken for nothing

    public ByteBudget(long maxBytes, TimeProvider time)
    {
        MaxBytes = maxBytes;
        _time = time;
        _look = time.CreateTimer(static budget => ((ByteBudget)budget!).EndSlow(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The most that may be taken, in bytes.</summary>
    public long MaxBytes { get; }

    /// <summary>What is taken now, in bytes.</summary>
    public long Taken
    {
        get
        {
            lock (_lock)
            {
                return Total;
            }
        }
    }

    private long Total => _taken[0] + _taken[1] + _taken[2];

    /// <summary>A reservation that holds nothing yet.</summary>
    public ByteReservation Open(ByteUse use) => new(this, use, _time.GetTimestamp());

    /// <summary>A reservation for a request's body, of this length where that is known.</summary>
    public ByteReservation OpenForBody(long? length) => Open(length > SmallBodyBytes ? ByteUse.LargeBody : ByteUse.SmallBody);

    /// <inheritdoc/>
    public void Dispose() => _look.Dispose();

    /// <summary>For <see cref="ByteReservation.TryTake"/>.</summary>
    internal bool TryTake(ByteReservation reservation, long bytes)
    {
        lock (_lock)
        {
            bool taken = TryTakeLocked(reservation, bytes);
            _refused = taken ? _refused : _time.GetTimestamp();
            return taken;
        }
    }

    /// <summary>For <see cref="ByteReservation.TakeAsync"/>.</summary>
    internal ValueTask<bool> TakeAsync(ByteReservation reservation, long bytes, CancellationToken cancellation)
    {
        Waiting waiting;
        lock (_lock)
        {
            if (reservation.Held > 0)
            {
                throw new InvalidOperationException("Who holds room does not wait for more.");
            }

            if (TryTakeLocked(reservation, bytes))
            {
                return ValueTask.FromResult(true);
            }

            _refused = _time.GetTimestamp();
            if (!CouldEverFit(reservation.Use, bytes) || _waiting.Count == MaxWaiting)
            {
                return ValueTask.FromResult(false);
            }

            waiting = new Waiting(reservation, bytes);
            _waiting.AddLast(waiting);
        }

        return AwaitAsync(waiting, cancellation);
    }

    /// <summary>For <see cref="ByteReservation.GiveBack"/>; with <paramref name="ends"/> all that it holds, for good.</summary>
    internal void GiveBack(ByteReservation reservation, long bytes, bool ends)
    {
        List<Waiting>? served = null;
        lock (_lock)
        {
            bytes = ends ? reservation.Held : bytes;
            Debug.Assert(bytes <= reservation.Held, "More is given back than is held.");
            reservation.Held -= bytes;
            _taken[(int)reservation.Use] -= bytes;
            if (ends)
            {
                _paced.Remove(reservation);
            }

            while (_waiting.First is { Value: var first } && TryTakeLocked(first.Reservation, first.Bytes))
            {
                _waiting.RemoveFirst();
                (served ??= []).Add(first);
            }
        }

        served?.ForEach(static waiting => waiting.Served.SetResult());
    }

    /// <summary>For <see cref="ByteReservation.Pace"/> and what ends it.</summary>
    internal void Pace(ByteReservation reservation, bool isPaced)
    {
        lock (_lock)
        {
            // Before this it was not the client that took its time.
            reservation.BeginWindow(_time.GetTimestamp());
            _ = isPaced ? _paced.Add(reservation) : _paced.Remove(reservation);
            LookWhilePaced(isPaced && !_looks);
        }
    }

    private async ValueTask<bool> AwaitAsync(Waiting waiting, CancellationToken cancellation)
    {
        try
        {
            await waiting.Served.Task.WaitAsync(cancellation);
            return true;
        }
        catch (OperationCanceledException)
        {
            lock (_lock)
            {
                _waiting.Remove(waiting);
            }

            // If room was given just now it is held, and goes when the reservation is disposed of.
            throw;
        }
    }

    private bool TryTakeLocked(ByteReservation reservation, long bytes)
    {
        // A body of unknown length is small until it is not.
        ByteUse use = reservation.Use == ByteUse.SmallBody && reservation.Held + bytes > SmallBodyBytes ? ByteUse.LargeBody : reservation.Use;
        bool isAlone = Total == 0;
        _taken[(int)reservation.Use] -= reservation.Held;
        bool fits = Fits(use, reservation.Held + bytes, isAlone);
        if (fits)
        {
            reservation.Use = use;
            reservation.Held += bytes;
        }

        _taken[(int)reservation.Use] += reservation.Held;
        return fits;
    }

    private bool Fits(ByteUse use, long bytes, bool isAlone)
    {
        if (isAlone)
        {
            return true;
        }

        long most = MaxBytes - (MaxBytes / 4);
        (long small, long large, long answers) = (_taken[(int)ByteUse.SmallBody], _taken[(int)ByteUse.LargeBody], _taken[(int)ByteUse.Answer]);
        bool isShort = small + large + answers + bytes > MaxBytes
            || (use != ByteUse.Answer && small + large + bytes > most)
            || (use != ByteUse.SmallBody && large + answers + bytes > most);
        return !isShort && (use == ByteUse.SmallBody || _taken[(int)use] + bytes <= MaxBytes / 2);
    }

    private bool CouldEverFit(ByteUse use, long bytes) => bytes <= (use == ByteUse.SmallBody ? MaxBytes - (MaxBytes / 4) : MaxBytes / 2);

    private void LookWhilePaced(bool begins)
    {
        if (begins)
        {
            _looks = true;
            _look.Change(LookEvery, Timeout.InfiniteTimeSpan);
        }
    }

    private void EndSlow()
    {
        List<ByteReservation>? slow = null;
        lock (_lock)
        {
            if (Total > MaxBytes / 2 || (_refused is { } at && _time.GetElapsedTime(at) < RefusalCounts))
            {
                long now = _time.GetTimestamp();
                slow = [.. _paced.Where(reservation => reservation.IsSlow(_time, now))];
                slow.ForEach(reservation => _paced.Remove(reservation));
            }

            _looks = false;
            LookWhilePaced(_paced.Count > 0);
        }

        slow?.ForEach(static reservation => reservation.End());
    }

    private sealed record Waiting(ByteReservation Reservation, long Bytes)
    {
        public TaskCompletionSource Served { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
