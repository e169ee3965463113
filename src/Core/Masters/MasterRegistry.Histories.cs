namespace Diststore.Core;

/// <content>How histories begin, are taken up again after the storage lost the view, and are told from each other.</content>
public sealed partial class MasterRegistry
{
    /// <inheritdoc/>
    public async Task<ForceReply> ForceAsync(string node, bool acceptsDataLoss)
    {
        StoredView stored = await _storage.ReadAsync();
        Dictionary<string, PingReply> answers = await PingAsync([.. _transport.Members]);
        if (ProblemWithForcing(node, acceptsDataLoss, stored.View, answers) is { } problem)
        {
            return problem;
        }

        var forced = new MasterView(
            NextEpoch(stored.View, answers), NewHistory(), answers[node].Id, PickLearner(answers[node].Id, answers), OtherInSync: false, IsForced: true);
        MasterView? now = await ReplaceAsync(stored, forced, "an operator forced it");
        return now == forced
            ? new ForceReply(RoleOutcome.Done, null, now)
            : new ForceReply(RoleOutcome.Unavailable, "another view was made meanwhile, or whether this one was stored is not known", now);
    }

    // The highest one that may be taken up: while the storage has a view, only one of its history.
    private static MasterView? HighestRemembered(IEnumerable<PingReply> answers, MasterView? stored) => answers
        .Select(static answer => answer.View)
        .OfType<MasterView>()
        .Where(view => stored is null || view.History == stored.History)
        .MaxBy(static view => view.Epoch);

    private static long NextEpoch(MasterView? known, Dictionary<string, PingReply> answers) =>
        Math.Max(known?.Epoch ?? 0, answers.Values.Max(static answer => answer.HighestEpoch)) + 1;

    // A master that was in sync in another history has answered: an operator has to say which one stands.
    private static Decision? Contest(MasterView view, Dictionary<string, PingReply> answers)
    {
        PingReply? odd = answers.Values.FirstOrDefault(answer => answer.View?.IsAtOddsWith(view, answer.Id) == true);
        return odd is null || view.IsContested
            ? null
            : new Decision(
                view with { Epoch = NextEpoch(view, answers), IsContested = true },
                $"{odd.Id.Name} remembers {odd.View}, which is of another history; an operator has to force an election");
    }

    private static ForceReply? ProblemWithForcing(string node, bool acceptsDataLoss, MasterView? stored, Dictionary<string, PingReply> answers)
    {
        MasterView? view = stored ?? HighestRemembered(answers.Values, null);
        PingReply? alive = view is null or { IsContested: true }
            ? null
            : answers.Values.FirstOrDefault(answer => view.InSyncSet.Any(member => member.StoreId == answer.Id.StoreId));
        return !answers.ContainsKey(node) ? new ForceReply(RoleOutcome.UnknownNode, $"no live node named {node} answers", stored)
            : alive is not null ? Refused($"{alive.Id.Name} was in sync and answers; nothing that was acknowledged is lost yet")
            : !acceptsDataLoss ? Refused("acknowledged writes may be lost; accept-data-loss=yes says that this is accepted")
            : null;

        ForceReply Refused(string why) => new(RoleOutcome.Refused, $"{why}. {Holdings(answers.Values)}", stored);
    }

    private static string Holdings(IEnumerable<PingReply> answers) => string.Join("; ", answers
        .OrderBy(static answer => answer.Id.Name, StringComparer.Ordinal)
        .Select(static answer => $"{answer.Id.Name} holds {answer.Keys} keys up to {answer.Last}, from {answer.View?.ToString() ?? "no view"}"));

    // No stored view: elect, if every live node says that it remembers none either.
    private async Task ElectFirstAsync(string? poster)
    {
        StoredView stored = await _storage.ReadAsync();
        if (stored.View is not null)
        {
            return;
        }

        string[] members = [.. _transport.Members];
        Dictionary<string, PingReply> answers = await PingAsync(members);
        if (answers.Count < members.Length)
        {
            _log.NotElecting($"{members.Length - answers.Count} of {members.Length} live nodes do not answer");
        }
        else if (HighestRemembered(answers.Values, null) is { } remembered)
        {
            await TakeUpAsync(stored, remembered, answers);
        }
        else if (Election.First(answers.Values, poster, NewHistory()) is { } first)
        {
            await ReplaceAsync(stored, first, "first election");
        }
        else
        {
            _log.NotElecting("more than one store holds replicated entries; an operator has to force an election");
        }
    }

    // Storage has lost the view, or went back to an older one: the highest remembered one is taken up again, once every
    // member of its in-sync set has answered (and none remembers a higher one).
    private async Task TakeUpAsync(StoredView stored, MasterView remembered, Dictionary<string, PingReply> answers)
    {
        List<MasterId> members = [.. remembered.InSyncSet];
        if (answers.GetValueOrDefault(remembered.Primary.Name)?.Candidate is { } candidate)
        {
            members.Add(candidate);
        }

        MasterId? missing = members.FirstOrDefault(
            member => answers.GetValueOrDefault(member.Name)?.Id.StoreId != member.StoreId && !IsGone(member, answers));
        if (missing is not null)
        {
            _log.NotTakingUp(remembered, missing);
            return;
        }

        await ReplaceAsync(stored, remembered with { Epoch = NextEpoch(remembered, answers) }, "the storage had lost the view");
    }

    private Guid NewHistory() => Ids.Next(_random);
}
