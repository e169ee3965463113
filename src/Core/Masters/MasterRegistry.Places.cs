namespace Diststore.Core;

/// <content>
/// Places that are kept for masters that stopped and will be back, so that a planned restart moves only what changed meanwhile; and
/// a master that is back while somebody else would have to take everything.
/// </content>
public sealed partial class MasterRegistry
{
    /// <summary>The longest time that an operator may ask for.</summary>
    public static TimeSpan MaxMaintenance { get; } = TimeSpan.FromDays(1);

    // Since when this activation has known of what is limited in time, by store: the time is counted anew by one that takes over.
    private readonly Dictionary<Guid, (KeptPlace Place, long Since)> _kept = [];
    private readonly Dictionary<Guid, (TimeSpan For, long Since)> _maintained = [];

    private MasterId? _returned; // was chosen because it needs only changes

    /// <inheritdoc/>
    public async Task<OperatorReply> MaintainAsync(string node, TimeSpan time)
    {
        if (time < TimeSpan.Zero || time > MaxMaintenance)
        {
            throw new ArgumentOutOfRangeException(nameof(time), time, "from nothing to a day");
        }

        StoredView stored = await _storage.ReadAsync();
        MasterId? master = stored.View?.InSyncSet.FirstOrDefault(member => member.Name == node);
        KeptPlace? kept = stored.View?.Kept?.Name == node ? stored.View.Kept : null;
        if (stored.View is not { IsContested: false } view || (master is not { Durable: true } && kept is null))
        {
            return _transport.Members.Contains(node)
                ? new OperatorReply(RoleOutcome.Refused, $"{node} is no master in sync whose data is on disk", stored.View)
                : new OperatorReply(RoleOutcome.UnknownNode, $"no live node has the name {node}", stored.View);
        }

        Guid store = master?.StoreId ?? kept!.StoreId;
        if (time == TimeSpan.Zero && kept is null && Maintenance.All(view.Maintenance).All(one => one.StoreId != store))
        {
            return new OperatorReply(RoleOutcome.Done, null, view);
        }

        _maintained.Remove(store);
        Maintenance? others = Maintenance.Where(view.Maintenance, one => one.StoreId != store && IsMaster(view, one.StoreId));
        MasterView next = view with
        {
            Epoch = view.Epoch + 1,
            Kept = kept is null ? view.Kept : time == TimeSpan.Zero ? null : kept with { For = time },
            Maintenance = time == TimeSpan.Zero ? others : new Maintenance(store, time, others),
        };
        MasterView? now = await ReplaceAsync(stored, next, time == TimeSpan.Zero ? $"the maintenance of {node} is over" : $"{node} is maintained for {time}");
        return now == next
            ? new OperatorReply(RoleOutcome.Done, null, now)
            : new OperatorReply(RoleOutcome.Unavailable, "another view was made meanwhile, or whether this one was stored is not known", now);
    }

    private static bool IsMaster(MasterView view, Guid store) =>
        view.Primary.StoreId == store || view.Other?.StoreId == store || view.Kept?.StoreId == store;

    // The place of a master in sync that stops, if it may be kept.
    private KeptPlace? PlaceToKeep(MasterView view, MasterId master, Dictionary<string, PingReply> answers)
    {
        TimeSpan maintained = Maintenance.All(view.Maintenance).Where(one => one.StoreId == master.StoreId).Select(Left).FirstOrDefault();
        TimeSpan time = maintained > _settings.RestartGrace ? maintained : _settings.RestartGrace;
        if (time <= TimeSpan.Zero || !view.OtherInSync || !master.Durable || answers.GetValueOrDefault(master.Name) is not { } leaver || leaver.Id != master)
        {
            return null;
        }

        var place = new KeptPlace(master.Name, master.StoreId, leaver.Applied, time);
        return MayBeKept(view, place, answers) ? place : null;
    }

    private TimeSpan Left(Maintenance maintenance)
    {
        long now = _time.GetTimestamp();
        if (!_maintained.TryGetValue(maintenance.StoreId, out var known) || known.For != maintenance.For)
        {
            _maintained[maintenance.StoreId] = known = (maintenance.For, now);
        }

        return maintenance.For - _time.GetElapsedTime(known.Since, now);
    }

    private bool IsStillKept(MasterView view, KeptPlace place, Dictionary<string, PingReply> answers)
    {
        long now = _time.GetTimestamp();
        if (!_kept.TryGetValue(place.StoreId, out var known) || known.Place != place)
        {
            _kept.Clear();
            _kept[place.StoreId] = known = (place, now);
        }

        bool isAnother = answers.Values.Any(answer => answer.Id.Name == place.Name && answer.Id.StoreId != place.StoreId);
        return !isAnother && _time.GetElapsedTime(known.Since, now) < place.For && MayBeKept(view, place, answers);
    }

    // Only while the one that remains is sure to go on, and can still tell the other one what it missed.
    private bool MayBeKept(MasterView view, KeptPlace place, Dictionary<string, PingReply> answers) =>
        _settings.MinInSync <= 1
        && view.Primary.Durable
        && answers.GetValueOrDefault(view.Primary.Name) is { IsLeaving: false } primary
        && primary.Id == view.Primary
        && primary.Floor <= place.Left.Sequence;

    // What is over is forgotten, lest a registry that takes over counts it anew.
    private Decision? JudgeMaintenance(MasterView view)
    {
        Maintenance? lasting = Maintenance.Where(view.Maintenance, one => IsMaster(view, one.StoreId) && Left(one) > TimeSpan.Zero);
        return lasting == view.Maintenance ? null : new Decision(view with { Epoch = view.Epoch + 1, Maintenance = lasting }, "a maintenance is over");
    }

    // A store of this history that needs only changes takes the place of a learner that has to take everything.
    private MasterId? ReturnedMaster(MasterView view, Dictionary<string, PingReply> answers)
    {
        if (answers.GetValueOrDefault(view.Other!.Name)?.Learner is not { SyncsFully: true, IsStreaming: false })
        {
            return null;
        }

        long floor = answers[view.Primary.Name].Floor;
        return _returned = answers.Values
            .Where(answer => answer.Id.StoreId != view.Primary.StoreId && answer.Id.StoreId != view.Other.StoreId)
            .Where(static answer => !answer.IsLeaving && !answer.HasSteppedDown)
            .Where(answer => answer.History == view.History && answer.SyncsFrom != LogPoint.Zero && answer.SyncsFrom.Sequence >= floor)
            .Where(answer => MayBeTried(answer.Id))
            .MaxBy(static answer => answer.SyncsFrom)?.Id;
    }

    // The primary told it to take everything all the same.
    private bool HasReturnedInVain(MasterId learner, Dictionary<string, PingReply> answers)
    {
        if (learner != _returned || answers.GetValueOrDefault(learner.Name)?.Learner is not { SyncsFully: true })
        {
            return false;
        }

        _returned = null;
        PassOver(learner);
        return true;
    }
}
