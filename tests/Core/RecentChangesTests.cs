namespace Diststore.Core.Tests;

/// <summary>The window of recent changes.</summary>
public sealed class RecentChangesTests
{
    private static readonly Guid History = Guid.NewGuid();

    private readonly RecentChanges _changes = new();

    public RecentChangesTests() => _changes.Begin(History, new LogPoint(1, 100));

    [Fact]
    public void What_was_added_is_told_from_any_point_within()
    {
        _changes.Add(Batch(101, 103));
        _changes.Add(Batch(104, 104));
        Assert.Equal(new LogPoint(1, 104), _changes.End);
        Assert.True(_changes.Reach(100));
        Assert.False(_changes.Reach(99));
        Assert.Equal([101, 102, 103, 104], Told(100));
        Assert.Equal([103, 104], Told(102));
        Assert.Equal([101, 102], Told(100, limit: 2));
        Assert.Empty(Told(104));
    }

    [Fact]
    public void A_batch_that_is_there_changes_nothing_and_one_with_a_gap_before_it_begins_anew()
    {
        _changes.Add(Batch(101, 103));
        _changes.Add(Batch(101, 103));
        Assert.Equal([101, 102, 103], Told(100));

        _changes.Add(Batch(106, 107));
        Assert.Equal((History, new LogPoint(1, 107)), (_changes.History, _changes.End));
        Assert.False(_changes.Reach(103));
        Assert.True(_changes.Reach(107));
        Assert.Empty(Told(107));
    }

    [Fact]
    public void What_an_upstream_told_has_gaps_and_reaches_all_the_same()
    {
        _changes.Add([Change(104), Change(109)], new LogPoint(1, 112));
        Assert.Equal([104, 109], Told(101));
        Assert.Equal([109], Told(104));
        Assert.Equal([109], Told(108));
        Assert.Empty(Told(109));
        Assert.Equal(new LogPoint(1, 112), _changes.End);
    }

    [Fact]
    public void Only_so_many_are_kept()
    {
        const int More = RecentChanges.MaxChanges + 10;
        for (int i = 0; i < More; i++)
        {
            _changes.Add([Change(101 + i)], new LogPoint(1, 101 + i));
        }

        Assert.False(_changes.Reach(109));
        Assert.True(_changes.Reach(110));
        Assert.Equal(RecentChanges.MaxChanges, Told(110).Length);
        Assert.Equal(111, Told(110)[0]);
    }

    private static ChangedKey Change(long sequence) => new($"key-{sequence}", new LogPoint(1, sequence));

    private static Batch Batch(int first, int last) => new(
        new LogPoint(1, first - 1),
        [.. Enumerable.Range(first, last - first + 1).Select(static i => new Entry($"key-{i}", [1], null, new LogPoint(1, i)))],
        default);

    private long[] Told(long since, int limit = int.MaxValue) => [.. _changes.After(since, limit).Select(static change => change.Version.Sequence)];
}
