namespace Diststore.Core;

/// <content>What operators wish.</content>
public sealed partial class MasterRegistry
{
    /// <summary>The longest time that an operator may ask for.</summary>
    public static TimeSpan MaxMaintenance { get; } = TimeSpan.FromDays(1);

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

        _seen = _seen.WithoutMaintained(store);
        Maintenance? others = Maintenance.Where(view.Maintenance, one => one.StoreId != store && Judgement.IsMaster(view, one.StoreId));
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

    /// <inheritdoc/>
    public async Task<OperatorReply> ForceAsync(string node, bool acceptsDataLoss)
    {
        StoredView stored = await _storage.ReadAsync();
        (Dictionary<string, PingReply> answers, Dictionary<string, PingReply> readers) = await PingAllToForceAsync();
        if (Histories.ProblemWithForcing(node, acceptsDataLoss, stored.View, answers, readers) is { } problem)
        {
            return problem;
        }

        Observations seen = _seen.Asked(answers, _transport.Members, Now);
        MasterId primary = answers[node].Id;
        var forced = new MasterView(
            Histories.NextEpoch(stored.View, answers), NewHistory(), primary, Judgement.PickLearner(primary, seen), OtherInSync: false, IsForced: true);
        MasterView? now = await ReplaceAsync(stored, forced, "an operator forced it");
        return now == forced
            ? new OperatorReply(RoleOutcome.Done, null, now)
            : new OperatorReply(RoleOutcome.Unavailable, "another view was made meanwhile, or whether this one was stored is not known", now);
    }

    // Who writes, and may be named; and who answers at all, though its disk may have failed: what it was acknowledged, it still shows.
    // Silence has to last as long as it takes to be lost.
    private async Task<(Dictionary<string, PingReply> Writers, Dictionary<string, PingReply> Readers)> PingAllToForceAsync()
    {
        var writers = new Dictionary<string, PingReply>(StringComparer.Ordinal);
        var readers = new Dictionary<string, PingReply>(StringComparer.Ordinal);
        for (int round = 0; round < Observations.PingsMissedToBeLost; round++)
        {
            string[] silent = [.. _transport.Members.Where(name => !writers.ContainsKey(name))];
            Task<Dictionary<string, PingReply>> reading = PingAsync([.. silent.Where(name => !readers.ContainsKey(name))], write: false);
            foreach (PingReply answer in (await PingAsync(silent)).Values)
            {
                writers[answer.Id.Name] = readers[answer.Id.Name] = answer;
            }

            foreach (PingReply answer in (await reading).Values)
            {
                readers.TryAdd(answer.Id.Name, answer);
            }

            if (writers.Count < _transport.Members.Count && round + 1 < Observations.PingsMissedToBeLost)
            {
                await Task.Delay(RetryPause, _time);
            }
        }

        return (writers, readers);
    }
}
