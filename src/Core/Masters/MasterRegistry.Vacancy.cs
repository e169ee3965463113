namespace Diststore.Core;

/// <content>What to do when a master is lost.</content>
public sealed partial class MasterRegistry
{
    /// <summary>Missed in a row before a node that membership still lists counts as lost.</summary>
    private const int PingsMissedToBeLost = 3;

    // When no in-sync member lives on in its process, how long to wait for the stores of the others.
    private static readonly TimeSpan WaitForStores = TimeSpan.FromSeconds(5);

    // A learner that was dropped is tried again after this, ...
    private static readonly TimeSpan BackOff = TimeSpan.FromSeconds(2);

    // ... and one that shows no progress for so long is dropped, if there is another one to try.
    private static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(10);

    private readonly Dictionary<string, (PingReply Reply, int Missed)> _known = new(StringComparer.Ordinal);
    private readonly Dictionary<MasterId, long> _passedOver = [];
    private int _rounds; // of pings, up to as many as have to be missed
    private (string Name, long Since)? _unreachable;
    private (long Epoch, long Since)? _vacant;
    private LearnerProgress? _progress;

    private sealed record Decision(MasterView Next, string Reason);

    private void Remember(Dictionary<string, PingReply> answers)
    {
        _rounds = Math.Min(_rounds + 1, PingsMissedToBeLost);
        HashSet<string> members = new(_transport.Members, StringComparer.Ordinal);
        foreach (string name in _known.Keys.ToArray())
        {
            (PingReply reply, int missed) = _known[name];
            if (!members.Contains(name) || missed + 1 >= PingsMissedToBeLost || IsUnreachable(name))
            {
                _known.Remove(name);
            }
            else
            {
                _known[name] = (reply, missed + 1);
            }
        }

        foreach (PingReply answer in answers.Values)
        {
            _known[answer.Id.Name] = (answer, 0);
        }
    }

    // For a while nobody waits for it; if it is back sooner, its next ping comes later.
    private bool IsUnreachable(string name) =>
        _unreachable is { } unreachable && unreachable.Name == name && _time.GetElapsedTime(unreachable.Since) < PingTimeout;

    // Alive in the very process that the view names; a ping or two may have been missed.
    private bool IsAlive(MasterId master) => _known.TryGetValue(master.Name, out var known) ? known.Reply.Id == master : IsNotYetJudged(master.Name);

    // A registry that has just begun has seen nobody: a ping that is missed says no more then than it would later.
    private bool IsNotYetJudged(string name) => _rounds < PingsMissedToBeLost && !IsUnreachable(name) && _transport.Members.Contains(name);

    // The store is who it is; a node may have been given another name since.
    private static PingReply? AnswerOf(MasterId master, Dictionary<string, PingReply> answers) =>
        answers.Values.FirstOrDefault(answer => answer.Id.StoreId == master.StoreId);

    // A store that died with its process: the node is gone, or back with another one.
    private bool IsGone(MasterId master, Dictionary<string, PingReply> answers) =>
        !master.Durable
        && (answers.TryGetValue(master.Name, out PingReply? answer)
            ? answer.Id.StoreId != master.StoreId
            : !_transport.Members.Contains(master.Name));

    private Decision? Judge(MasterView view, Dictionary<string, PingReply> answers)
    {
        if (view.IsContested)
        {
            return null;
        }

        bool primaryLives = IsAlive(view.Primary);
        bool otherLives = view.OtherInSync && view.Other is not null && IsAlive(view.Other);
        if (primaryLives || otherLives)
        {
            _vacant = null;
        }

        // No view leaves a member out unless a member left in has just answered.
        if (primaryLives)
        {
            return answers.ContainsKey(view.Primary.Name) ? JudgeOther(view, answers) : null;
        }

        if (otherLives)
        {
            return answers.ContainsKey(view.Other!.Name) ? new Decision(Succeed(view, view.Other, answers), "the primary is lost") : null;
        }

        return JudgeVacancy(view, answers);
    }

