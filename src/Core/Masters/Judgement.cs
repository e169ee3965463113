namespace Diststore.Core;

/// <summary>
/// What the registry makes of what it has seen: pure functions. No view leaves a member of the in-sync set out unless a member that it leaves
/// in has just answered, and only a member of the in-sync set becomes the primary.
/// </summary>
internal static class Judgement
{
    // When no in-sync member lives on in its process, how long to wait for the stores of the others.
    private static readonly TimeSpan WaitForStores = TimeSpan.FromSeconds(5);

    /// <summary>What should follow a view, by what was seen of its masters.</summary>
    /// <param name="view">The stored view.</param>
    /// <param name="seen">What was seen, the last round included.</param>
    /// <param name="settings">What the decision depends on.</param>
    /// <param name="freshHistory">For a history that begins, where one does.</param>
    public static Verdict Judge(MasterView view, Observations seen, RegistrySettings settings, Guid freshHistory)
    {
        if (view.IsContested)
        {
            return Verdict.Stay(seen);
        }

        if (Histories.Contest(view, seen.Answers) is { } contest)
        {
            return new Verdict(contest, seen);
        }

        if (seen.IsAlive(view.Primary))
        {
            return seen.Answers.ContainsKey(view.Primary.Name) ? JudgeOther(view, seen, settings) : Verdict.Stay(seen);
        }

        if (view.OtherInSync && view.Other is { } other && seen.IsAlive(other))
        {
            return new Verdict(seen.Answers.ContainsKey(other.Name) ? new Decision(Succeed(view, other, seen), "the primary is lost") : null, seen);
        }

        return new Verdict(JudgeVacancy(view, seen, freshHistory), seen);
    }

    /// <summary>The next view with that primary, and whoever is to learn from it.</summary>
    public static MasterView Succeed(MasterView view, MasterId primary, Observations seen) =>
        view with { Epoch = view.Epoch + 1, Primary = primary, Other = PickLearner(primary, seen), OtherInSync = false, Kept = null };

    /// <summary>Who should learn from that primary; <see langword="null"/> where there is nobody.</summary>
    public static MasterId? PickLearner(MasterId primary, Observations seen) =>
        Election.Learner(seen.Answers.Values, id => id.StoreId != primary.StoreId && seen.MayBeTried(id));

    /// <summary>The place of a master that stops, if it was in sync and its place may be kept.</summary>
    public static KeptPlace? PlaceToKeep(MasterView view, MasterId master, Observations seen, RegistrySettings settings)
    {
        TimeSpan maintained = Maintenance.All(view.Maintenance).Where(one => one.StoreId == master.StoreId).Select(seen.Left).FirstOrDefault();
        TimeSpan time = maintained > settings.RestartGrace ? maintained : settings.RestartGrace;
        bool mayLeave = time > TimeSpan.Zero && view.OtherInSync && master.Durable;
        if (!mayLeave || seen.Answers.GetValueOrDefault(master.Name) is not { } leaver || leaver.Id != master)
        {
            return null;
        }

        var place = new KeptPlace(master.Name, master.StoreId, leaver.Applied, time);
        return MayBeKept(view, place, seen, settings) ? place : null;
    }

    /// <summary>Whether that store is one of the view's masters, or its place is kept.</summary>
    public static bool IsMaster(MasterView view, Guid store) =>
        view.Primary.StoreId == store || view.Other?.StoreId == store || view.Kept?.StoreId == store;

    // The primary is well and answers.
    private static Verdict JudgeOther(MasterView view, Observations seen, RegistrySettings settings)
    {
        if (view.OtherInSync)
        {
            return new Verdict(
                seen.IsAlive(view.Other!) ? JudgeMaintenance(view, seen) : new Decision(Succeed(view, view.Primary, seen), "the secondary is lost"), seen);
        }

        if (view.Kept is { } kept && IsStillKept(view, kept, seen, settings))
        {
            PingReply? back = seen.Answers.Values.FirstOrDefault(answer => answer.Id.StoreId == kept.StoreId && !answer.IsLeaving);
            return new Verdict(back is null ? null : Learn(view, back.Id, "the master that stopped is back"), seen);
        }

        return view.Other is { } learner && seen.IsAlive(learner) ? JudgeLearner(view, learner, seen) : new Verdict(JudgeNoLearner(view, seen), seen);
    }

