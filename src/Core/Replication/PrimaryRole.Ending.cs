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
    /// on showing what it has, since a failed write is never tried again. False when there is another in-sync member.
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
        }

        FailAll(_broken, WriteStatus.Overloaded);
        return true;
    }

    private void FailAll(string reason, WriteStatus ofWhatWasNotDone)
    {
        while (_waiting.TryDequeue(out PendingWrite? write))
        {
            write.Answer(ofWhatWasNotDone, _partition.Newest, reason);
        }

        _waitingBytes = 0;
        if (PlantedBugs.Has(PlantedBug.WaitersSurviveRole))
        {
            return;
        }

        foreach (PendingWrite write in _judged.SelectMany(static judged => judged.Writes))
        {
            write.Answer(write.IsRefused ? ofWhatWasNotDone : WriteStatus.Unknown, _partition.Newest, reason);
        }

        _judged.Clear();
    }
}
