namespace Diststore.Core.Tests;

/// <content>Places that are kept, and masters that are back.</content>
public sealed partial class RegistryTests
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Without_grace_another_learner_is_chosen_at_once_when_a_master_stops()
    {
        MasterRegistry registry = Pair(TimeSpan.Zero);
        await registry.LeaveAsync(_nodes.View!.Epoch, _nodes["b"].Id, stops: true);
        Assert.Equal((_nodes["c"].Id, null), (_nodes.View.Other, _nodes.View.Kept));
    }

    [Fact]
    public async Task The_place_of_a_master_that_stopped_is_kept_until_it_is_back()
    {
        MasterRegistry registry = Pair(Grace);
        FakeNode b = _nodes["b"];
        await LeaveAsync(registry, b);
        Assert.Equal((null, "b"), (_nodes.View!.Other, _nodes.View.Kept?.Name));

        await RoundsAsync(registry, 20);
        Assert.Null(_nodes.View.Other);

        FakeNode back = _nodes.Add("b", keys: 1, b.Id.StoreId);
        await RoundsAsync(registry, 1);
        Assert.Equal((back.Id, null), (_nodes.View.Other, _nodes.View.Kept));
    }

    [Fact]
    public async Task A_place_is_kept_for_its_time_and_no_longer_and_counted_anew_by_a_registry_that_takes_over()
    {
        MasterRegistry registry = Pair(Grace);
        await LeaveAsync(registry, _nodes["b"]);
        await RoundsAsync(registry, 55);
        MasterRegistry next = Begin(Grace);
        await RoundsAsync(next, 55);
        Assert.Null(_nodes.View!.Other);

        await RoundsAsync(next, 7);
        Assert.Equal((_nodes["c"].Id, null), (_nodes.View.Other, _nodes.View.Kept));
    }

    [Fact]
    public async Task Each_stop_has_its_own_time_though_nothing_was_written_in_between()
    {
        MasterRegistry registry = Pair(Grace);
        FakeNode b = _nodes["b"];
        for (int stop = 0; stop < 2; stop++)
        {
            await LeaveAsync(registry, b);
            await RoundsAsync(registry, 50);
            Assert.Null(_nodes.View!.Other);
            b = _nodes.Add("b", keys: 1, b.Id.StoreId);
            await RoundsAsync(registry, 1);
            await registry.AdmitAsync(_nodes.View.Epoch, _nodes["a"].Id, b.Id);
            await RoundsAsync(registry, 1);
            Assert.True(_nodes.View.OtherInSync);
        }
    }

    [Fact]
    public async Task A_place_whose_time_is_over_is_not_kept_on_where_nobody_else_is_there()
    {
        MasterRegistry registry = Pair(Grace);
        _nodes.Remove("c");
        await LeaveAsync(registry, _nodes["b"]);
        await RoundsAsync(registry, 65);
        Assert.Equal((null, null), (_nodes.View!.Kept, _nodes.View.Other));
    }

    [Fact]
    public async Task Maintaining_one_master_does_not_give_up_the_place_of_the_other_and_ending_nothing_changes_nothing()
    {
        MasterRegistry registry = Pair(Grace);
        await LeaveAsync(registry, _nodes["b"]);
        await registry.MaintainAsync("a", TimeSpan.FromSeconds(60));
        Assert.Equal("b", _nodes.View!.Kept?.Name);
        await registry.MaintainAsync("a", TimeSpan.Zero);
        MasterView view = _nodes.View;
        Assert.Equal(("b", null), (view.Kept?.Name, view.Maintenance));

        Assert.Equal(RoleOutcome.Done, (await registry.MaintainAsync("a", TimeSpan.Zero)).Outcome);
        Assert.Equal(view, _nodes.View);
    }

    [Theory]
    [InlineData("steps down")]
    [InlineData("min in sync")]
    [InlineData("other leaves")]
    [InlineData("other in memory")]
    [InlineData("floor")]
    [InlineData("other store")]
    public async Task A_place_is_not_kept_where_the_other_master_alone_would_not_do(string why)
    {
        MasterRegistry registry = Pair(Grace, minInSync: why == "min in sync" ? 2 : 1, durable: why != "other in memory");
        FakeNode b = _nodes["b"];
        _nodes["a"].IsLeaving = why == "other leaves";
        await LeaveAsync(registry, b, stops: why != "steps down");
        if (why == "floor")
        {
            _nodes["a"].Floor = 2; // what it held was up to 1
        }
        else if (why == "other store")
        {
            _nodes.Add("b");
        }

        await RoundsAsync(registry, 5);
        Assert.NotNull(_nodes.View!.Other);
        Assert.Null(_nodes.View.Kept);
    }

    [Fact]
    public async Task A_maintained_master_s_place_is_kept_as_long_as_was_asked_for()
    {
        MasterRegistry registry = Pair(TimeSpan.Zero);
        OperatorReply reply = await registry.MaintainAsync("b", TimeSpan.FromMinutes(10));
        Assert.Equal(RoleOutcome.Done, reply.Outcome);
        await RoundsAsync(registry, 10);

        await LeaveAsync(registry, _nodes["b"]);
        Assert.InRange(_nodes.View!.Kept!.For, TimeSpan.FromMinutes(9.9), TimeSpan.FromMinutes(10));

        // It does not come back after all.
        Assert.Equal(RoleOutcome.Done, (await registry.MaintainAsync("b", TimeSpan.Zero)).Outcome);
        await RoundsAsync(registry, 2);
        Assert.Equal(_nodes["c"].Id, _nodes.View.Other);
        Assert.Null(_nodes.View.Maintenance);
    }

    [Fact]
    public async Task Both_masters_may_be_maintained_and_what_is_over_is_forgotten()
    {
        MasterRegistry registry = Pair(TimeSpan.Zero);
        await registry.MaintainAsync("a", TimeSpan.FromSeconds(10));
        await registry.MaintainAsync("b", TimeSpan.FromSeconds(60));
        Assert.Equal(2, Maintenance.All(_nodes.View!.Maintenance).Count());

        await RoundsAsync(registry, 25);
        Assert.Equal([_nodes["b"].Id.StoreId], Maintenance.All(_nodes.View.Maintenance).Select(static one => one.StoreId));
        await RoundsAsync(registry, 100);
        Assert.Null(_nodes.View.Maintenance);
    }

    [Theory]
    [InlineData("c", RoleOutcome.Refused)]
    [InlineData("typo", RoleOutcome.UnknownNode)]
    public async Task Only_a_master_is_maintained(string node, RoleOutcome outcome)
    {
        MasterRegistry registry = Pair(TimeSpan.Zero);
        MasterView view = _nodes.View!;
        Assert.Equal(outcome, (await registry.MaintainAsync(node, TimeSpan.FromSeconds(1))).Outcome);
        Assert.Equal(view, _nodes.View);
    }

    [Fact]
    public async Task A_store_that_needs_only_changes_takes_the_place_of_a_learner_that_needs_everything()
    {
        MasterRegistry registry = LearnerAndReturned(out FakeNode learner, out FakeNode back);
        await RoundsAsync(registry, 3);
        Assert.Equal(learner.Id, _nodes.View!.Other); // it may need only changes itself

        learner.SyncsFully = true;
        await RoundsAsync(registry, 1);
        Assert.Equal(back.Id, _nodes.View.Other);

        // Told to take everything all the same, it has failed, and does not come again.
        back.SyncsFully = true;
        back.SyncsFrom = LogPoint.Zero;
        await RoundsAsync(registry, 1);
        Assert.Equal(learner.Id, _nodes.View.Other);
        await RoundsAsync(registry, 15);
        Assert.Equal(learner.Id, _nodes.View.Other);
    }

    [Theory]
    [InlineData("streams")]
    [InlineData("floor")]
    [InlineData("history")]
    [InlineData("leaves")]
    [InlineData("stepped down")]
    public async Task It_does_not_where_that_gains_nothing_or_is_not_wanted(string why)
    {
        MasterRegistry registry = LearnerAndReturned(out FakeNode learner, out FakeNode back);
        learner.SyncsFully = true;
        learner.IsStreaming = why == "streams";
        _nodes["a"].Floor = why == "floor" ? 6 : 5;
        back.History = why == "history" ? Guid.NewGuid() : back.History;
        back.IsLeaving = why == "leaves";
        back.HasSteppedDown = why == "stepped down";

        await RoundsAsync(registry, 5);

        Assert.Equal(learner.Id, _nodes.View!.Other);
    }

    private MasterRegistry LearnerAndReturned(out FakeNode learner, out FakeNode back)
    {
        _nodes.Add("a", keys: 9);
        learner = _nodes.Add("l", keys: 2);
        back = _nodes.Add("back", keys: 1);
        MasterView view = _nodes.Store(_nodes["a"], learner, inSync: false);
        (back.History, back.SyncsFrom) = (view.History, new LogPoint(1, 5));
        return Begin();
    }

    private MasterRegistry Pair(TimeSpan grace, int minInSync = 1, bool durable = true)
    {
        _nodes.Add("a", keys: 1, isDurable: durable);
        _nodes.Add("b", keys: 1);
        _nodes.Add("c");
        _nodes.Store(_nodes["a"], _nodes["b"], inSync: true);
        return Begin(grace, minInSync);
    }

    private async Task LeaveAsync(MasterRegistry registry, FakeNode node, bool stops = true)
    {
        await registry.LeaveAsync(_nodes.View!.Epoch, node.Id, stops);
        _nodes.Remove(node.Id.Name);
    }

    private async Task RoundsAsync(MasterRegistry registry, int rounds)
    {
        for (int i = 0; i < rounds; i++)
        {
            _time.Advance(MasterRegistry.TickPeriod);
            foreach (FakeNode node in _nodes.All)
            {
                node.PagesTaken++;
            }

            await registry.TickAsync();
        }
    }
}
