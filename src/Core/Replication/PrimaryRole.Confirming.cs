namespace Diststore.Core;

/// <content>How it makes sure that it still is the primary.</content>
internal sealed partial class PrimaryRole
{
    // Rounds of one confirmation: each but the last was overtaken by a view in which this node is the primary again.
    private const int MaxConfirmations = 3;

    private readonly SharedRound<bool> _confirmation;

    /// <summary>A sole member with a store that dies with the process: others could be elected without it.</summary>
    private bool NeedsNobodyButIsVolatile => !Needed.Any() && !_context.Self.Durable;

    /// <summary>
    /// Whether this node was still the primary at some moment after this call: everyone whose answer an acknowledgement
    /// needs says that the epoch stands. Many callers share one round.
    /// </summary>
    public async Task<bool> ConfirmAsync()
    {
        for (int i = 0; i < MaxConfirmations && !_ended; i++)
        {
            MasterView view = _view;
            if (await _confirmation.BeginAsync())
            {
                return true;
            }

            if (_partition.Newest == view || _partition.Newest is not { } newer)
            {
                return false;
            }

            await _partition.AdoptAsync(newer);
        }

        return false;
    }

    /// <summary>Whether this node was surely the primary so recently, and shows all that was acknowledged till then.</summary>
    public async ValueTask<bool> IsCurrentAsync(TimeSpan bound) =>
        !_ended && IsReady && (_partition.Served.Age(_context.Time) <= bound || await ConfirmAsync());

    private async Task<bool> ConfirmOnceAsync()
    {
        MasterView view = _view;
        long sent = _context.Time.GetTimestamp();
        if (_ended || _partition.Newest != view || _partition.Acting != view)
        {
            return false;
        }

        MasterId[] needed = [.. Needed.Where(peer => peer != _joining || !PlantedBugs.Has(PlantedBug.ConfirmWithoutJoining))];
        bool stands = needed.Length > 0
            ? (await Task.WhenAll(needed.Select(peer => ConfirmWithAsync(view, peer)))).All(static granted => granted)
            : !NeedsNobodyButIsVolatile || await IsStoredAsync(view);
        if (!stands || _ended || _view != view)
        {
            return false;
        }

        // Before all that it took over is applied, what it shows is not all that was acknowledged.
        if (IsReady)
        {
            _partition.SetCurrentAsOf(Needed.Any() || NeedsNobodyButIsVolatile ? sent : ServedState.Always);
        }

        return true;
    }

    private async Task<bool> ConfirmWithAsync(MasterView view, MasterId peer)
    {
        PeerLink? link = _link;
        var request = new ConfirmRequest(view, peer);
        MasterReply? reply = await _context.AskAsync(peer.Name, p => p.ConfirmAsync(request), _context.Settings.ReplyTimeout);
        if (reply is { Granted: true })
        {
            return true;
        }

        if (reply?.View is { } theirs && theirs.Epoch > view.Epoch)
        {
            _partition.Learn(theirs);
        }
        else if (link is not null)
        {
            OnLost(link, "it did not confirm the epoch");
        }

        return false;
    }

    private async Task<bool> IsStoredAsync(MasterView view)
    {
        MasterView? stored = await _context.AskRegistryAsync(static r => r.ReadAsync());
        if (stored is not null)
        {
            _partition.Learn(stored);
        }

        return stored?.Epoch == view.Epoch;
    }
}
