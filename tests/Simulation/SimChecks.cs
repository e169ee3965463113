namespace Diststore.Simulation;

/// <summary>What must hold of all that clients saw.</summary>
internal sealed class SimChecks(Pump pump, AppliedLog applied, History history, SimTimeline timeline)
{
    // A clock may run slower than the pump's, so that a bound lasts longer by it.
    private const double Drift = 1 / (1 - (1.5 * SimClock.MaxDrift));

    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(1);

    // What remains of a copy's life is counted by a clock that may run slower than the primary's.
    private static readonly TimeSpan LifeSlack = SimClients.MaxTimeToLive * (2 * SimClock.MaxDrift / (1 - SimClock.MaxDrift));

    public int LivesJudged { get; private set; }

    public void Run()
    {
        foreach ((string key, List<Operation> operations) in history.Operations)
        {
            if (!history.Expiring.Contains(key))
            {
                CheckLinearizable(key, operations);
            }
        }

        history.Reads.ForEach(Check);
    }

    // Each history by itself: it begins with what its first primary held.
    private void CheckLinearizable(string key, List<Operation> operations)
    {
        for (int i = 0; i < timeline.Eras.Count; i++)
        {
            Era era = timeline.Eras[i];
            long until = i + 1 < timeline.Eras.Count ? timeline.Eras[i + 1].From : long.MaxValue;
            List<Operation> within = [.. operations.Select(operation => Within(operation, era.From, until)).OfType<Operation>()];
            long value = SimBank.AccountsOf(key) is { } accounts ? SimBank.Packed(accounts.Select(era.FirstOf))
                : era.FirstOf(key) is { IsTombstone: false } first ? BitConverter.ToInt32(first.Value!)
                : 0;
            if (value != 0)
            {
                within.Add(new Operation(OperationKind.Put, value, 0, OperationOutcome.Absent, era.From - 1, era.From - 1));
            }

            string? problem = LinearizabilityChecker.Problem(within);
            pump.Require(problem is null, $"{key} is not linearizable: {problem}");
        }
    }

    // What was under way when a history began may have taken effect before that, after it or never.
    private static Operation? Within(Operation operation, long from, long until)
    {
        bool isUnknown = operation.Outcome == OperationOutcome.Unknown;
        if (operation.Began >= until || operation.Ended < from)
        {
            return null;
        }

        if (isUnknown || (operation.Began >= from && operation.Ended < until))
        {
            return operation with { Began = Math.Max(operation.Began, from) };
        }

        bool changesNothing = operation.Kind == OperationKind.Read || operation.Outcome == OperationOutcome.Refused
            || operation is { Kind: OperationKind.Delete, Outcome: OperationOutcome.Absent };
        return changesNothing
            ? null
            : operation with { Outcome = OperationOutcome.Unknown, Began = Math.Max(operation.Began, from), Ended = long.MaxValue };
    }

    private void Check(BoundedRead read)
    {
        pump.Require(
            read.Shown is null || applied.Find(read.Key, read.Shown.Value) is not null,
            $"{read.Node} showed {read.Shown} of {read.Key} at {TimeSpan.FromTicks(read.Ended)}, which nobody ever applied");
        long? since = read.Bound < TimeSpan.MaxValue ? read.Arrived - (long)(read.Bound.Ticks * Drift) - Slack.Ticks : null;
        Era era = timeline.EraAt(read.Ended);
        if (since >= era.From)
        {
            CheckNotAbandoned(read, era);
            CheckFloor(read, history.NewestOf(read.Key, era, before: since.Value));
        }

        // Whoever was promised something in a history that is gone may have lost it.
        if (read.AtLeast != LogPoint.Zero && read.Arrived >= era.From && era.Ordered(read.AtLeast))
        {
            CheckFloor(read, read.AtLeast);
        }

        if (since is not null && read.Shown is { } shown && applied.Find(read.Key, shown) is { ExpiresAt: { } end })
        {
            CheckAlive(read, shown, end, since.Value);
        }
    }

    // What was acknowledged before the bound began has to show, or something later; and nothing that was never committed.
    private void CheckFloor(BoundedRead read, LogPoint floor)
    {
        if (floor == LogPoint.Zero)
        {
            return;
        }

        bool good = read.Shown is { } shown
            ? shown >= floor
            : MayHaveExpired(read, floor) || applied.Of(read.Key).Exists(entry => entry.IsTombstone && entry.Version >= floor);
        pump.Require(good, $"{Said(read)}; {floor} had to show");
    }

    // Not if the clock of the primary that ordered it has not come so far, and nobody can have written anything after it.
    private bool MayHaveExpired(BoundedRead read, LogPoint version)
    {
        if (!history.Expiring.Contains(read.Key) || applied.Find(read.Key, version)?.ExpiresAt is not { } end)
        {
            return history.Expiring.Contains(read.Key);
        }

        bool mayBeOver = timeline.SteadyClock(version, read.Ended, read.Ended) is not { } clock
            || clock.WallAt(read.Ended) >= end
            || history.Attempts[read.Key].Exists(attempt => attempt.Began <= read.Ended && !attempt.DidNothing && !(attempt.Version <= version));
        LivesJudged += mayBeOver ? 0 : 1;
        return mayBeOver;
    }

    // By the clock of the primary that ordered it, if that has been the primary ever since.
    private void CheckAlive(BoundedRead read, LogPoint shown, DateTimeOffset end, long since)
    {
        long judged = read.Bound == TimeSpan.Zero ? since : since - LifeSlack.Ticks;
        if (timeline.SteadyClock(shown, judged, read.Ended) is { } clock)
        {
            LivesJudged++;
            pump.Require(clock.WallAt(judged) < end, $"{Said(read)}; at {TimeSpan.FromTicks(judged)} it had ended by the primary's clock");
        }
    }

    // A store of the history before may be where this one began.
    private void CheckNotAbandoned(BoundedRead read, Era era)
    {
        bool isKept = read.Shown is not { } shown || era.Ordered(shown) || era.FirstOf(read.Key)?.Version == shown;
        pump.Require(isKept, $"{Said(read)}; a value of an abandoned history is kept as current since {TimeSpan.FromTicks(era.From)}");
    }

    private static string Said(BoundedRead read) =>
        $"{read.Node} showed {read.Shown?.ToString() ?? "nothing"} of {read.Key} to a read that arrived at {TimeSpan.FromTicks(read.Arrived)}"
        + $" and ended at {TimeSpan.FromTicks(read.Ended)}, bound {read.Bound}";
}
