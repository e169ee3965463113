namespace Diststore.Core.Tests;

/// <summary>What a node may keep as a copy.</summary>
public sealed class CopyKeeperTests
{
    private static readonly Guid s_history = Guid.NewGuid();

    private readonly CopyTable _copies = new(1 << 20, TimeSpan.FromMinutes(5), TimeProvider.System);
    private readonly CopyKeeper _keeper;

    public CopyKeeperTests()
    {
        _keeper = new CopyKeeper(_copies);
        _keeper.Follow(new News(s_history, [], new LogPoint(3, 10), IsWhole: true, Jumps: true));
    }

    [Fact]
    public void What_is_current_at_the_followed_point_is_kept()
    {
        Assert.True(_keeper.Keep(Value(3, 7), s_history, new LogPoint(3, 10), life: null));
        Assert.True(_copies.TryGet("key", out _));
    }

    [Fact]
    public void A_value_of_another_history_is_not_kept_whatever_its_point()
    {
        Assert.False(_keeper.Keep(Value(3, 50), Guid.NewGuid(), new LogPoint(3, 100), life: null));
        Assert.False(_keeper.Keep(Value(3, 50), Guid.Empty, new LogPoint(3, 100), life: null));
        Assert.False(_copies.TryGet("key", out _));
    }

    [Fact]
    public void What_is_older_than_a_change_that_is_known_here_is_outdated_a_delete_among_them()
    {
        _keeper.OnChanged(new ChangedKey("key", new LogPoint(3, 12)));

        Assert.True(_keeper.IsOutdated(Value(3, 11)));
        Assert.False(_keeper.IsOutdated(Value(3, 12)));
        Assert.False(_keeper.Keep(Value(3, 11), s_history, new LogPoint(3, 11), life: null));
    }

    [Fact]
    public void A_node_that_follows_nothing_keeps_nothing()
    {
        var none = new CopyKeeper(_copies);
        Assert.False(none.Keep(Value(3, 50), Guid.Empty, new LogPoint(3, 100), life: null));
        Assert.False(none.Keep(Value(3, 50), s_history, new LogPoint(3, 100), life: null));
    }

    private static Entry Value(long epoch, long sequence) => new("key", [1], null, new LogPoint(epoch, sequence));
}
