namespace Diststore.Core;

/// <content>How histories begin, are taken up again after the storage lost the view, and are told from each other.</content>
public sealed partial class MasterRegistry
{
    // Left out where views may have been lost with the storage.
    private const int EpochsSkipped = 1000;

    /// <inheritdoc/>
    public async Task<OperatorReply> ForceAsync(string node, bool acceptsDataLoss)
    {
        StoredView stored = await _storage.ReadAsync();
        (Dictionary<string, PingReply> answers, Dictionary<string, PingReply> readers) = await PingAllToForceAsync();
        if (ProblemWithForcing(node, acceptsDataLoss, stored.View, answers, readers) is { } problem)
        {
            return problem;
        }

        var forced = new MasterView(
            NextEpoch(stored.View, answers), NewHistory(), answers[node].Id, PickLearner(answers[node].Id, answers), OtherInSync: false, IsForced: true);
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
        for (int round = 0; round < PingsMissedToBeLost; round++)
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

            if (writers.Count < _transport.Members.Count && round + 1 < PingsMissedToBeLost)
            {
                await Task.Delay(RetryPause, _time);
            }
        }

        return (writers, readers);
    }

    // The highest one that may be taken up: while the storage has a view, only one of its history.
    private static MasterView? HighestRemembered(IEnumerable<PingReply> answers, MasterView? stored) => answers
        .Select(static answer => answer.View)
        .OfType<MasterView>()
        .Where(view => stored is null || view.History == stored.History)
        .MaxBy(static view => view.Epoch);

    // Whoever lost the view may have lost newer ones than anybody remembers, and one of those may be on its way to a node: no
    // epoch is given twice.
    private static long NextEpoch(MasterView? known, Dictionary<string, PingReply> answers) =>
        Math.Max(known?.Epoch ?? 0, answers.Values.Max(static answer => answer.HighestEpoch)) + EpochsSkipped;

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

    private static OperatorReply? ProblemWithForcing(string node, bool acceptsDataLoss, MasterView? stored, Dictionary<string, PingReply> answers,
        Dictionary<string, PingReply> readers)
    {
        MasterView? view = stored ?? HighestRemembered(readers.Values, null);
        PingReply? alive = view is null or { IsContested: true }
            ? null
            : readers.Values.FirstOrDefault(answer => view.InSyncSet.Any(member => member.StoreId == answer.Id.StoreId));
        return !answers.ContainsKey(node) ? new OperatorReply(RoleOutcome.UnknownNode, $"no live node named {node} answers", stored)
            : alive is not null ? Refused($"{alive.Id.Name} was in sync and answers; nothing that was acknowledged is lost yet")
            : !acceptsDataLoss ? Refused("acknowledged writes may be lost; accept-data-loss=yes says that this is accepted")
            : null;

        OperatorReply Refused(string why) => new(RoleOutcome.Refused, $"{why}. {Holdings(readers.Values)}", stored);
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
        if (AnswerOf(remembered.Primary, answers)?.Candidate is { } candidate)
        {
            members.Add(candidate);
        }

        MasterId? missing = members.FirstOrDefault(member => AnswerOf(member, answers) is null && !IsGone(member, answers));
        if (missing is not null)
        {
            _log.NotTakingUp(remembered, missing);
            return;
        }

        await ReplaceAsync(stored, remembered with { Epoch = NextEpoch(remembered, answers) }, "the storage had lost the view");
    }

    private Guid NewHistory() => Ids.Next(_random);
}
