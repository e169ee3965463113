namespace Diststore.Core;

/// <content>How it ends: the role is lost, or the store takes no more writes.</content>
internal sealed partial class PrimaryRole
{
    private string? _broken;

    /// <summary>Whether its store has failed and it goes on as the last in-sync member, without writes.</summary>
    public bool IsBroken => _broken is not null;

    /// <summary>
    /// The role is lost: everybody hears so at once. What has no sequence was surely not done; what has one and is not
    /// acknowledged may yet stand.
    /// </summary>
    public void End()
    {
        _ended = true;
        IsReady = false;
        FailAll("the primary changed before the write was acknowledged", WriteStatus.NotPrimary);
        ReleaseWatchers();
        EndPeers();
        _work.Set();
    }

    /// <summary>
    /// The store takes no more writes. The last in-sync member has nobody to give its role to: it refuses writes and goes
    /// on showing what it has, since a failed write is never tried again; it takes no learner and asks the registry for nothing,
    /// since it could not persist the view that it would get. False when there is another in-sync member.
    /// </summary>
    public bool TryBreak(StoreFailedException reason)
    {
        if (_view.OtherInSync || _ended)
        {
            return false;
        }

        if (_broken is null)
        {
            _broken = "the store of the last master in sync has failed; it serves reads until it is restarted";
            _context.Log.StoreBroken(reason);
            if (!_admitting)
            {
                // Nobody may be promoted but this one. While the registry may have added the learner, what is read as from the primary
                // still needs that one's word.
                EndPeers();
            }
        }

        FailAll(_broken, WriteStatus.Overloaded);
        return true;
    }

    // Only where that fault is planted: whoever still waits takes any write at the same sequence for its own.
    private async Task AnswerLateAsync(JudgedWrites[] late)
    {
        foreach (JudgedWrites judged in late)
        {
            while (_context.Store.State.Applied.Sequence < judged.Sequence)
            {
                await _context.Delay(RegistryPause);
            }

            Answer(judged);
        }
    }

    private void FailAll(string reason, WriteStatus ofWhatWasNotDone)
    {
        foreach (PendingWrite write in _waiting.TakeAll())
        {
            write.Answer(ofWhatWasNotDone, _partition.Newest, reason);
        }

        if (PlantedBugs.Has(PlantedBug.WaitersSurviveRole))
        {
            _context.Watch(AnswerLateAsync([.. _judged]));
            return;
        }

        foreach (PendingWrite write in _judged.SelectMany(static judged => judged.Writes))
        {
            write.Answer(write.IsRefused ? ofWhatWasNotDone : WriteStatus.Unknown, _partition.Newest, reason);
        }

        _judged.Clear();
    }
}
