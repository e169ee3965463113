using System.Collections.Immutable;

namespace Diststore.Core.Tests;

/// <summary>The rules of every store, case by case. What the stores make of them is in <see cref="StoreContract"/>.</summary>
public sealed class StoreStateTests
{
    private static readonly Guid History = Guid.NewGuid();
    private static readonly MasterId A = new("a", Guid.NewGuid(), Guid.NewGuid(), true);
    private static readonly Batch First = Of(3, 1, 2), Second = Of(3, 3, 3), Third = Of(4, 4, 5);

    // Up to 3-2 applied, 3-3 and 4-4..4-5 pending.
    private static readonly StoreState Some = StoreState.Empty with
    {
        HighestEpoch = 4,
        History = History,
        Applied = First.Last,
        Epochs = EpochHistory.Empty.With(3, 1),
        Pending = [Second, Third],
    };

    private static readonly StoreState Partly = Some with { IsWhole = false, Cursor = new SyncCursor("k", 10), Pending = [] };

    [Theory]
    [InlineData(4, 6, true, AppendStatus.Persisted, 3)] // it goes on
    [InlineData(4, 4, true, AppendStatus.Persisted, 2)] // it is pending
    [InlineData(4, 1, true, AppendStatus.Persisted, 2)] // it is applied
    [InlineData(4, 8, true, AppendStatus.Gap, 2)]
    [InlineData(3, 6, true, AppendStatus.StaleEpoch, 2)]
    [InlineData(4, 6, false, AppendStatus.Gap, 2)] // a sync is under way
    public void A_batch_is_taken_once_and_only_if_it_goes_on(long epoch, long first, bool isWhole, AppendStatus expected, int pending)
    {
        StoreState state = Some with { IsWhole = isWhole };
        Batch batch = first switch { 1 => First, 4 => Third, _ => new Batch(new LogPoint(4, first - 1), [Entry(4, first)], default) };
        AppendStatus status = state.Judge(epoch, batch);
        Assert.Equal(expected, status);
        Assert.Equal(pending, (status == AppendStatus.Persisted ? state.WithAppended(batch) : state).Pending.Count);
    }

    [Fact]
    public void What_the_primary_has_not_goes_and_a_lower_epoch_drops_nothing()
    {
        EpochHistory without = EpochHistory.Empty.With(3, 1).With(5, 4); // its epoch 5 began where epoch 4 did here
        Assert.Equal([Second], Some.AlignedTo(5, without, new LogPoint(5, 9))!.Pending);
        Assert.Null(Some.AlignedTo(3, without, new LogPoint(5, 9)));
        Assert.Same(Some, Some.AlignedTo(4, Some.EpochsWithPending, Some.Last));
        Assert.Equal([Second], Some.AlignedTo(4, Some.EpochsWithPending, Second.Last)!.Pending); // it ends before
    }

    [Fact]
    public void What_is_committed_is_applied_in_order_and_what_is_of_another_log_is_not()
    {
        (ImmutableList<Batch> applied, StoreState next) = Some.ApplyUpTo(Third.Last);
        Assert.Equal([Second, Third], applied);
        Assert.Equal((Third.Last, 0), (next.Applied, next.Pending.Count));
        Assert.Equal(Some.EpochsWithPending.Starts.ToArray(), next.Epochs.Starts.ToArray());

        Assert.Equal([Second], Some.ApplyUpTo(Second.Last).Applied);
        Assert.Same(Some, Some.ApplyUpTo(new LogPoint(5, 3)).Next);
        Assert.Same(Some, Some.ApplyUpTo(First.Last).Next);
    }

    [Fact]
    public void A_newer_view_is_remembered_an_older_one_changes_nothing_and_a_candidate_ends_with_its_epoch()
    {
        MasterView view = new(6, History, A, null, false);
        StoreState adopted = Some.WithCandidate(5, A).Adopted(view, asPrimary: false, Never);
        Assert.Equal((6, view, null), (adopted.HighestEpoch, adopted.View, adopted.Candidate));
        Assert.Equal(adopted, adopted.Adopted(view with { Epoch = 5 }, asPrimary: false, Never));
        Assert.Equal(A, Some.WithCandidate(6, A).Adopted(view, asPrimary: false, Never).Candidate);
        Assert.Same(Some, Some.WithCandidate(3, A));
    }

    [Fact]
    public void Who_becomes_the_primary_of_another_history_begins_it_with_what_is_held()
    {
        MasterView view = new(6, Guid.NewGuid(), A, null, false);
        Assert.Equal(History, Some.Adopted(view, asPrimary: false, Never).History);

        StoreState begun = Some.Adopted(view, asPrimary: true, static () => First.Last);
        Assert.Equal((view.History, Some.Applied, 2), (begun.History, begun.Applied, begun.Pending.Count));

        // A sync had not ended: more is held than the mark says.
        begun = Partly.Adopted(view, asPrimary: true, static () => new LogPoint(4, 77));
        Assert.Equal((true, new LogPoint(4, 77), 77, null), (begun.IsWhole, begun.Applied, begun.Floor, begun.Cursor));
    }

