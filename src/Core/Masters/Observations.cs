using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>
/// What one activation of the registry has seen up to a moment; each round of pings gives the next of these. Moments are counted from
/// its beginning, by its own clock. None of it is stored: one that takes over begins with nothing, and judges nobody before it has
/// seen enough.
/// </summary>
internal sealed record Observations
{
    /// <summary>Missed in a row before a node that membership still lists counts as lost.</summary>
    public const int PingsMissedToBeLost = 3;

    // A learner that was dropped is tried again after this, ...
    private static readonly TimeSpan BackOff = TimeSpan.FromSeconds(2);

    // ... and one that shows no progress for so long is dropped, if there is another one to try.
    private static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(10);

    /// <summary>A node that does not answer so soon has missed a ping.</summary>
    public static readonly TimeSpan PingTimeout = TimeSpan.FromMilliseconds(500);

    /// <summary>Before the first round.</summary>
    public static Observations None { get; } = new();

    /// <summary>When this was so.</summary>
    public TimeSpan Now { get; private init; }

    /// <summary>The live nodes, as membership lists them.</summary>
    public IReadOnlyCollection<string> Members { get; private init; } = [];

    /// <summary>What they said when they were last asked, by name; who was silent is not in it.</summary>
    public IReadOnlyDictionary<string, PingReply> Answers { get; private init; } = ImmutableSortedDictionary<string, PingReply>.Empty;

    /// <summary>For how long no member of the in-sync set has been alive.</summary>
    public TimeSpan VacantFor => Vacant is { } vacant ? Now - vacant.Since : TimeSpan.Zero;

    /// <summary>The learner that was chosen because it needs only changes.</summary>
    public MasterId? Returned { get; init; }

    // The last word of each node that is not lost, in the order of their names.
    private ImmutableSortedDictionary<string, LastWord> Known { get; init; } = ImmutableSortedDictionary.Create<string, LastWord>(StringComparer.Ordinal);

    // Up to as many as have to be missed.
    private int Rounds { get; init; }

    private (string Name, TimeSpan Since)? Unreachable { get; init; }

    private (long Epoch, TimeSpan Since)? Vacant { get; init; }

    private LearnerProgress? Progress { get; init; }

    // Since when this activation has known of what is limited in time: it is counted anew by one that takes over.
    private (KeptPlace Place, TimeSpan Since)? Kept { get; init; }

    private ImmutableDictionary<Guid, (TimeSpan For, TimeSpan Since)> Maintained { get; init; } = ImmutableDictionary<Guid, (TimeSpan, TimeSpan)>.Empty;

    private ImmutableDictionary<MasterId, TimeSpan> PassedOver { get; init; } = ImmutableDictionary<MasterId, TimeSpan>.Empty;

    /// <summary>The next of these, after a round of pings under that view, which is <see langword="null"/> while there is none.</summary>
    public Observations After(
        MasterView? view, IReadOnlyDictionary<string, PingReply> answers, IReadOnlyCollection<string> members, TimeSpan now)
    {
        Observations seen = Asked(answers, members, now) with { Known = KnownAfter(answers, members, now), Rounds = Math.Min(Rounds + 1, PingsMissedToBeLost) };
        return view is null or { IsContested: true } ? seen : seen.Of(view);
    }

    /// <summary>The same with other answers, of nodes that were asked between two rounds: whoever was silent has missed nothing.</summary>
    public Observations Asked(IReadOnlyDictionary<string, PingReply> answers, IReadOnlyCollection<string> members, TimeSpan now) =>
        this with { Now = now, Members = members, Answers = answers };

    /// <summary>Nobody waits for that node for a while, however alive it was before.</summary>
    public Observations WithUnreachable(string name, TimeSpan now) => this with { Unreachable = (name, now) };

    /// <summary>That learner was not the right one: for a while others are tried.</summary>
    public Observations WithPassedOver(MasterId master, TimeSpan now) => this with
    {
        PassedOver = PassedOver.Where(one => now - one.Value < BackOff).ToImmutableDictionary().SetItem(master, now),
        Progress = null,
        Returned = Returned == master ? null : Returned,
    };

    /// <summary>An operator has said anew of a store how long its master is maintained.</summary>
    public Observations WithoutMaintained(Guid store) => this with { Maintained = Maintained.Remove(store) };

    /// <summary>Whether nobody waits for that node just now; if it is back sooner, its next ping comes later.</summary>
    public bool IsUnreachable(string name, TimeSpan now) => Unreachable is { } unreachable && unreachable.Name == name && now - unreachable.Since < PingTimeout;

    /// <summary>Whether a master lives in the very process that the view names; a ping or two may have been missed.</summary>
    public bool IsAlive(MasterId master) => Known.TryGetValue(master.Name, out LastWord? word) ? word.Reply.Id == master : IsNotYetJudged(master.Name);

    /// <summary>What the node with that master's store said. The store is who it is; a node may have been given another name since.</summary>
    public PingReply? AnswerOf(MasterId master) => Answers.Values.FirstOrDefault(answer => answer.Id.StoreId == master.StoreId);

    /// <summary>Whether a store died with its process: the node is gone, or back with another one.</summary>
    public bool IsGone(MasterId master) =>
        !master.Durable
        && (Answers.TryGetValue(master.Name, out PingReply? answer) ? answer.Id.StoreId != master.StoreId : !Members.Contains(master.Name));

