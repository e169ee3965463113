namespace Diststore.Core;

/// <summary>How the primary makes sure that it still is the primary. For the node's scheduler.</summary>
internal sealed class Confirmation
{
    // Rounds of one confirmation: each but the last was overtaken by a view in which this node is the primary again.
    private const int MaxRounds = 3;

    private readonly NodeContext _context;
    private readonly Partition _partition;
    private readonly PrimaryStanding _standing;
    private readonly OtherMaster _other;
    private readonly SharedRound<bool> _round;

    public Confirmation(NodeContext context, Partition partition, PrimaryStanding standing, OtherMaster other)
    {
        _context = context;
        _partition = partition;
        _standing = standing;
        _other = other;
        _round = new SharedRound<bool>(AskAsync);
    }

    /// <summary>
    /// Whether this primary, alone in the in-sync set, could have been followed without its knowing: its store dies with the process,
    /// so that others may be elected without it.
    /// </summary>
    public bool NeedsRegistry => _other.Needed is null && !_context.Self.Durable;

    /// <summary>
    /// Whether this node was still the primary at some moment after this call: everyone whose answer an acknowledgement
    /// needs says that the epoch stands. Many callers share one round.
    /// </summary>
    public async Task<bool> ConfirmAsync()
    {
        for (int i = 0; i < MaxRounds && !_standing.HasEnded; i++)
        {
            MasterView view = _standing.View;
            if (await _round.BeginAsync())
            {
                return true;
            }

            if (_partition.Views.IsNewest(view) || _partition.Views.Newest is not { } newer)
            {
                return false;
            }

            await _partition.Views.AdoptAsync(newer);
        }

        return false;
    }

    /// <summary>Whether this node was surely the primary so recently, and shows all that was acknowledged till then.</summary>
    public async ValueTask<bool> IsCurrentAsync(TimeSpan bound) =>
        _standing.IsReady && (_partition.Served.Age(_context.Time) <= bound || await ConfirmAsync());

    private async Task<bool> AskAsync()
    {
        MasterView view = _standing.View;
        AsOf sent = AsOf.Now(_context.Time);
        if (!_standing.IsActing || !_partition.Views.IsNewest(view))
        {
            return false;
        }

        bool stands = _other.Needed is { } peer ? await _other.ConfirmAsync(view, peer) : !NeedsRegistry || await _standing.IsStoredAsync();
        if (!stands || _standing.HasEnded || _standing.View != view)
        {
            return false;
        }

        // Before all that it took over is applied, what it shows is not all that was acknowledged.
        if (_standing.IsReady)
        {
            _partition.SetCurrentAsOf(_other.Needed is not null || NeedsRegistry ? sent : AsOf.Always);
        }

        return true;
    }
}