    [Theory]
    [InlineData(4, null, 0, true, "k")] // the first one
    [InlineData(4, "k", 10, true, "k")] // goes on where the cursor stands
    [InlineData(4, "j", 0, false, "k")]
    [InlineData(3, "k", 0, false, "k")]
    [InlineData(4, "k", 11, false, null)] // what changed since the first page was forgotten
    public void A_page_is_taken_where_the_sync_stands(long epoch, string? after, long floor, bool isTaken, string? cursor)
    {
        var page = new KeyPage([Entry(3, 2)], true, new LogPoint(4, 20), floor);
        (bool taken, StoreState otherwise) = Partly.JudgePage(epoch, after, page);
        Assert.Equal((isTaken, cursor), (taken, otherwise.Cursor?.After));
        Assert.False(Some.JudgePage(4, null, page).IsTaken); // no full sync is under way
    }

    [Fact]
    public void A_taken_page_moves_the_cursor_and_the_last_one_the_floor()
    {
        var page = new KeyPage([Entry(3, 2)], true, new LogPoint(4, 20), 7);
        Assert.Equal((new SyncCursor("key-2", 20), 0), Moved(null, page));
        Assert.Equal((new SyncCursor("key-2", 10), 7), Moved("k", page with { More = false }));
        Assert.Equal((new SyncCursor("k", 10), 7), Moved("k", new KeyPage([], false, new LogPoint(4, 20), 7)));

        static (SyncCursor?, long) Moved(string? after, KeyPage page) => Partly.AfterPage(after, page) is var next ? (next.Cursor, next.Floor) : default;
    }

    [Fact]
    public void Only_changes_that_reach_all_that_the_primary_applied_move_the_mark()
    {
        EpochHistory epochs = EpochHistory.Empty.With(3, 1).With(4, 4);
        var page = new ChangePage([], 3, false, Third.Last, epochs, 2);
        StoreState pulled = Partly.AfterChanges(4, page)!;
        Assert.Equal((false, new LogPoint(3, 3), Partly.Applied), (pulled.IsWhole, pulled.Pulled, pulled.Applied));

        StoreState whole = (Partly with { Pending = [Of(4, 6, 6)] }).AfterChanges(4, page with { Upto = 5, IsWhole = true })!;
        Assert.Equal((true, null, Third.Last, 2, 1), (whole.IsWhole, whole.Pulled, whole.Applied, whole.Floor, whole.Pending.Count));
        Assert.Null(Partly.AfterChanges(3, page));
    }

    [Fact]
    public void Tombstones_beyond_the_mark_stay_and_the_floor_never_falls()
    {
        Assert.Equal((2, 0), (Some.ForgetsUpTo(9), Some.ForgetsUpTo(1)));
        Assert.Equal((5, 5), (Some.WithFloor(5).Floor, Some.WithFloor(5).WithFloor(4).Floor));
    }

    [Fact]
    public void Rows_are_removed_up_to_what_is_void_not_beyond_the_mark_and_not_while_a_full_sync_is_under_way()
    {
        StoreState state = Some with { VoidUpto = 1 };
        Assert.Equal((1, true), (state.RemovesVoidUpTo, state.HasVoid));
        Assert.Equal((1, false), state.WithVoidRemoved(9) is var done ? (done.VoidRemoved, done.HasVoid) : default);
        Assert.Equal(1, state.WithVoidRemoved(1).WithVoidRemoved(0).VoidRemoved);
        Assert.Equal(Some.Applied.Sequence, (state with { VoidUpto = 77 }).RemovesVoidUpTo);
        Assert.Equal((0, false), Partly with { VoidUpto = 1 } is var partly ? (partly.RemovesVoidUpTo, partly.HasVoid) : default);

        // What pages bring may be older than what was removed before.
        state = state.WithVoidRemoved(1);
        Assert.Equal(0, state.StartSync(4, SyncKind.Full, History)!.VoidRemoved);
        Assert.Equal(1, state.StartSync(4, SyncKind.Changes, History)!.VoidRemoved);
        Assert.Equal((1, 1), state.Restored(Guid.NewGuid(), 0) is var restored ? (restored.VoidUpto, restored.VoidRemoved) : default);
    }

    [Fact]
    public void A_history_begun_with_a_part_of_what_there_was_voids_all_that_is_remembered_and_one_begun_with_all_nothing()
    {
        Guid history = Guid.NewGuid();
        var highest = new LogPoint(4, 77);
        Assert.Equal(77, Partly.StartHistory(history, highest).VoidUpto);
        Assert.Equal(1, (Some with { VoidUpto = 1 }).StartHistory(history, First.Last).VoidUpto);

        // Changes were being pulled: some are there, others are not. What was streamed after them is void too.
        StoreState pulling = Some with { Pulled = highest, Pending = [] };
        Assert.Equal(77, pulling.StartHistory(history, highest).VoidUpto);
        var streamed = new Batch(highest, [new Entry("k", [1], null, new LogPoint(4, 78))], default);
        Assert.Equal(78, (pulling with { Pending = [streamed] }).StartHistory(history, highest).VoidUpto);
    }

    private static LogPoint Never() => throw new InvalidOperationException("no history begins");

    private static Entry Entry(long epoch, long sequence) => new($"key-{sequence}", [1], null, new LogPoint(epoch, sequence));

    private static Batch Of(long epoch, int first, int last) => new(
        first == 1 ? LogPoint.Zero : new LogPoint(first == 4 ? 3 : epoch, first - 1),
        [.. Enumerable.Range(first, last - first + 1).Select(sequence => Entry(epoch, sequence))],
        default);
}
