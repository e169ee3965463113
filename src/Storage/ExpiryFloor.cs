namespace Diststore.Storage;

/// <summary>
/// Below which moment no row of the expiry index lies. A sweep leaves deleted rows behind, which the engine passes one by
/// one until it has compacted them; so the next sweep begins where this one ended. The writer lowers it before its rows become
/// visible and says when they are; one reader at a time raises it after it has looked. A row that is on its way while a
/// reader looks is not in what that reader sees, so it counts all the same.
/// </summary>
internal sealed class ExpiryFloor
{
    private readonly Lock _gate = new();
    private long _ticks = long.MinValue; // under _gate
    private long _onItsWay = long.MaxValue; // under _gate: the earliest row that is being written
    private long _lowestSince = long.MaxValue; // under _gate: of the rows on their way when the reader began, and since

    /// <summary>Rows that expire at this moment (UTC ticks) or later are about to be written. The writer's.</summary>
    public void Lower(long ticks)
    {
        lock (_gate)
        {
            _onItsWay = ticks;
            _ticks = Math.Min(_ticks, ticks);
            _lowestSince = Math.Min(_lowestSince, ticks);
        }
    }

    /// <summary>They are visible, or will never be. The writer's.</summary>
    public void Written()
    {
        lock (_gate)
        {
            _onItsWay = long.MaxValue;
        }
    }

    /// <summary>Where to begin to read. To be called before the snapshot is taken.</summary>
    public long Begin()
    {
        lock (_gate)
        {
            _lowestSince = _onItsWay;
            return _ticks;
        }
    }

    /// <summary>The first row that was found, or <see cref="long.MaxValue"/> where there was none.</summary>
    public void Raise(long first)
    {
        lock (_gate)
        {
            _ticks = Math.Min(first, _lowestSince);
        }
    }
}
