namespace Diststore.Http;

/// <summary>
/// Room in the <see cref="ByteBudget"/> that one request or stream holds; disposing gives all of it back. One holder, which calls one
/// method at a time.
/// </summary>
internal sealed class ByteReservation(ByteBudget budget, ByteUse use, long opened) : IDisposable
{
    private CancellationTokenSource? _ended;
    private bool _isDisposed;
    private long _moved; // bytes; the holder adds, the budget's look reads
    private long _windowStart = opened; // the budget's lock
    private long _windowMoved; // the budget's lock

    /// <summary>What the room is for; the budget's lock.</summary>
    internal ByteUse Use { get; set; } = use;

    /// <summary>Bytes that are held; the budget's lock.</summary>
    internal long Held { get; set; }

    /// <summary>Whether it was ended for being slow.</summary>
    public bool HasEnded => _ended?.IsCancellationRequested == true;

    /// <summary>Takes room for so many more bytes; false, and nothing taken, where there is none.</summary>
    public bool TryTake(long bytes) => budget.TryTake(this, bytes);

    /// <summary>
    /// Waits until there is room for so many bytes and takes it, first come first served; requests, which do not wait, may overtake. False
    /// at once where it is more than answers, or bodies, ever have beside others.
    /// </summary>
    /// <exception cref="InvalidOperationException">The reservation holds something: nobody waits for room while holding some.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public ValueTask<bool> TakeAsync(long bytes, CancellationToken cancellation) => budget.TakeAsync(this, bytes, cancellation);

    /// <summary>Gives some of what is held back.</summary>
    public void GiveBack(long bytes) => budget.GiveBack(this, bytes, ends: false);

    /// <summary>
    /// From now on until <see cref="StopPacing"/> the client may be ended for being slow: then the token is cancelled. What
    /// came from it or went to it is told with <see cref="Progress"/>.
    /// </summary>
    public CancellationToken Pace()
    {
        if (_ended is null)
        {
            // Never disposed of: the budget may cancel it when its holder is through already, and there is no timer in it.
            _ended = new CancellationTokenSource();
            budget.Pace(this, isPaced: true);
        }

        return _ended.Token;
    }

    /// <summary>Tells that so many bytes came, or went.</summary>
    public void Progress(long bytes) => Volatile.Write(ref _moved, _moved + bytes);

    /// <summary>The client has done its part.</summary>
    public void StopPacing()
    {
        if (_ended is not null)
        {
            budget.Pace(this, isPaced: false);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            budget.GiveBack(this, 0, ends: true);
        }
    }

    /// <summary>From now on the client is looked at. Under the budget's lock.</summary>
    internal void BeginWindow(long now) => (_windowStart, _windowMoved) = (now, Volatile.Read(ref _moved));

    /// <summary>Whether the client was too slow since it was last asked and found not to be. Under the budget's lock.</summary>
    internal bool IsSlow(TimeProvider time, long now)
    {
        TimeSpan window = time.GetElapsedTime(_windowStart, now);
        if (window < ByteBudget.Grace)
        {
            return false;
        }

        long moved = Volatile.Read(ref _moved);
        bool isSlow = moved - _windowMoved < window.TotalSeconds * ByteBudget.LeastBytesPerSecond;
        (_windowStart, _windowMoved) = isSlow ? (_windowStart, _windowMoved) : (now, moved);
        return isSlow;
    }

    /// <summary>Ends it; not under the budget's lock, for whoever waits on the token may go on at once.</summary>
    internal void End() => _ended!.Cancel();
}
