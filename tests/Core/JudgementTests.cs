namespace Diststore.Core.Tests;

/// <summary>What the registry makes of what it has seen, case by case.</summary>
public sealed class JudgementTests
{
    private static readonly Guid History = Guid.NewGuid(), Fresh = Guid.NewGuid();
    private static readonly TimeSpan Tick = MasterRegistry.TickPeriod;
    private static readonly MasterId A = Id("a"), B = Id("b"), C = Id("c"), D = Id("d");
    private static readonly MasterView Pair = new(5, History, A, B, OtherInSync: true);
    private static readonly MasterView Learning = new(5, History, A, B, OtherInSync: false);
    private static readonly KeptPlace Place = new("b", B.StoreId, new LogPoint(5, 40), TimeSpan.FromSeconds(30));
    private static readonly MasterView Keeping = new(5, History, A, null, OtherInSync: false, Kept: Place);
    private static readonly RegistrySettings NoGrace = new();

    /// <summary>A name, the view, rounds of pings and what follows: the next primary, the other, whether it is in sync, and why.</summary>
    public static TheoryData<string> Names => [.. Cases.Keys];

    private static Dictionary<string, Case> Cases { get; } = new(StringComparer.Ordinal)
    {
        ["all is well"] = new(Pair, [[Ping(A), Ping(B), Ping(C)]], null),
        ["nobody answers at first"] = new(Pair, [[], []], null),
        ["nobody answers at all"] = new(Pair, [[], [], [], []], null),
        ["one ping of the primary is missed"] = new(Pair, [[Ping(A), Ping(B)], [Ping(B)]], null),
        ["two pings of the primary are missed"] = new(Pair, [[Ping(A), Ping(B)], [Ping(B)], [Ping(B)]], null),
        ["three pings of the primary are missed"] = new(
            Pair, [[Ping(A), Ping(B), Ping(C)], .. Rounds(3, Ping(B), Ping(C))], "6 b, learner c: the primary is lost"),
        ["the primary is lost, and the other misses a ping"] = new(
            Pair, [[Ping(A), Ping(B)], [Ping(B)], [Ping(B)], [Ping(C)]], null),
        ["the primary has begun anew"] = new(
            Pair, [[Ping(A), Ping(B)], [Ping(Anew(A)), Ping(B)]], "6 b, learner a: the primary is lost"),
        ["the primary has left the membership"] = new(
            Pair, [[Ping(A), Ping(B)], [Ping(B)]], "6 b: the primary is lost", Members: ["b"]),
        ["a registry begins, and the primary is no member"] = new(Pair, [[Ping(B)]], "6 b: the primary is lost", Members: ["b"]),
        ["a registry begins, and the primary misses its first pings"] = new(Pair, [[Ping(B)], [Ping(B)]], null),
        ["three pings of the secondary are missed"] = new(
            Pair, [[Ping(A), Ping(B), Ping(C)], .. Rounds(3, Ping(A), Ping(C))], "6 a, learner c: the secondary is lost"),
        ["the secondary is lost, and the primary misses a ping"] = new(
            Pair, [[Ping(A), Ping(B)], [Ping(A)], [Ping(A)], [Ping(C)]], null),
        ["the primary was found unreachable"] = new(
            Pair, [[Ping(A), Ping(B)], [Ping(B)]], "6 b: the primary is lost", Unreachable: "a"),
        ["both are lost"] = new(Pair, [[Ping(A), Ping(B), Ping(C)], .. Rounds(4, Ping(C))], null),
        ["both are back, the longer log leads"] = new(
            Pair,
            [[Ping(Anew(A)) with { Last = new LogPoint(5, 8) }, Ping(Anew(B)) with { Last = new LogPoint(5, 9) }]],
            "6 b, learner a: the masters restarted"),
        ["one of both is back, the other is waited for"] = new(Pair, [[Ping(Anew(B))], .. Rounds(9, Ping(Anew(B)))], null, Members: ["a", "b"]),
        ["one of both is back, the other has been waited for"] = new(
            Pair, Rounds(11, Ping(Anew(B))), "6 b: the masters restarted", Members: ["b"]),
        ["one is back under another name"] = new(
            Pair, [[Ping(Anew(A, "z")), Ping(Anew(B))]], "6 b, learner z: the masters restarted", Members: ["b", "z"]),
        ["both are lost, a learner does not follow"] = new(Learning, [[Ping(A), Ping(B)], .. Rounds(5, Ping(B))], null),
        ["stores in memory are gone, and nobody is there"] = new(InMemory(Pair), [[]], null, Members: []),
        ["stores in memory are gone"] = new(InMemory(Pair), [[Ping(C)]], "6 c of another history: all masters' stores are gone", Members: ["c"]),
        ["a store in memory may yet be there"] = new(InMemory(Pair), [[Ping(InMemory(A)), Ping(C)], .. Rounds(4, Ping(C))], null),
        ["a learner is wanted"] = new(Pair with { Other = null, OtherInSync = false }, [[Ping(A), Ping(B)]], "6 a, learner b: a learner is wanted"),
        ["the one with the most keys learns"] = new(
            Pair with { Other = null, OtherInSync = false },
            [[Ping(A), Ping(B) with { Keys = 3 }, Ping(C) with { Keys = 4 }]],
            "6 a, learner c: a learner is wanted"),
        ["who leaves does not learn"] = new(Pair with { Other = null, OtherInSync = false }, [[Ping(A), Ping(B) with { IsLeaving = true }]], null),
        ["a learner is lost"] = new(
            Learning, [[Ping(A), Ping(B), Ping(C)], .. Rounds(3, Ping(A), Ping(C))], "6 a, learner c: a learner is wanted"),
        ["a learner goes on"] = new(
            Learning, [.. Enumerable.Range(0, 30).Select(static i => new[] { Ping(A), Pulling(B, pages: i), Ping(C) })], null),
        ["a learner stands still"] = new(
            Learning, Rounds(21, Ping(A), Pulling(B, pages: 7), Ping(C)), "6 a, learner c: a learner is wanted"),
        ["a learner stands still, and there is no other"] = new(Learning, Rounds(22, Ping(A), Pulling(B, pages: 7)), null),
        ["a learner has all, and nobody admits it"] = new(
            Learning,
            [.. Enumerable.Range(0, 21).Select(static i => new[] { Ping(A), Ping(B) with { Learner = new LearnerReport(i, true, false, true) }, Ping(C) })],
            "6 a, learner c: a learner is wanted"),
        ["a learner stands still while the primary does not answer"] = new(
            Learning,
            [
                .. Rounds(15, Ping(A), Pulling(B, pages: 7), Ping(C)),
                .. Rounds(2, Pulling(B, pages: 7), Ping(C)),
                .. Rounds(4, Ping(A), Pulling(B, pages: 7), Ping(C)),
            ],
            null),
        ["who needs only changes takes the place of who needs everything"] = new(
            Learning,
            [[Ping(A), Pulling(B, 1, fully: true), Holding(C)]],
            "6 a, learner c: a master that is back needs only changes, the learner everything"),
        ["who needs only changes, but what it missed was forgotten"] = new(
            Learning, [[Ping(A) with { Floor = 31 }, Pulling(B, 1, fully: true), Holding(C)]], null),
        ["who needs only changes, but stepped down"] = new(
            Learning, [[Ping(A), Pulling(B, 1, fully: true), Holding(C) with { HasSteppedDown = true }]], null),
        ["who needs only changes, but is leaving"] = new(
            Learning, [[Ping(A), Pulling(B, 1, fully: true), Holding(C) with { IsLeaving = true }]], null),
        ["who needs only changes, but of another history"] = new(
            Learning, [[Ping(A), Pulling(B, 1, fully: true), Holding(C) with { History = Fresh }]], null),
        ["who holds nothing, where nothing was forgotten"] = new(Learning, [[Ping(A), Pulling(B, 1, fully: true), Ping(C)]], null),
        ["who needs only changes is the primary itself, or the learner"] = new(
            Learning,
            [[Holding(A), Holding(B) with { Learner = new LearnerReport(1, HasBeenWhole: false, SyncsFully: true, IsStreaming: false) }, Ping(C)]],
            null),
        ["of two who need only changes the one that needs less"] = new(
            Learning,
            [[Ping(A), Pulling(B, 1, fully: true), Holding(C), Holding(D) with { SyncsFrom = new LogPoint(4, 31) }]],
            "6 a, learner d: a master that is back needs only changes, the learner everything",
            Members: ["a", "b", "c", "d"]),
        ["who needs only changes, but the learner streams already"] = new(
            Learning, [[Ping(A), Pulling(B, 1) with { Learner = new LearnerReport(1, true, true, true) }, Holding(C)]], null),
        ["the learner needs only changes too"] = new(Learning, [[Ping(A), Pulling(B, 1), Holding(C)]], null),
        ["a place is kept"] = new(Keeping, Rounds(10, Ping(A), Ping(C)), null),
        ["a place is kept, and its owner leaves just now"] = new(Keeping, [[Ping(A), Ping(B) with { IsLeaving = true }]], null),
        ["the owner of a place is back"] = new(Keeping, [[Ping(A), Ping(Anew(B)), Ping(C)]], "6 a, learner b: the master that stopped is back"),
        ["the owner of a place is back with another store"] = new(Keeping, [[Ping(A), Ping(Id("b"))]], "6 a, learner b: a learner is wanted"),
        ["a place has been kept for its time"] = new(Keeping, Rounds(61, Ping(A), Ping(C)), "6 a, learner c: a learner is wanted"),
        ["a place has been kept for its time, and there is no other"] = new(Keeping, Rounds(61, Ping(A)), "6 a: nobody is waited for any more"),
        ["a place, and the primary has forgotten what was missed"] = new(
            Keeping, [[Ping(A) with { Floor = 41 }, Ping(C)]], "6 a, learner c: a learner is wanted"),
        ["a place, and the primary is leaving"] = new(
            Keeping, [[Ping(A) with { IsLeaving = true }, Ping(C)]], "6 a, learner c: a learner is wanted"),
        ["a place, and the primary's store does not last"] = new(
            Keeping with { Primary = InMemory(A) }, [[Ping(InMemory(A)), Ping(C)]], "6 a, learner c: a learner is wanted"),
        ["a place, where both have to be in sync"] = new(
            Keeping, [[Ping(A), Ping(C)]], "6 a, learner c: a learner is wanted", Settings: new RegistrySettings(MinInSync: 2)),
        ["a place, and the primary has begun anew"] = new(Keeping, [[Ping(Anew(A)), Ping(C)]], "6 a, learner c: the masters restarted"),
        ["stores in memory are gone, and who is there has seen no view"] = new(
            InMemory(Pair), [[Ping(C) with { HighestEpoch = 0 }]], "6 c of another history: all masters' stores are gone", Members: ["c"]),
        ["a maintenance lasts"] = new(Maintained(B), Rounds(100, Ping(A), Ping(B)), null),
        ["a maintenance is over"] = new(Maintained(B), Rounds(121, Ping(A), Ping(B)), "6 a + b: a maintenance is over"),
        ["a maintenance of one who is no master any more"] = new(Maintained(C), [[Ping(A), Ping(B)]], "6 a + b: a maintenance is over"),
        ["a view is contested"] = new(Pair with { IsContested = true }, [[Ping(A), Ping(B), Ping(C)], .. Rounds(5, Ping(B), Ping(C))], null),
        ["a master of another history answers"] = new(
            Pair,
            [[Ping(A), Ping(B), Ping(C) with { View = new MasterView(9, Fresh, C, null, false), HighestEpoch = 9 }]],
            "1009 a + b, contested: c remembers"),
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void A_case_is_judged(string name)
    {
        Case one = Cases[name];
        Observations seen = Observations.None;
        Decision? decision = null;
        TimeSpan now = default;
        foreach (PingReply[] round in one.Rounds)
        {
            Assert.Null(decision); // not sooner than after the last round
            now += Tick;
            if (round == one.Rounds[^1] && one.Unreachable is { } unreachable)
            {
                seen = seen.WithUnreachable(unreachable, now);
            }

            string[] members = one.Members ?? ["a", "b", "c"];
            seen = seen.After(one.View, round.ToDictionary(static ping => ping.Id.Name, StringComparer.Ordinal), members, now);
            (decision, seen) = Judgement.Judge(one.View, seen, one.Settings ?? NoGrace, Fresh);
        }

        Assert.Equal(one.Next, decision is null ? null : Text(decision, one.Next));
    }

    [Fact]
    public void Who_was_passed_over_is_tried_again_after_a_while()
    {
        MasterView view = Pair with { Other = null, OtherInSync = false };
        Observations seen = Seen(Observations.None.WithPassedOver(B, TimeSpan.FromSeconds(1)), view, 2.9, Ping(A), Ping(B));
        Assert.Null(Judgement.Judge(view, seen, NoGrace, Fresh).Decision);
        seen = Seen(seen, view, 3.1, Ping(A), Ping(B));
        Assert.Equal(B, Judgement.Judge(view, seen, NoGrace, Fresh).Decision!.Next.Other);
    }

    [Fact]
    public void A_master_that_is_back_in_vain_is_passed_over()
    {
        PingReply[] round = [Ping(A), Pulling(B, 1, fully: true), Holding(C)];
        Verdict first = Judgement.Judge(Learning, Seen(Observations.None, Learning, 0.5, round), NoGrace, Fresh);
        MasterView next = first.Decision!.Next;
        Assert.Equal(C, first.Seen.Returned);

        // The primary tells it to take everything all the same.
        Verdict second = Judgement.Judge(next, Seen(first.Seen, next, 1, Ping(A), Ping(B), Pulling(C, 1, fully: true)), NoGrace, Fresh);
        Assert.Equal(B, second.Decision!.Next.Other);
        Assert.Null(second.Seen.Returned);
    }

    [Theory]
    [InlineData(0, 0, null)] // nobody has said that it is soon back
    [InlineData(10, 0, 10)]
    [InlineData(0, 60, 59)]
    [InlineData(90, 60, 90)]
    public void A_place_is_kept_for_the_longer_of_what_is_set_and_what_an_operator_asked_for(int grace, int maintained, int? expected)
    {
        MasterView view = maintained == 0 ? Pair : Maintained(B);
        Observations seen = Seen(Seen(Observations.None, view, 1, Ping(A), Ping(B)), view, 2, Ping(A), Ping(B) with { Applied = new LogPoint(5, 40) });
        KeptPlace? place = Judgement.PlaceToKeep(view, B, seen, new RegistrySettings(RestartGrace: TimeSpan.FromSeconds(grace)));
        Assert.Equal(expected is { } seconds ? Place with { For = TimeSpan.FromSeconds(seconds) } : null, place);
    }

    [Fact]
    public void Who_was_passed_over_takes_no_learners_place()
    {
        PingReply[] round = [Ping(A), Pulling(B, 1, fully: true), Holding(C)];
        Observations seen = Seen(Observations.None.WithPassedOver(C, TimeSpan.FromSeconds(1)), Learning, 1.5, round);
        Assert.Null(Judgement.Judge(Learning, seen, NoGrace, Fresh).Decision);
        Assert.Equal(C, Judgement.Judge(Learning, Seen(seen, Learning, 3.5, round), NoGrace, Fresh).Decision!.Next.Other);
    }

    [Fact]
    public void A_place_is_kept_only_for_a_master_in_sync_whose_store_lasts_and_while_the_other_goes_on()
    {
        var settings = new RegistrySettings(RestartGrace: TimeSpan.FromSeconds(10));
        MasterId lasting = B, passing = InMemory(B);
        Assert.NotNull(PlaceOf(Pair, lasting, lasting, settings));
        Assert.Null(PlaceOf(Learning, lasting, lasting, settings));
        Assert.Null(PlaceOf(Pair with { Other = passing }, passing, passing, settings));
        Assert.Null(PlaceOf(Pair, lasting, Anew(lasting), settings)); // it is back already, as another process
        Assert.Null(PlaceOf(Pair, lasting, lasting, settings with { MinInSync = 2 }));
        Assert.Null(Judgement.PlaceToKeep(Pair, B, Seen(Observations.None, Pair, 1, Ping(Anew(A)), Ping(B)), settings));

        static KeptPlace? PlaceOf(MasterView view, MasterId master, MasterId answers, RegistrySettings settings) =>
            Judgement.PlaceToKeep(view, master, Seen(Observations.None, view, 1, Ping(A), Ping(answers)), settings);
    }

    [Fact]
    public void Whose_place_is_kept_still_is_a_master()
    {
        Assert.True(Judgement.IsMaster(Keeping, B.StoreId));
        Assert.False(Judgement.IsMaster(Keeping, C.StoreId));
    }

    private static Observations Seen(Observations before, MasterView view, double seconds, params PingReply[] answers) => before.After(
        view, answers.ToDictionary(static ping => ping.Id.Name, StringComparer.Ordinal), ["a", "b", "c"], TimeSpan.FromSeconds(seconds));

    private static string Text(Decision decision, string? expected)
    {
        MasterView next = decision.Next;
        string other = next.Other is null ? "" : next.OtherInSync ? $" + {next.Other.Name}" : $", learner {next.Other.Name}";
        string text = $"{next.Epoch} {next.Primary.Name}{other}{(next.IsContested ? ", contested" : "")}{(next.Kept is null ? "" : ", a place kept")}"
            + $"{(next.History == Fresh ? " of another history" : "")}: {decision.Reason}";
        return expected is not null && next.IsContested && text.StartsWith(expected, StringComparison.Ordinal) ? expected : text;
    }

    private static PingReply[][] Rounds(int times, params PingReply[] answers) => [.. Enumerable.Range(0, times).Select(_ => answers.ToArray())];

    private static MasterId Id(string name) => new(name, Guid.NewGuid(), Guid.NewGuid(), Durable: true);

    private static MasterId Anew(MasterId id, string? name = null) => id with { Name = name ?? id.Name, ProcessId = Guid.NewGuid() };

    private static MasterId InMemory(MasterId id) => id with { Durable = false };

    private static MasterView InMemory(MasterView view) => view with { Primary = InMemory(view.Primary), Other = InMemory(view.Other!) };

    private static MasterView Maintained(MasterId master) => Pair with { Maintenance = new Maintenance(master.StoreId, TimeSpan.FromSeconds(60)) };

    private static PingReply Ping(MasterId id) => new(id, null, 5, default, default, 0, false, null, NodeRole.Copies, History: History);

    private static PingReply Pulling(MasterId id, int pages, bool fully = false) =>
        Ping(id) with { Learner = new LearnerReport(pages, HasBeenWhole: false, SyncsFully: fully, IsStreaming: false) };

    // Its store lacks only what came after sequence 30.
    private static PingReply Holding(MasterId id) => Ping(id) with { SyncsFrom = new LogPoint(4, 30) };

    private sealed record Case(
        MasterView View, PingReply[][] Rounds, string? Next, string[]? Members = null, string? Unreachable = null, RegistrySettings? Settings = null);
}
