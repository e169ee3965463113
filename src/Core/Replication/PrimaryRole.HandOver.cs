namespace Diststore.Core;

/// <content>Giving the role to the other in-sync master.</content>
internal sealed partial class PrimaryRole
{
    private bool _handingOver;

    /// <summary>
    /// Orders nothing more, waits until all that was ordered is acknowledged, and asks the registry to change places with the
    /// other in-sync master. From the asking on nothing is ordered until a higher epoch is seen, whatever the answer says.
    /// False where there is none in sync, or the view changed before it was asked.
    /// </summary>
    public async Task<bool> HandOverAsync()
    {
        MasterView view = _view;

        // Not begun while the registry does not answer: it could not be ended then.
        if (_handingOver || !MayOrder || !view.OtherInSync || await _context.AskRegistryAsync(static r => r.ReadAsync()) is null || _view != view || !MayOrder)
        {
            return false;
        }

        _handingOver = true;
        _context.Log.HandingOver(view.Other!);
        while (!_ended && _view == view && _judged.Count > 0)
        {
            await WaitForChangeAsync(_context.Settings.ReplyTimeout);
        }

        if (_ended || _view != view)
        {
            return false;
        }

        await UntilHigherEpochAsync(view, () => true, r => r.HandOverAsync(view.Epoch, _context.Self));
        return true;
    }
}
