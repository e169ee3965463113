namespace Diststore.Simulation;

/// <summary>What must hold of all that clients saw.</summary>
internal sealed class SimChecks(Pump pump, AppliedLog applied, History history)
{
    // A clock may run slower than the pump's, so that a bound lasts longer by it.
    private const double Drift = 1 / (1 - (1.5 * SimClock.MaxDrift));

    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(1);

    public void Run()
    {
        foreach ((string key, List<Operation> operations) in history.Operations)
        {
            if (!history.Expiring.Contains(key))
            {
                string? problem = LinearizabilityChecker.Problem(operations);
                pump.Require(problem is null, $"{key} is not linearizable: {problem}");
            }
        }

        history.Reads.ForEach(CheckBound);
    }

    // What was acknowledged before the bound began has to show, or something later; and nothing that was never committed.
    private void CheckBound(BoundedRead read)
    {
        pump.Require(
            read.Shown is null || applied.Find(read.Key, read.Shown.Value) is not null,
            $"{read.Node} showed {read.Shown} of {read.Key} at {TimeSpan.FromTicks(read.Ended)}, which nobody ever applied");
        LogPoint floor = read.AtLeast;
        if (read.Bound < TimeSpan.MaxValue && history.Writes.TryGetValue(read.Key, out List<Acknowledged>? writes))
        {
            long since = read.Arrived - (long)(read.Bound.Ticks * Drift) - Slack.Ticks;
            foreach (Acknowledged write in writes)
            {
                floor = write.At < since && write.Entry.Version > floor ? write.Entry.Version : floor;
            }
        }

        if (floor == LogPoint.Zero)
        {
            return;
        }

        bool good = read.Shown is { } shown
            ? shown >= floor
            : history.Expiring.Contains(read.Key) || applied.Of(read.Key).Exists(entry => entry.IsTombstone && entry.Version >= floor);
        pump.Require(
            good,
            $"{read.Node} showed {read.Shown?.ToString() ?? "nothing"} of {read.Key} to a read that arrived at {TimeSpan.FromTicks(read.Arrived)}"
            + $" and ended at {TimeSpan.FromTicks(read.Ended)}, bound {read.Bound}; {floor} had to show");
    }
}