    private Decision? JudgeOther(MasterView view, Dictionary<string, PingReply> answers)
    {
        if (view.Kept is null)
        {
            _kept.Clear(); // the next one may be the same, and has its own time
        }

        if (view.OtherInSync)
        {
            return IsAlive(view.Other!) ? JudgeMaintenance(view) : new Decision(Succeed(view, view.Primary, answers), "the secondary is lost");
        }

        if (view.Kept is { } kept && IsStillKept(view, kept, answers))
        {
            PingReply? back = answers.Values.FirstOrDefault(answer => answer.Id.StoreId == kept.StoreId && !answer.IsLeaving);
            return back is null ? null : Learn(view, back.Id, "the master that stopped is back");
        }

        bool keep = view.Other is { } learner && IsAlive(learner) && !Stalls(learner, answers) && !HasReturnedInVain(learner, answers);
        MasterId? next = keep ? ReturnedMaster(view, answers) : PickLearner(view.Primary, answers);
        return view.Kept is not null && next is null ? new Decision(view with { Epoch = view.Epoch + 1, Kept = null }, "nobody is waited for any more")
            : next is null || next == view.Other ? JudgeMaintenance(view)
            : keep ? Learn(view, next, "a master that is back needs only changes, the learner everything")
            : Learn(view, next, "a learner is wanted");
    }

    private static Decision Learn(MasterView view, MasterId learner, string reason) =>
        new(view with { Epoch = view.Epoch + 1, Other = learner, OtherInSync = false, Kept = null }, reason);

    private Decision? JudgeVacancy(MasterView view, Dictionary<string, PingReply> answers)
    {
        List<MasterId> members = [.. view.InSyncSet.Where(member => !IsGone(member, answers))];
        if (members.Count == 0)
        {
            // With stores in memory there is nothing to wait for.
            MasterView? anew = Election.First(answers.Values, poster: null, NewHistory());
            return anew is null ? null : new Decision(anew with { Epoch = Math.Max(anew.Epoch, view.Epoch + 1) }, "all masters' stores are gone");
        }

        long now = _time.GetTimestamp();
        if (_vacant is not { } vacant || vacant.Epoch != view.Epoch)
        {
            _vacant = vacant = (view.Epoch, now);
        }

        List<PingReply> back = [.. members
            .Select(member => AnswerOf(member, answers))
            .OfType<PingReply>()];
        if (back.Count == 0 || (back.Count < members.Count && _time.GetElapsedTime(vacant.Since, now) < WaitForStores))
        {
            return null;
        }

        return new Decision(Succeed(view, Election.LongestLog(back).Id, answers), "the masters restarted");
    }

    private MasterView Succeed(MasterView view, MasterId primary, Dictionary<string, PingReply> answers) =>
        view with { Epoch = view.Epoch + 1, Primary = primary, Other = PickLearner(primary, answers), OtherInSync = false, Kept = null };

    private MasterId? PickLearner(MasterId primary, Dictionary<string, PingReply> answers) =>
        Election.Learner(answers.Values, id => id.StoreId != primary.StoreId && MayBeTried(id));

    private bool MayBeTried(MasterId id) => !_passedOver.TryGetValue(id, out long since) || _time.GetElapsedTime(since) >= BackOff;

    private void PassOver(MasterId master)
    {
        long now = _time.GetTimestamp();
        foreach (MasterId old in _passedOver.Keys.Where(id => _time.GetElapsedTime(_passedOver[id], now) >= BackOff).ToArray())
        {
            _passedOver.Remove(old);
        }

        _passedOver[master] = now;
    }

    // Nothing that it pulls arrives any more; or it has pulled everything, and nobody admits it. What it holds says nothing: changes of
    // keys that it has move neither their number nor its mark.
    private bool Stalls(MasterId learner, Dictionary<string, PingReply> answers)
    {
        if (answers.GetValueOrDefault(learner.Name) is not { } answer)
        {
            return false;
        }

        long now = _time.GetTimestamp();
        // Before its first start under this view it has nothing to tell.
        LearnerReport report = answer.Learner ?? new LearnerReport(0, false, false, false);
        LearnerProgress before = _progress is { } known && known.Learner == learner ? known : new LearnerProgress(learner, -1, default, default, now);

        // Between two rounds that are further apart the registry did not answer, and nobody could be admitted.
        TimeSpan passed = _time.GetElapsedTime(before.SeenAt, now);
        passed = passed < 2 * TickPeriod ? passed : 2 * TickPeriod;
        var progress = new LearnerProgress(
            learner,
            report.PagesTaken,
            report.PagesTaken == before.PagesTaken ? before.StoodStill + passed : TimeSpan.Zero,
            report.HasBeenWhole ? before.WaitedWhole + passed : TimeSpan.Zero,
            now);
        _progress = progress;
        if ((report.HasBeenWhole ? progress.WaitedWhole : progress.StoodStill) < StallLimit)
        {
            return false;
        }

        PassOver(learner);
        _progress = null;
        return true;
    }

    private sealed record LearnerProgress(MasterId Learner, long PagesTaken, TimeSpan StoodStill, TimeSpan WaitedWhole, long SeenAt);
}
