namespace Diststore.Core;

/// <summary>How histories are told from each other, and views taken up again that the storage lost: pure functions.</summary>
internal static class Histories
{
    // Left out where views may have been lost with the storage.
    private const int EpochsSkipped = 1000;

    /// <summary>The highest view that may be taken up: while the storage has one, only one of its history.</summary>
    public static MasterView? HighestRemembered(IEnumerable<PingReply> answers, MasterView? stored) => answers
        .Select(static answer => answer.View)
        .OfType<MasterView>()
        .Where(view => stored is null || view.History == stored.History)
        .MaxBy(static view => view.Epoch);

    /// <summary>
    /// The epoch to go on with where whoever lost the view may have lost newer ones than anybody remembers, and one of those may be on its
    /// way to a node: no epoch is given twice.
    /// </summary>
    public static long NextEpoch(MasterView? known, IReadOnlyDictionary<string, PingReply> answers) =>
        Math.Max(known?.Epoch ?? 0, answers.Values.Max(static answer => answer.HighestEpoch)) + EpochsSkipped;

    /// <summary>A master that was in sync in another history has answered: an operator has to say which one stands.</summary>
    public static Decision? Contest(MasterView view, IReadOnlyDictionary<string, PingReply> answers)
    {
        PingReply? odd = answers.Values.FirstOrDefault(answer => answer.View?.IsAtOddsWith(view, answer.Id) == true);
        return odd is null || view.IsContested
            ? null
            : new Decision(
                view with { Epoch = NextEpoch(view, answers), IsContested = true },
                $"{odd.Id.Name} remembers {odd.View}, which is of another history; an operator has to force an election");
    }

    /// <summary>
    /// Who has to answer before a view is taken up again that the storage has lost: each member of its in-sync set (and none may remember a
    /// higher view), and whoever the primary may have added to that; <see langword="null"/> where all have.
    /// </summary>
    public static MasterId? MissingToTakeUp(MasterView remembered, Observations seen)
    {
        List<MasterId> members = [.. remembered.InSyncSet];
        if (seen.AnswerOf(remembered.Primary)?.Candidate is { } candidate)
        {
            members.Add(candidate);
        }

        return members.FirstOrDefault(member => seen.AnswerOf(member) is null && !seen.IsGone(member));
    }

    /// <summary>Why an operator may not make that node the primary of a new history; <see langword="null"/> where he may.</summary>
    /// <param name="node">Whom he names.</param>
    /// <param name="acceptsDataLoss">Whether he accepts that writes may be lost.</param>
    /// <param name="stored">The stored view.</param>
    /// <param name="writers">Who answers and writes.</param>
    /// <param name="readers">Who answers at all.</param>
    public static OperatorReply? ProblemWithForcing(
        string node, bool acceptsDataLoss, MasterView? stored, IReadOnlyDictionary<string, PingReply> writers, IReadOnlyDictionary<string, PingReply> readers)
    {
        MasterView? remembered = HighestRemembered(readers.Values, stored);
        bool isLost = remembered is not null && (stored is null || stored.Epoch < remembered.Epoch);
        MasterView? view = isLost ? remembered : stored;
        MasterId[] inSync = view is null or { IsContested: true } ? [] : [.. view.InSyncSet];
        PingReply[] alive = [.. readers.Values.Where(answer => inSync.Any(member => member.StoreId == answer.Id.StoreId))];

        // A view that was lost is taken up by itself once all its members answer. One that never comes back is given up by an operator
        // alone; a member that does answer lacks the least.
        bool isWaitedFor = isLost && alive.Length > 0 && alive.Length < inSync.Length;
        return !writers.TryGetValue(node, out PingReply? named) ? new OperatorReply(RoleOutcome.UnknownNode, $"no live node named {node} answers", stored)
            : isWaitedFor && !alive.Any(member => member.Id == named.Id) ? Refused($"{alive[0].Id.Name} was in sync and answers: name that one")
            : alive.Length > 0 && !isWaitedFor ? Refused($"{alive[0].Id.Name} was in sync and answers; nothing that was acknowledged is lost yet")
            : !acceptsDataLoss ? Refused("acknowledged writes may be lost; accept-data-loss=yes says that this is accepted")
            : null;

        OperatorReply Refused(string why) => new(RoleOutcome.Refused, $"{why}. {Holdings(readers.Values)}", stored);
    }

    private static string Holdings(IEnumerable<PingReply> answers) => string.Join("; ", answers
        .OrderBy(static answer => answer.Id.Name, StringComparer.Ordinal)
        .Select(static answer => $"{answer.Id.Name} holds {answer.Keys} keys up to {answer.Last}, from {answer.View?.ToString() ?? "no view"}"));
}
