namespace Diststore.Simulation;

/// <summary>The checker itself: known histories, and small random ones against a search through all orders.</summary>
public sealed class LinearizabilityCheckerTests
{
    private const long Never = long.MaxValue;

    [Fact]
    public void A_read_may_show_a_write_that_is_under_way()
    {
        Assert.True(Holds(Put(1, 0, 10), Read(0, 1, 2), Read(1, 3, 4)));
        Assert.False(Holds(Put(1, 0, 10), Read(1, 1, 2), Read(0, 3, 4)));
    }

    [Fact]
    public void What_was_acknowledged_shows()
    {
        Assert.False(Holds(Put(1, 0, 1), Read(0, 2, 3)));
        Assert.True(Holds(Put(1, 0, 1), Delete(2, 3), Read(0, 4, 5)));
    }

    [Fact]
    public void A_write_without_an_answer_may_take_effect_late_or_never_but_not_twice()
    {
        Operation unknown = new(OperationKind.Put, 2, 0, OperationOutcome.Unknown, 2, Never);
        Assert.True(Holds(Put(1, 0, 1), unknown, Read(1, 3, 4), Read(2, 5, 6)));
        Assert.True(Holds(Put(1, 0, 1), unknown, Read(1, 3, 4)));
        Assert.False(Holds(Put(1, 0, 1), unknown, Read(2, 3, 4), Read(1, 5, 6)));
        Assert.False(Holds(Put(1, 3, 4), unknown with { Began = 5 }, Read(2, 1, 2)));
    }

    [Fact]
    public void Of_two_swaps_of_one_value_one_wins()
    {
        Operation first = new(OperationKind.Swap, 2, 1, OperationOutcome.Existed, 2, 6);
        Operation second = new(OperationKind.Swap, 3, 1, OperationOutcome.Existed, 3, 7);
        Assert.False(Holds(Put(1, 0, 1), first, second));
        Assert.True(Holds(Put(1, 0, 1), first, second with { Outcome = OperationOutcome.Refused }));
        Assert.False(Holds(Put(1, 0, 1), first with { Outcome = OperationOutcome.Refused }, second with { Outcome = OperationOutcome.Refused }));
    }

    [Fact]
    public void Small_random_histories_are_judged_as_by_trying_every_order()
    {
        var random = new Random(7);
        int good = 0;
        const int histories = 20_000;
        for (int i = 0; i < histories; i++)
        {
            Operation[] operations = [.. Enumerable.Range(0, random.Next(1, 7)).Select(n => Arbitrary(random, n + 1))];
            bool expected = AnyOrder([.. operations], 0);
            good += expected ? 1 : 0;
            Assert.True(expected == Holds(operations), $"history {i}: expected {expected}\n{string.Join('\n', operations.Select(static o => o.ToString()))}");
        }

        // Or one side of it was hardly tried.
        Assert.InRange(good, histories / 10, histories * 9 / 10);
    }

    private static bool Holds(params Operation[] operations) => LinearizabilityChecker.Problem(operations) is null;

    private static Operation Put(int value, long began, long ended) => new(OperationKind.Put, value, 0, OperationOutcome.Absent, began, ended);

    private static Operation Delete(long began, long ended) => new(OperationKind.Delete, 0, 0, OperationOutcome.Existed, began, ended);

    private static Operation Read(int value, long began, long ended) =>
        new(OperationKind.Read, value, 0, value == 0 ? OperationOutcome.Absent : OperationOutcome.Existed, began, ended);

    private static Operation Arbitrary(Random random, int value)
    {
        var kind = (OperationKind)random.Next(4);
        long began = random.Next(12);
        bool isUnknown = kind != OperationKind.Read && random.Next(4) == 0;
        OperationOutcome outcome = isUnknown ? OperationOutcome.Unknown
            : kind == OperationKind.Swap && random.Next(2) == 0 ? OperationOutcome.Refused
            : kind != OperationKind.Swap && random.Next(2) == 0 ? OperationOutcome.Absent
            : OperationOutcome.Existed;
        int other = random.Next(1, 7);
        return new Operation(
            kind,
            kind == OperationKind.Read ? (outcome == OperationOutcome.Absent ? 0 : other) : kind == OperationKind.Delete ? 0 : value,
            kind == OperationKind.Swap ? other : 0,
            outcome,
            began,
            isUnknown ? Never : began + 1 + random.Next(8));
    }

    // Takes one of those that nobody left must come before, until only those are left that may never take effect.
    private static bool AnyOrder(List<Operation> left, long value)
    {
        if (left.TrueForAll(static operation => operation.Outcome == OperationOutcome.Unknown))
        {
            return true;
        }

        long end = left.Min(static operation => operation.Ended);
        return left.Where(operation => operation.Began <= end).Any(operation =>
            After(operation, value) is { } next && AnyOrder([.. left.Where(other => !ReferenceEquals(other, operation))], next));
    }

    private static long? After(Operation operation, long value)
    {
        bool fits = operation.Outcome switch
        {
            OperationOutcome.Unknown => operation.Kind != OperationKind.Swap || value == operation.Expected,
            OperationOutcome.Refused => value != operation.Expected,
            OperationOutcome.Absent => value == 0,
            _ => operation.Kind switch
            {
                OperationKind.Read => value == operation.Value,
                OperationKind.Swap => value == operation.Expected,
                _ => value != 0,
            },
        };
        bool keeps = operation.Kind == OperationKind.Read || operation.Outcome == OperationOutcome.Refused;
        return !fits ? null : keeps ? value : operation.Value;
    }
}
