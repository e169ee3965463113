namespace Diststore.Simulation;

/// <summary>Keys that one node holds alone, step by step: when they are acknowledged, who finds them, and who says that nobody has them.</summary>
public sealed class LocalOnlyTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100); // of SimCluster.Ask

    private readonly SimCluster _cluster = new(seed: 5, durable: true);

    public LocalOnlyTests()
    {
        WriteResult written = _cluster.Ask(_cluster.Nodes[0], static node => node.WriteAsync(new Write("key", [1])));
        Assert.Equal(WriteOutcome.Created, written.Outcome);
        _cluster.RunFor(Moment);
    }

    [Fact]
    public void Who_held_none_acknowledges_its_first_entry_when_the_primary_has_heard_of_it_for_a_bound()
    {
        foreach (SimNode holder in _cluster.Nodes)
        {
            Assert.InRange(Put(holder, "a"), SimCluster.MaxStaleness, SimCluster.MaxStaleness * 1.3);
            Assert.InRange(Put(holder, "b"), TimeSpan.Zero, Step);
            Delete(holder, "a");
            Assert.InRange(Put(holder, "c"), TimeSpan.Zero, Step);
            Delete(holder, "b");
            Delete(holder, "c");
            _cluster.RunFor(SimCluster.MaxStaleness);
            Assert.InRange(Put(holder, "d"), SimCluster.MaxStaleness, SimCluster.MaxStaleness * 1.3);
            Delete(holder, "d");
            _cluster.RunFor(SimCluster.MaxStaleness);
        }
    }

    [Fact]
    public void Where_no_primary_answers_it_takes_two_bounds()
    {
        SimNode[] masters = Masters();
        SimNode holder = _cluster.Nodes.Except(masters).First();
        Array.ForEach(masters, master => _cluster.Kill(master, TimeSpan.FromHours(1)));
        Assert.InRange(Put(holder, "a"), SimCluster.MaxStaleness * 1.5, SimCluster.MaxStaleness * 2.3);

        // The last "none" was said long ago: nobody counts it any more.
        Assert.InRange(Put(holder, "b"), TimeSpan.Zero, Step);
    }

    [Fact]
    public void A_key_is_found_although_every_datagram_is_lost_and_nobody_is_asked_where_nobody_holds_any()
    {
        _cluster.Network.DatagramLoss = 1;
        SimNode holder = _cluster.Nodes.Except(Masters()).First();
        foreach (SimNode node in _cluster.Nodes)
        {
            // Within the time that an answer by datagram is waited for at the masters, or not at all.
            Assert.InRange(Time(() => Assert.Equal(ReadOutcome.NotFound, Get(node, "mine").Outcome)), TimeSpan.Zero, 2 * Step);
        }

        Put(holder, "mine");
        foreach (SimNode node in _cluster.Nodes)
        {
            Assert.Equal(ReadOutcome.Found, Get(node, "mine").Outcome);
            Assert.Equal(ReadOutcome.NotFound, Get(node, "nobody's").Outcome);
        }
    }

    [Fact]
    public void A_holder_that_does_not_answer_makes_it_unknown_and_one_that_has_left_makes_it_not_found()
    {
        SimNode holder = _cluster.Nodes.Except(Masters()).First();
        SimNode[] others = [.. _cluster.Nodes.Where(node => node != holder)];
        Put(holder, "mine");

        holder.Scheduler.Pause();
        foreach (SimNode node in others)
        {
            ReadResult read = Get(node, "mine");
            Assert.Equal(ReadOutcome.Unavailable, read.Outcome);
            Assert.Contains(holder.Name, read.Detail, StringComparison.Ordinal);
        }

        holder.Scheduler.Resume();
        Assert.All(others, node => Assert.Equal(ReadOutcome.Found, Get(node, "mine").Outcome));

        _cluster.Kill(holder, TimeSpan.FromSeconds(30));
        _cluster.RunFor(Moment);
        Assert.All(others, node => Assert.Equal(ReadOutcome.NotFound, Get(node, "mine").Outcome));

        _cluster.RunFor(TimeSpan.FromSeconds(30));
        Assert.All(_cluster.Nodes, node => Assert.Equal(ReadOutcome.Found, Get(node, "mine").Outcome));
        Assert.Equal(WriteOutcome.NotFound, _cluster.Ask(holder, static node => new ValueTask<WriteResult>(node.DeleteLocalAsync("nobody's"))).Outcome);
        Delete(holder, "mine");
        Assert.All(_cluster.Nodes, node => Assert.Equal(ReadOutcome.NotFound, Get(node, "mine").Outcome));
    }

    [Fact]
    public void Beyond_its_quota_a_node_stores_no_more()
    {
        SimNode holder = _cluster.Nodes[0];
        Put(holder, "full", new byte[SimCluster.LocalMaxBytes - 4]);
        WriteResult refused = _cluster.Ask(holder, static node => new ValueTask<WriteResult>(node.PutLocalAsync("b", [], null)));
        Assert.Equal(WriteOutcome.OverQuota, refused.Outcome);
        Assert.Equal(ReadOutcome.NotFound, Get(holder, "b").Outcome);
        Delete(holder, "full");
        Put(holder, "b");
    }

    private SimNode[] Masters() => [.. _cluster.Storage.View!.InSyncSet.Select(master => _cluster.Named(master.Name))];

    private TimeSpan Put(SimNode holder, string key, byte[]? value = null) => Time(() =>
    {
        WriteResult put = _cluster.Ask(holder, node => new ValueTask<WriteResult>(node.PutLocalAsync(key, value ?? [1], null)));
        Assert.Equal(WriteOutcome.Created, put.Outcome);
    });

    private void Delete(SimNode holder, string key) =>
        Assert.Equal(WriteOutcome.Deleted, _cluster.Ask(holder, node => new ValueTask<WriteResult>(node.DeleteLocalAsync(key))).Outcome);

    private ReadResult Get(SimNode node, string key) =>
        _cluster.Ask(node, asked => asked.GetAsync(key, new ReadOptions(ReadScope.IncludingLocalOnly)));

    private TimeSpan Time(Action action)
    {
        TimeSpan began = _cluster.Elapsed;
        action();
        return _cluster.Elapsed - began;
    }
}
