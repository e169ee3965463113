using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>What the registry decides, round by round, of nodes that answer as they are told to.</summary>
public sealed partial class RegistryTests
{
    private readonly Nodes _nodes = new();
    private readonly ManualTime _time = new();
    private readonly MasterRegistry _registry;

    public RegistryTests() => _registry = Begin();

    [Fact]
    public async Task A_registry_that_has_just_begun_drops_nobody_for_a_ping_or_two_that_were_missed()
    {
        _nodes.Add("a", keys: 1);
        _nodes.Add("b");
        MasterView view = _nodes.Store(_nodes["a"], _nodes["b"], inSync: true);
        _nodes["b"].IsSilent = true;

        await _registry.TickAsync();
        await _registry.TickAsync();
        Assert.Equal(view, _nodes.View);

        await _registry.TickAsync();
        Assert.Equal((view.Epoch + 1, false), (_nodes.View!.Epoch, _nodes.View.OtherInSync));
    }

    [Fact]
    public async Task A_registry_that_has_just_begun_replaces_no_primary_for_a_ping_or_two_that_were_missed()
    {
        _nodes.Add("a", keys: 1);
        _nodes.Add("b");
        MasterView view = _nodes.Store(_nodes["a"], _nodes["b"], inSync: true);
        _nodes["a"].IsSilent = true;
        await _registry.TickAsync();
        await _registry.TickAsync();
        _nodes["a"].IsSilent = false;
        for (int i = 0; i < 5; i++)
        {
            await _registry.TickAsync();
        }

        Assert.Equal(view, _nodes.View);
    }