    private static Verdict JudgeLearner(MasterView view, MasterId learner, Observations seen)
    {
        if (seen.Stalls(learner) || seen.HasReturnedInVain(learner))
        {
            Observations after = seen.WithPassedOver(learner, seen.Now);
            return new Verdict(JudgeNoLearner(view, after), after);
        }

        if (seen.Answers.GetValueOrDefault(learner.Name)?.Learner is not { SyncsFully: true, IsStreaming: false })
        {
            return new Verdict(JudgeMaintenance(view, seen), seen);
        }

        MasterId? returned = ReturnedMaster(view, learner, seen);
        Decision? decision = returned is null
            ? JudgeMaintenance(view, seen)
            : Learn(view, returned, "a master that is back needs only changes, the learner everything");
        return new Verdict(decision, seen with { Returned = returned });
    }

    private static Decision? JudgeNoLearner(MasterView view, Observations seen)
    {
        MasterId? next = PickLearner(view.Primary, seen);
        return next is null ? EndWaiting(view) ?? JudgeMaintenance(view, seen) : Learn(view, next, "a learner is wanted");
    }

    private static Decision Learn(MasterView view, MasterId learner, string reason) =>
        new(view with { Epoch = view.Epoch + 1, Other = learner, OtherInSync = false, Kept = null }, reason);

    // A place is kept only where nobody learns.
    private static Decision? EndWaiting(MasterView view) =>
        view.Kept is null ? null : new Decision(view with { Epoch = view.Epoch + 1, Kept = null }, "nobody is waited for any more");

    // Nobody of the in-sync set lives on in its process.
    private static Decision? JudgeVacancy(MasterView view, Observations seen, Guid freshHistory)
    {
        List<MasterId> members = [.. view.InSyncSet.Where(member => !seen.IsGone(member))];
        if (members.Count == 0)
        {
            // With stores in memory there is nothing to wait for.
            MasterView? anew = Election.First([.. seen.Answers.Values], poster: null, freshHistory);
            return anew is null ? null : new Decision(anew with { Epoch = Math.Max(anew.Epoch, view.Epoch + 1) }, "all masters' stores are gone");
        }

        List<PingReply> back = [.. members.Select(seen.AnswerOf).OfType<PingReply>()];
        return back.Count == 0 || (back.Count < members.Count && seen.VacantFor < WaitForStores)
            ? null
            : new Decision(Succeed(view, Election.LongestLog(back).Id, seen), "the masters restarted");
    }

    private static bool IsStillKept(MasterView view, KeptPlace place, Observations seen, RegistrySettings settings)
    {
        bool isAnother = seen.Answers.Values.Any(answer => answer.Id.Name == place.Name && answer.Id.StoreId != place.StoreId);
        return !isAnother && seen.KeptFor(place) < place.For && MayBeKept(view, place, seen, settings);
    }

    // Only while the one that remains is sure to go on, and can still tell the other one what it missed.
    private static bool MayBeKept(MasterView view, KeptPlace place, Observations seen, RegistrySettings settings) =>
        settings.MinInSync <= 1
        && view.Primary.Durable
        && seen.Answers.GetValueOrDefault(view.Primary.Name) is { IsLeaving: false } primary
        && primary.Id == view.Primary
        && primary.Floor <= place.Left.Sequence;

    // What is over is forgotten, lest a registry that takes over counts it anew.
    private static Decision? JudgeMaintenance(MasterView view, Observations seen)
    {
        Maintenance? lasting = Maintenance.Where(view.Maintenance, one => IsMaster(view, one.StoreId) && seen.Left(one) > TimeSpan.Zero);
        return lasting == view.Maintenance ? null : new Decision(view with { Epoch = view.Epoch + 1, Maintenance = lasting }, "a maintenance is over");
    }

    // A store of this history that needs only changes takes the place of a learner that has to take everything.
    private static MasterId? ReturnedMaster(MasterView view, MasterId learner, Observations seen)
    {
        long floor = seen.Answers[view.Primary.Name].Floor;
        return seen.Answers.Values
            .Where(answer => answer.Id.StoreId != view.Primary.StoreId && answer.Id.StoreId != learner.StoreId)
            .Where(static answer => !answer.IsLeaving && !answer.HasSteppedDown)
            .Where(answer => answer.History == view.History && answer.SyncsFrom != LogPoint.Zero && answer.SyncsFrom.Sequence >= floor)
            .Where(answer => seen.MayBeTried(answer.Id))
            .MaxBy(static answer => answer.SyncsFrom)?.Id;
    }
}

/// <summary>A view to be stored, and why, for people.</summary>
internal sealed record Decision(MasterView Next, string Reason);

/// <summary>What a judgement comes to.</summary>
/// <param name="Decision">What follows; <see langword="null"/> where the view stands.</param>
/// <param name="Seen">What is remembered from then on.</param>
internal sealed record Verdict(Decision? Decision, Observations Seen)
{
    public static Verdict Stay(Observations seen) => new(null, seen);
}