    /// <summary>Whether a node may be chosen as learner, as far as what became of it before tells.</summary>
    public bool MayBeTried(MasterId id) => !PassedOver.TryGetValue(id, out TimeSpan since) || Now - since >= BackOff;

    /// <summary>
    /// Whether nothing that a learner pulls arrives any more; or it has pulled everything, and nobody admits it. What it holds says nothing:
    /// changes of keys that it has move neither their number nor its mark.
    /// </summary>
    public bool Stalls(MasterId learner) =>
        Progress is { } progress && progress.Learner == learner && (progress.HasBeenWhole ? progress.WaitedWhole : progress.StoodStill) >= StallLimit;

    /// <summary>Whether the primary told a master that was chosen for needing only changes to take everything all the same.</summary>
    public bool HasReturnedInVain(MasterId learner) =>
        learner == Returned && Answers.GetValueOrDefault(learner.Name)?.Learner is { SyncsFully: true };

    /// <summary>For how long that place has been kept.</summary>
    public TimeSpan KeptFor(KeptPlace place) => Kept is { } kept && kept.Place == place ? Now - kept.Since : TimeSpan.Zero;

    /// <summary>What is left of the time that an operator asked for.</summary>
    public TimeSpan Left(Maintenance maintenance) =>
        Maintained.TryGetValue(maintenance.StoreId, out var known) && known.For == maintenance.For ? maintenance.For - (Now - known.Since) : maintenance.For;

    // A registry that has just begun has seen nobody: a ping that is missed says no more then than it would later.
    private bool IsNotYetJudged(string name) => Rounds < PingsMissedToBeLost && !IsUnreachable(name, Now) && Members.Contains(name);

    private ImmutableSortedDictionary<string, LastWord> KnownAfter(
        IReadOnlyDictionary<string, PingReply> answers, IReadOnlyCollection<string> members, TimeSpan now)
    {
        ImmutableSortedDictionary<string, LastWord>.Builder known = Known.ToBuilder();
        foreach ((string name, LastWord word) in Known)
        {
            if (!members.Contains(name) || word.Missed + 1 >= PingsMissedToBeLost || IsUnreachable(name, now))
            {
                known.Remove(name);
            }
            else
            {
                known[name] = word with { Missed = word.Missed + 1 };
            }
        }

        foreach (PingReply answer in answers.Values)
        {
            known[answer.Id.Name] = new LastWord(answer, 0);
        }

        return known.ToImmutable();
    }

    // What lasts for as long as something of the view does.
    private Observations Of(MasterView view) => this with
    {
        Vacant = view.InSyncSet.Any(IsAlive) ? null : Vacant is { } vacant && vacant.Epoch == view.Epoch ? vacant : (view.Epoch, Now),
        Kept = view.Kept is not { } place ? null : Kept is { } kept && kept.Place == place ? kept : (place, Now),
        Maintained = Maintenance.All(view.Maintenance).ToImmutableDictionary(
            static one => one.StoreId, one => Maintained.TryGetValue(one.StoreId, out var known) && known.For == one.For ? known : (one.For, Now)),
        Progress = ProgressUnder(view),
    };

    // Only where the primary answers, for else there is none to be made.
    private LearnerProgress? ProgressUnder(MasterView view)
    {
        if (view.OtherInSync || view.Other is not { } learner
            || !Answers.ContainsKey(view.Primary.Name) || !Answers.TryGetValue(learner.Name, out PingReply? answer))
        {
            return Progress;
        }

        LearnerProgress before = Progress is { } known && known.Learner == learner ? known : LearnerProgress.Begun(learner, Now);
        return before.After(answer.Learner ?? LearnerProgress.NothingToTell, Now);
    }

    // Of a node: what it said last, and how many pings it has missed since.
    private sealed record LastWord(PingReply Reply, int Missed);
}

/// <summary>How a learner gets on.</summary>
/// <param name="Learner">Who.</param>
/// <param name="PagesTaken">How much it has taken.</param>
/// <param name="StoodStill">For how long no more than that.</param>
/// <param name="HasBeenWhole">Whether it has pulled everything that there was.</param>
/// <param name="WaitedWhole">For how long it has, and is not admitted.</param>
/// <param name="SeenAt">When it was last asked.</param>
internal sealed record LearnerProgress(MasterId Learner, long PagesTaken, TimeSpan StoodStill, bool HasBeenWhole, TimeSpan WaitedWhole, TimeSpan SeenAt)
{
    /// <summary>Before its first start under a view.</summary>
    public static readonly LearnerReport NothingToTell = new(0, false, false, false);

    public static LearnerProgress Begun(MasterId learner, TimeSpan now) => new(learner, -1, default, false, default, now);

    public LearnerProgress After(LearnerReport report, TimeSpan now)
    {
        // Between two rounds that are further apart the registry did not answer, and nobody could be admitted.
        TimeSpan passed = now - SeenAt;
        passed = passed < 2 * MasterRegistry.TickPeriod ? passed : 2 * MasterRegistry.TickPeriod;
        return new LearnerProgress(
            Learner,
            report.PagesTaken,
            report.PagesTaken == PagesTaken ? StoodStill + passed : TimeSpan.Zero,
            report.HasBeenWhole,
            report.HasBeenWhole ? WaitedWhole + passed : TimeSpan.Zero,
            now);
    }
}