    [Fact]
    public async Task An_idle_node_is_seldom_asked_to_write_and_one_that_is_no_master_never()
    {
        FakeNode a = _nodes.Add("a", keys: 1);
        FakeNode b = _nodes.Add("b", keys: 1);
        FakeNode c = _nodes.Add("c");
        MasterView view = _nodes.Store(a, b, inSync: true);
        for (int i = 0; i < 120; i++)
        {
            await RoundAsync();
        }

        Assert.Equal(view, _nodes.View);
        Assert.InRange(a.WritesAsked, 3, 8); // in a minute
        Assert.InRange(b.WritesAsked, 3, 8);
        Assert.Equal(0, c.WritesAsked);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    public async Task A_master_whose_disk_hangs_is_found_out_though_nobody_writes(string hanging)
    {
        FakeNode a = _nodes.Add("a", keys: 1);
        FakeNode b = _nodes.Add("b", keys: 1);
        MasterView view = _nodes.Store(a, b, inSync: true);
        await RoundAsync();
        _nodes[hanging].CannotWrite = true;
        for (int i = 0; i < 30; i++)
        {
            await RoundAsync();
        }

        Assert.Equal((hanging == "a" ? b : a).Id, _nodes.View!.Primary);
        Assert.Null(_nodes.View.Other);
        Assert.True(_nodes.View.Epoch > view.Epoch);
    }

    [Fact]
    public async Task Who_cannot_write_is_given_no_role()
    {
        FakeNode a = _nodes.Add("a", keys: 1);
        _nodes.Add("b", keys: 3).CannotWrite = true;
        FakeNode c = _nodes.Add("c");
        _nodes.Store(a, null, inSync: false);
        for (int i = 0; i < 5; i++)
        {
            await RoundAsync();
        }

        Assert.Equal(c.Id, _nodes.View!.Other);
    }

    [Fact]
    public async Task A_node_with_a_new_name_is_who_its_store_says_where_masters_restarted()
    {
        FakeNode a = _nodes.Add("a", keys: 1);
        _nodes.Store(a, null, inSync: false);
        _nodes.Remove("a");
        FakeNode renamed = _nodes.Add("renamed", keys: 1, a.Id.StoreId);

        for (int i = 0; i < 3; i++)
        {
            await _registry.TickAsync();
        }

        Assert.Equal(renamed.Id, _nodes.View!.Primary);
    }

    [Fact]
    public async Task A_node_with_a_new_name_is_who_its_store_says_where_the_view_was_lost()
    {
        FakeNode a = _nodes.Add("a", keys: 1);
        FakeNode b = _nodes.Add("b", keys: 1);
        MasterView lost = _nodes.Store(a, b, inSync: true);
        _nodes.View = null;
        _nodes.Remove("a");
        FakeNode renamed = _nodes.Add("renamed", keys: 1, a.Id.StoreId);
        (renamed.Remembers, b.Remembers) = (lost, lost);

        await _registry.TickAsync();

        Assert.Equal(lost.History, _nodes.View?.History);
        Assert.True(_nodes.View!.Epoch >= lost.Epoch + 1000);
    }

    [Theory]
    [InlineData(2, false)] // two pings are missed
    [InlineData(0, true)] // it answers, though it cannot write
    public async Task No_election_is_forced_while_a_member_in_sync_answers(int missed, bool cannotWrite)
    {
        FakeNode a = _nodes.Add("a", keys: 1);
        _nodes.Add("b");
        MasterView view = _nodes.Store(a, null, inSync: false);
        (a.Misses, a.CannotWrite) = (2 * missed, cannotWrite); // a ping each for writing and for reading

        OperatorReply reply = await _registry.ForceAsync("b", acceptsDataLoss: true);

        Assert.Equal(RoleOutcome.Refused, reply.Outcome);
        Assert.Contains("a was in sync and answers", reply.Detail, StringComparison.Ordinal);
        Assert.Equal(view, _nodes.View);
    }

    [Fact]
    public async Task Where_the_view_was_lost_and_one_of_the_pair_stays_away_an_operator_gives_it_up_and_only_for_the_other()
    {
        FakeNode a = _nodes.Add("a", keys: 1);
        FakeNode b = _nodes.Add("b", keys: 1);
        FakeNode c = _nodes.Add("c");
        MasterView lost = _nodes.Store(a, b, inSync: true);
        _nodes.View = null;
        (a.Remembers, b.Remembers, c.Remembers) = (lost, lost, lost);
        OperatorReply both = await _registry.ForceAsync("b", acceptsDataLoss: true);
        Assert.Equal(RoleOutcome.Refused, both.Outcome); // it is taken up by itself

        a.IsSilent = true;
        await _registry.TickAsync();
        Assert.Null(_nodes.View);
        OperatorReply other = await _registry.ForceAsync("c", acceptsDataLoss: true);
        Assert.Equal(RoleOutcome.Refused, other.Outcome);
        Assert.Contains("b was in sync and answers: name that one", other.Detail, StringComparison.Ordinal);
        OperatorReply unsure = await _registry.ForceAsync("b", acceptsDataLoss: false);
        Assert.Equal(RoleOutcome.Refused, unsure.Outcome);

        Assert.Equal(RoleOutcome.Done, (await _registry.ForceAsync("b", acceptsDataLoss: true)).Outcome);
        Assert.Equal(b.Id, _nodes.View!.Primary);
        Assert.NotEqual(lost.History, _nodes.View.History);
        Assert.True(_nodes.View.Epoch >= lost.Epoch + 1000);
    }

    [Fact]
    public async Task An_election_is_forced_where_no_member_in_sync_answers_three_times()
    {
        FakeNode a = _nodes.Add("a", keys: 1);
        FakeNode b = _nodes.Add("b");
        _nodes.Store(a, null, inSync: false);
        a.IsSilent = true;

        OperatorReply reply = await _registry.ForceAsync("b", acceptsDataLoss: true);

        Assert.Equal((RoleOutcome.Done, b.Id), (reply.Outcome, _nodes.View!.Primary));
    }

    [Fact]
    public async Task A_learner_that_takes_page_after_page_keeps_its_place_though_neither_its_keys_nor_its_mark_move()
    {
        FakeNode b = Learning();
        for (int i = 0; i < 60; i++)
        {
            b.PagesTaken++;
            await RoundAsync();
        }

        Assert.Equal(b.Id, _nodes.View!.Other);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // whole, not admitted, starting again and again
    public async Task A_learner_that_gets_no_further_gives_way(bool whole)
    {
        FakeNode b = Learning();
        b.HasBeenWhole = whole;
        int rounds = 0;
        while (_nodes.View!.Other == b.Id && rounds++ < 60)
        {
            b.PagesTaken += whole ? 1 : 0;
            await RoundAsync();
        }

        Assert.InRange(rounds, 19, 23); // ten seconds, a round each half
        Assert.Equal(_nodes["c"].Id, _nodes.View.Other);
    }

    [Fact]
    public async Task Time_in_which_the_registry_does_not_answer_is_not_the_learners()
    {
        FakeNode b = Learning();
        b.HasBeenWhole = true;
        for (int i = 0; i < 8; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(30));
            await RoundAsync();
        }

        Assert.Equal(b.Id, _nodes.View!.Other);
    }

    private FakeNode Learning()
    {
        _nodes.Add("a", keys: 1);
        FakeNode b = _nodes.Add("b", keys: 1);
        _nodes.Add("c", keys: 1);
        _nodes.Store(_nodes["a"], b, inSync: false);
        return b;
    }

    private Task RoundAsync()
    {
        _time.Advance(MasterRegistry.TickPeriod);
        return _registry.TickAsync();
    }

    private MasterRegistry Begin(TimeSpan grace = default, int minInSync = 1) =>
        new(_nodes, _nodes, _time, new Random(1), NullLogger<MasterRegistry>.Instance, new RegistrySettings(minInSync, grace));
}
