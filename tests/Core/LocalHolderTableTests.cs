namespace Diststore.Core.Tests;

/// <summary>Whose "none" counts at a primary, and for how long.</summary>
public sealed class LocalHolderTableTests
{
    private const long TableId = 7;
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(1);
    private static readonly Guid First = new(1, 0, 0, new byte[8]);
    private static readonly Guid Second = new(2, 0, 0, new byte[8]);
    private static readonly string[] Members = ["a", "b", "self"];

    private readonly ManualTime _time = new();
    private readonly LocalHolderTable _table;

    public LocalHolderTableTests() => _table = new LocalHolderTable(TableId, _time, Bound);

    [Fact]
    public void Who_has_said_nothing_is_named_and_the_primary_itself_by_what_it_holds()
    {
        Assert.Equal(["a", "b", "self"], Name(Members, selfHoldsAny: true));
        Assert.Equal(["a", "b"], Named());
    }

    [Fact]
    public void None_counts_once_it_repeats_what_this_table_told()
    {
        Say(First, 1, holdsAny: false, default);
        Assert.Equal(["a", "b"], Named());
        Say(First, 2, holdsAny: false, new ToldMoment(TableId + 1, _time.GetTimestamp()));
        Assert.Equal(["a", "b"], Named());
        Say(First, 3, holdsAny: false, _table.Now);
        Assert.Equal(["b"], Named());
    }

    [Fact]
    public void None_counts_for_a_bound_from_what_it_repeats_however_late_it_comes()
    {
        SayNone();
        ToldMoment told = _table.Now;
        _time.Advance(Bound / 2);
        Say(First, 3, holdsAny: false, told);
        _time.Advance(Bound / 2);
        Assert.Equal(["b"], Named());
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(["a", "b"], Named());
        Say(First, 4, holdsAny: false, told);
        Assert.Equal(["a", "b"], Named());
    }

    [Fact]
    public void What_a_process_said_before_is_nothing_against_what_it_says_now()
    {
        SayNone();
        Say(First, 9, holdsAny: true, _table.Now);
        Assert.Equal(["a", "b"], Named());
        Say(First, 8, holdsAny: false, _table.Now);
        Say(First, 9, holdsAny: false, _table.Now);
        Assert.Equal(["a", "b"], Named());
        Say(First, 10, holdsAny: false, _table.Now);
        Assert.Equal(["b"], Named());
    }

    [Fact]
    public void None_of_a_former_process_does_not_count()
    {
        SayNone();
        ToldMoment told = _table.Now;
        Say(Second, 1, holdsAny: true, default);
        Assert.Equal(["a", "b"], Named());

        // Late, and several of them.
        Say(First, 5, holdsAny: false, told);
        Assert.Equal(["a", "b"], Named());
        Say(Second, 2, holdsAny: true, told);
        Assert.Equal(["a", "b"], Named());

        // Nor does a new process inherit it.
        Say(First, 6, holdsAny: false, default);
        Say(Second, 3, holdsAny: false, told);
        Assert.Equal(["a", "b"], Named());
    }

    [Fact]
    public void Who_says_some_and_is_no_member_yet_is_named_too()
    {
        _table.Hear(new LocalSaying("c", First, 1, true, default));
        _table.Hear(new LocalSaying("d", First, 1, false, default));
        Assert.Equal(["a", "b", "c"], Named());
        _time.Advance(Bound + TimeSpan.FromTicks(1));
        Assert.Equal(["a", "b"], Named());
    }

    [Fact]
    public void Too_many_are_not_named_one_by_one_and_not_remembered()
    {
        string[] most = [.. Enumerable.Range(0, LocalHolderTable.MaxNamed).Select(static i => $"{i}")];
        Assert.Equal(most, Name(most));
        Assert.Null(_table.Name([.. most, "one more"], "self", selfHoldsAny: false));

        string[] all = [.. Enumerable.Range(0, LocalHolderTable.MaxHeard).Select(static i => $"{i}")];
        foreach (string node in all)
        {
            _table.Hear(new LocalSaying(node, First, 1, false, default));
            _table.Hear(new LocalSaying(node, First, 2, false, _table.Now));
        }

        Assert.Empty(Name(all));
        SayNone();
        Assert.Equal(["a"], Name([.. all, "a"]));

        // Whoever was not heard of for a bound makes room.
        _time.Advance(Bound + TimeSpan.FromTicks(1));
        SayNone();
        Assert.Equal(["b"], Named());
    }

    private string[] Named() => Name(Members);

    private string[] Name(string[] members, bool selfHoldsAny = false)
    {
        string[]? named = _table.Name(members, "self", selfHoldsAny);
        Assert.NotNull(named);
        return named;
    }

    private void SayNone()
    {
        Say(First, 1, holdsAny: false, default);
        Say(First, 2, holdsAny: false, _table.Now);
    }

    private void Say(Guid process, long number, bool holdsAny, ToldMoment told) =>
        _table.Hear(new LocalSaying("a", process, number, holdsAny, told));
}
