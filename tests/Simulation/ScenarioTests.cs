namespace Diststore.Simulation;

/// <summary>What an operator does, step by step: hand-overs, forced elections, histories that contradict each other.</summary>
public sealed class ScenarioTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(10);

    private readonly SimCluster _cluster = new(seed: 5, durable: true);

    [Fact]
    public void A_primary_that_steps_down_changes_places_with_the_other_master()
    {
        Put("key", 1);
        _cluster.RunFor(Moment);
        MasterView before = View;

        Assert.Equal(RoleOutcome.Done, Ask(Up, node => node.StepDownAsync(before.Primary.Name)).Outcome);

        Assert.Equal((before.Epoch + 1, before.Other!, before.Primary, true), (View.Epoch, View.Primary, View.Other!, View.OtherInSync));
        Put("key", 2);
        Assert.Equal(2, Get("key"));
        Assert.Equal(RoleOutcome.Refused, Ask(Up, node => node.StepDownAsync(Neither().Name)).Outcome);
        Assert.Equal(RoleOutcome.UnknownNode, Ask(Up, node => node.StepDownAsync("nobody")).Outcome);
    }

    [Fact]
    public void A_named_node_that_does_not_answer_is_not_taken_for_one_that_nobody_knows()
    {
        Put("key", 1);
        _cluster.RunFor(Moment);
        SimNode still = _cluster.Nodes.Last(static node => node.Answers);
        still.Scheduler.Pause();

        Assert.Equal(ReadOutcome.Unavailable, Ask(Up, node => node.GetLocalAsync(still.Name, "key")).Outcome);
        Assert.Equal(WriteOutcome.Unknown, Ask(Up, node => node.PutLocalAsync(still.Name, "key", [1], null)).Outcome);
        Assert.Equal(WriteOutcome.Unknown, Ask(Up, node => node.DeleteLocalAsync(still.Name, "key")).Outcome);
        Assert.Equal(KeysOutcome.Unavailable, Ask(Up, node => node.GetKeysAsync(still.Name, null)).Outcome);
        Assert.Equal(RoleOutcome.Unavailable, Ask(Up, node => node.StepDownAsync(still.Name)).Outcome);
        Assert.Null(Ask(Up, node => node.ReadBackupAsync(still.Name, Guid.Empty)).Bytes);

        Assert.Equal(ReadOutcome.UnknownNode, Ask(Up, node => node.GetLocalAsync("nobody", "key")).Outcome);
        Assert.Equal(WriteOutcome.UnknownNode, Ask(Up, node => node.PutLocalAsync("nobody", "key", [1], null)).Outcome);
        Assert.Equal(KeysOutcome.UnknownNode, Ask(Up, node => node.GetKeysAsync("nobody", null)).Outcome);
    }

    [Fact]
    public void A_stopping_primary_leaves_and_no_write_meets_its_end()
    {
        Put("key", 1);
        _cluster.RunFor(Moment);
        SimNode stopping = _cluster.Named(View.Primary.Name);
        Ask(stopping, async node =>
        {
            await node.StopAsync();
            return true;
        });

        Assert.DoesNotContain(View.InSyncSet, master => master.Name == stopping.Name);
        _cluster.Kill(stopping, TimeSpan.FromHours(1));
        Put("key", 2);
        _cluster.RunFor(Moment);
        Assert.True(View.OtherInSync, $"{View}");
    }

    [Fact]
    public void Nodes_that_stop_all_at_once_do_not_wait_for_each_other_to_take_a_role()
    {
        Put("key", 1);
        _cluster.RunFor(Moment);
        MasterView before = View;
        Task[] stops = [.. _cluster.Nodes.Select(static node => node.Node!.StopAsync())];
        _cluster.RunFor(TimeSpan.FromSeconds(3));

        Assert.All(stops, static stop => Assert.True(stop.IsCompletedSuccessfully, $"{stop.Status}"));
        Assert.True(View.Epoch <= before.Epoch + 2, $"{before} -> {View}");
    }

    [Fact]
    public void An_election_is_forced_only_where_nobody_in_sync_is_left_and_the_loss_is_accepted()
    {
        Put("lost", 1);
        _cluster.RunFor(Moment);
        SimNode third = Neither();
        RoleResult refused = Ask(third, node => node.ForceElectionAsync(third.Name, acceptsDataLoss: true));
        Assert.Equal(RoleOutcome.Refused, refused.Outcome);

        SimNode[] masters = Masters();
        Array.ForEach(masters, master => _cluster.Kill(master, TimeSpan.FromHours(1)));
        _cluster.RunFor(Moment);
        Assert.Equal(WriteOutcome.Unavailable, Write("kept", 2).Outcome);
        Assert.Equal(RoleOutcome.UnknownNode, Ask(third, node => node.ForceElectionAsync("nobody", acceptsDataLoss: true)).Outcome);
        refused = Ask(third, node => node.ForceElectionAsync(third.Name, acceptsDataLoss: false));
        Assert.Equal(RoleOutcome.Refused, refused.Outcome);
        Assert.Contains($"{third.Name} holds", refused.Detail, StringComparison.Ordinal);

        MasterView before = View;
        Assert.Equal(RoleOutcome.Done, Ask(third, node => node.ForceElectionAsync(third.Name, acceptsDataLoss: true)).Outcome);
        Assert.True(View.IsForced && View.History != before.History && View.Primary.Name == third.Name, $"{before} -> {View}");
        Put("kept", 3);
        Assert.Null(Get("lost"));

        // Who comes back with what was given up syncs in full.
        Array.ForEach(masters, _cluster.StartIfDown);
        _cluster.RunFor(Moment);
        Array.ForEach(masters, master => Assert.Null(Get("lost", master)));
        Assert.True(View.OtherInSync && !View.IsContested, $"{View}");
        Array.ForEach(masters, master => Assert.Equal(3, Get("kept", master)));
    }

    [Fact]
    public void Who_saw_a_key_passed_over_for_a_later_change_that_is_lost_lists_anew()
    {
        Put("first", 1);
        _cluster.RunFor(Moment);
        MasterView before = View;
        (SimNode primary, SimNode secondary) = (_cluster.Named(before.Primary.Name), _cluster.Named(before.Other!.Name));
        foreach (SimNode other in _cluster.Nodes.Except([primary, secondary]))
        {
            _cluster.Kill(other, TimeSpan.FromHours(1));
        }

        Put("long", new byte[ChangesQuery.MaxBytes]);
        Put("key", 3);
        ChangeId shown = Changes(View.Primary.Name, default).Upto;
        _cluster.RunFor(Moment);

        // Only the primary has the second value of the key, and who reads page by page has not come so far.
        _cluster.Kill(secondary, TimeSpan.FromHours(1));
        _cluster.RunFor(Moment);
        Put("key", 4);
        LogPoint first = Changes(primary.Name, ChangeId.Start).Entries[0].Version;
        ChangesResult page = Changes(primary.Name, first);
        Assert.Equal(["long"], page.Entries.Select(static entry => entry.Key));
        ChangeId within = page.IdOf(page.Upto);

        _cluster.Kill(primary, TimeSpan.FromHours(1));
        _cluster.StartIfDown(secondary);
        _cluster.RunFor(Moment);
        Assert.Equal(RoleOutcome.Done, Ask(secondary, node => node.ForceElectionAsync(secondary.Name, acceptsDataLoss: true)).Outcome);
        Assert.Equal(3, Get("key", secondary));

        Assert.Equal(ChangesOutcome.Gone, Changes(secondary.Name, within).Outcome);
        Assert.Equal(ChangesOutcome.Page, Changes(secondary.Name, within.Point).Outcome);
        Assert.Equal(ChangesOutcome.Page, Changes(secondary.Name, shown).Outcome);
    }

    [Fact]
    public void A_master_that_comes_back_without_its_store_is_missing_still_and_since_then()
    {
        Put("key", 1);
        _cluster.RunFor(Moment);
        SimNode third = Neither();
        SimNode[] masters = Masters();
        Array.ForEach(masters, master => _cluster.Kill(master, TimeSpan.FromHours(1)));
        _cluster.RunFor(Moment);
        MissingMaster[] before = Missing();
        Assert.Equal(masters.Select(static master => master.Name).Order(), before.Select(static one => one.Name).Order());
        Assert.NotNull(third.Node!.NotWritableBecause);

        masters[0].LoseDisk();
        _cluster.StartIfDown(masters[0]);
        _cluster.RunFor(Moment);
        Assert.NotNull(third.Node!.NotWritableBecause);
        Assert.Equal(before.ToHashSet(), Missing().ToHashSet());

        _cluster.StartIfDown(masters[1]);
        _cluster.RunFor(Moment);
        Assert.Null(third.Node!.NotWritableBecause);
        Assert.Empty(Missing());

        MissingMaster[] Missing() => Ask(third, static node => node.GetStatusAsync()).Partitions[0].Missing;
    }

    [Fact]
    public void Two_histories_wait_for_an_operator()
    {
        Put("old", 1);
        _cluster.RunFor(Moment);
        SimNode[] masters = Masters();
        foreach (SimNode node in _cluster.Nodes)
        {
            _cluster.Kill(node, TimeSpan.FromHours(1));
        }

        // The registry's storage is lost too, and a node that remembers nothing comes first.
        SimNode fresh = _cluster.Nodes.Except(masters).First();
        _cluster.Storage.Wipe();
        fresh.LoseDisk();
        _cluster.StartIfDown(fresh);
        _cluster.RunFor(Moment);
        Put("new", 2);

        Array.ForEach(masters, _cluster.StartIfDown);
        _cluster.RunFor(Moment);
        Assert.True(View.IsContested, $"{View}");
        Assert.Equal(WriteOutcome.Unavailable, Write("new", 3).Outcome);
        Assert.NotNull(masters[0].Node!.NotReadyBecause);
        Assert.Equal(NodeRole.Copies, View.RoleOf(masters[0].Node!.Id));

        Assert.Equal(RoleOutcome.Done, Ask(fresh, node => node.ForceElectionAsync(masters[0].Name, acceptsDataLoss: true)).Outcome);
        _cluster.RunFor(Moment);
        Assert.True(View is { OtherInSync: true, IsContested: false } && View.Primary.Name == masters[0].Name, $"{View}");
        Assert.Null(masters[0].Node!.NotReadyBecause);
        Assert.Equal(1, Get("old"));
        Assert.Null(Get("new"));
    }

    private MasterView View => _cluster.Storage.View!;

    private SimNode Up => _cluster.Nodes.First(static node => node.Answers);

    private SimNode Neither() => _cluster.Nodes.First(node => View.RoleOf(node.Node!.Id) == NodeRole.Copies);

    private SimNode[] Masters() => [.. View.InSyncSet.Select(master => _cluster.Named(master.Name))];

    private void Put(string key, int value) =>
        Assert.Contains(Write(key, value).Outcome, new[] { WriteOutcome.Created, WriteOutcome.Replaced });

    private void Put(string key, byte[] value) => Assert.Contains(
        Ask(Up, node => node.WriteAsync(new Write(key, value))).Outcome, new[] { WriteOutcome.Created, WriteOutcome.Replaced });

    private ChangesResult Changes(string at, ChangeId since) =>
        Ask(_cluster.Named(at), node => node.ReadChangesAsync(new ChangesQuery(since, TimeSpan.Zero)));

    private WriteResult Write(string key, int value) => Ask(Up, node => node.WriteAsync(new Write(key, BitConverter.GetBytes(value))));

    private int? Get(string key, SimNode? at = null)
    {
        ReadResult read = Ask(at ?? Up, node => node.GetAsync(key, new ReadOptions(IsStrong: true)));
        Assert.True(read.Outcome is ReadOutcome.Found or ReadOutcome.NotFound, $"{key}: {read}");
        return read.Entry is { } entry ? BitConverter.ToInt32(entry.Value!) : null;
    }

    private T Ask<T>(SimNode node, Func<Node, ValueTask<T>> request) => _cluster.Ask(node, request);

    private void Ask(SimNode node, Func<Node, Task<bool>> request) => _cluster.Ask(node, running => new ValueTask<bool>(request(running)));
}
