using System.Text;

namespace Diststore.Core.Tests;

/// <summary>What a request is judged to be, whole, by what its keys hold; what it writes, and what the next one of the batch finds.</summary>
public sealed class BatchDraftTests
{
    private const long Epoch = 3;
    private static readonly DateTimeOffset Now = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly LogPoint Before = new(2, 10);
    private static readonly NodeInstruments Instruments = new("a", null);

    private readonly Dictionary<string, Newest> _newest = new(StringComparer.Ordinal);

    private WriteLimits _limits;

    [Theory]
    [InlineData(null, 5, "5", null)]
    [InlineData(null, -5, "-5", null)]
    [InlineData("0", 0, "0", null)]
    [InlineData("41", 1, "42", null)]
    [InlineData("-1", 1, "0", null)]
    [InlineData("9223372036854775806", 1, "9223372036854775807", null)]
    [InlineData("9223372036854775807", 1, null, "beyond")]
    [InlineData("-9223372036854775808", -1, null, "beyond")]
    [InlineData("-9223372036854775808", long.MaxValue, "-1", null)]
    [InlineData("", 1, null, "no whole number")]
    [InlineData("+1", 1, null, "no whole number")]
    [InlineData("-0", 1, null, "no whole number")]
    [InlineData("01", 1, null, "no whole number")]
    [InlineData(" 1", 1, null, "no whole number")]
    [InlineData("1 ", 1, null, "no whole number")]
    [InlineData("1.0", 1, null, "no whole number")]
    [InlineData("9223372036854775808", 1, null, "no whole number")]
    [InlineData("123456789012345678901", 1, null, "no whole number")]
    public void A_number_is_added_to(string? held, long by, string? sum, string? problem)
    {
        if (held is not null)
        {
            Hold("n", held, expiresAt: Now.AddHours(1));
        }

        (WriteVerdict verdict, Batch? batch) = Judge(Transaction.Of(Add("n", by) with { TimeToLive = TimeSpan.FromMinutes(1) }));

        if (problem is not null)
        {
            Assert.Equal(WriteStatus.Conflict, verdict.Status);
            Assert.Contains(problem, verdict.Detail, StringComparison.Ordinal);
            Assert.Null(batch);
            return;
        }

        Assert.Equal(held is null ? WriteStatus.Created : WriteStatus.Replaced, verdict.Status);
        Assert.Equal(sum, $"{Assert.Single(verdict.Results!).Number}");
        Entry entry = Assert.Single(batch!.Entries);
        Assert.Equal(sum, Encoding.ASCII.GetString(entry.Value!));
        Assert.Equal(held is null ? "text/plain" : "text/x", entry.ContentType);
        Assert.Equal(held is null ? Now.AddMinutes(1) : Now.AddHours(1), entry.ExpiresAt);
    }

    [Fact]
    public void A_touch_keeps_the_value_and_changes_when_it_ends()
    {
        Hold("k", "value", expiresAt: Now.AddHours(1));

        (WriteVerdict verdict, Batch? batch) = Judge(Transaction.Of(Touch("k", TimeSpan.FromMinutes(5))));
        Entry entry = Assert.Single(batch!.Entries);
        Assert.Equal(WriteStatus.Replaced, verdict.Status);
        Assert.Equal(("value", "text/x", new LogPoint(Epoch, 11)), (Encoding.ASCII.GetString(entry.Value!), entry.ContentType, entry.Version));
        Assert.Equal(Now.AddMinutes(5), entry.ExpiresAt);

        Assert.Null(Judge(Transaction.Of(Touch("k", null))).Batch!.Entries[0].ExpiresAt);
        DateTimeOffset moment = Now.AddDays(3);
        Assert.Equal(moment, Judge(Transaction.Of(Touch("k", null) with { ExpiresAt = moment })).Batch!.Entries[0].ExpiresAt);
        Assert.Equal(WriteStatus.NotFound, Judge(Transaction.Of(Touch("none", null))).Verdict.Status);
    }

    [Fact]
    public void A_transaction_is_done_whole()
    {
        Hold("a", "1");
        Hold("gone", "x");
        Hold("t", "kept");
        (WriteVerdict verdict, Batch? batch) = Judge(new Transaction(
            [new Write("new", [1]), new Write("gone", null), new Write("absent", null), Add("a", 2), Touch("t", TimeSpan.FromMinutes(1))],
            [new KeyCondition("a", Condition.Is(new LogPoint(1, 1))), new KeyCondition("nothing", Condition.Absent), new KeyCondition("t", Condition.Exists)]));

        Assert.Equal(WriteStatus.Done, verdict.Status);
        Assert.Equal(["new", "gone", "a", "t"], batch!.Entries.Select(static entry => entry.Key));
        Assert.Equal([11, 12, 13, 14], batch.Entries.Select(static entry => entry.Version.Sequence));
        Assert.Equal([11, 12, 0, 13, 14], verdict.Results!.Select(static result => result.Version.Sequence));
        Assert.Equal(
            [WriteOutcome.Created, WriteOutcome.Deleted, WriteOutcome.NotFound, WriteOutcome.Replaced, WriteOutcome.Replaced],
            verdict.Results!.Select(static result => result.Outcome));
        Assert.Equal(3, verdict.Results![3].Number);
        Assert.Equal(new LogPoint(Epoch, 14), verdict.Version);
    }

    [Fact]
    public void Of_a_transaction_that_cannot_be_done_whole_nothing_is_done()
    {
        Hold("text", "no number");
        Refused(WriteStatus.Conflict, new Transaction([new Write("a", [1]), Add("text", 1)], []), "operation 1: the value is no whole number");
        Refused(WriteStatus.Conflict, new Transaction([new Write("a", [1]), Touch("none", null)], []), "operation 1: there is no such key");
        Refused(WriteStatus.TooLarge, new Transaction([new Write("a", new byte[6]), Touch("text", null)], [], MaxBytes: 14), "15 bytes");

        WriteVerdict failed = Refused(
            WriteStatus.ConditionFailed,
            new Transaction(
                [new Write("a", [1])],
                [
                    new KeyCondition("text", Condition.Exists),
                    new KeyCondition("a", Condition.Exists),
                    new KeyCondition("text", Condition.Is(new LogPoint(9, 9))),
                ]));
        Assert.Equal([1, 2], failed.Failed!);

        _limits = new WriteLimits(IsFull: true, RemembersNoMore: false, VoidUpto: 0);
        Refused(WriteStatus.OverQuota, new Transaction([new Write("text", null), new Write("a", [1])], []));
        Assert.Equal(WriteStatus.Done, Judge(new Transaction([new Write("text", null)], [])).Verdict.Status);
    }

    [Fact]
    public void Conditions_alone_are_answered_with_the_end_of_the_log()
    {
        (WriteVerdict verdict, Batch? batch) = Judge(new Transaction([], [new KeyCondition("k", Condition.Absent)]));
        Assert.Equal((WriteStatus.Done, Before, false), (verdict.Status, verdict.Version, verdict.Wrote));
        Assert.Null(batch);
    }

    [Fact]
    public void The_next_of_a_batch_finds_what_those_before_it_leave()
    {
        var draft = new BatchDraft(_newest, Before, Epoch, Now, default);
        string[] outcomes =
        [
            .. new[] { Add("n", 1), Add("n", 2), new Write("n", null), new Write("n", null), Add("n", 7), new Write("n", [0]), Add("n", 1) }
                .Select(write => new PendingWrite(Transaction.Of(write), Instruments))
                .Select(write =>
                {
                    write.Keys.ToList().ForEach(key => _newest.TryAdd(key, default));
                    WriteVerdict verdict = draft.Judge(write);
                    return $"{verdict.Status} {verdict.Results?[0].Number}".Trim();
                }),
        ];
        Assert.Equal(["Created 1", "Replaced 3", "Deleted", "NotFound", "Created 7", "Replaced", "Conflict"], outcomes);
        Assert.Equal([11, 12, 13, 14, 15], draft.ToBatch()!.Entries.Select(static entry => entry.Version.Sequence));
    }

    [Fact]
    public void What_has_expired_gets_its_tombstone_before_it_is_found_absent()
    {
        Hold("old", "5", expiresAt: Now);
        (WriteVerdict verdict, Batch? batch) = Judge(new Transaction([Add("old", 1)], [new KeyCondition("old", Condition.Absent)]));
        Assert.Equal(WriteStatus.Done, verdict.Status);
        Assert.Equal([true, false], batch!.Entries.Select(static entry => entry.IsTombstone));
        Assert.Equal("1", Encoding.ASCII.GetString(batch.Entries[1].Value!));
    }

    [Fact]
    public void A_request_that_comes_again_is_answered_as_the_first_time_and_done_once()
    {
        RequestMark mark = Mark(1);
        Transaction asked = new([Add("n", 5), new Write("absent", null)], [new KeyCondition("n", Condition.Absent)], Mark: mark);
        (WriteVerdict first, Batch? batch) = Judge(asked);
        Assert.Equal(["n", mark.Key], batch!.Entries.Select(static entry => entry.Key));

        // Its condition does not hold any more, and the masters may be full by now: it was done all the same.
        _limits = new WriteLimits(IsFull: true, RemembersNoMore: true, VoidUpto: 11);
        (WriteVerdict again, Batch? nothing) = Judge(asked);
        Assert.Null(nothing);
        Assert.True(again.IsReplay);
        Assert.False(again.Wrote);
        Assert.Equal((first.Status, first.Version), (again.Status, again.Version));
        Assert.Equal(first.Results!, again.Results!);

        Assert.Equal(WriteStatus.KeyReused, Judge(asked with { Mark = mark with { Fingerprint = new byte[32] } }).Verdict.Status);
    }

    [Fact]
    public void What_is_void_is_not_remembered_and_what_wrote_nothing_never_was()
    {
        Transaction asked = Transaction.Of(Add("n", 5), Mark(1));
        Judge(asked);
        _limits = new WriteLimits(IsFull: false, RemembersNoMore: false, VoidUpto: 12);
        WriteVerdict again = Judge(asked).Verdict;
        Assert.Equal((WriteStatus.Replaced, 10L, false), (again.Status, again.Results![0].Number, again.IsReplay));

        Transaction refused = Transaction.Of(new Write("k", [1], Condition: Condition.Exists), Mark(2));
        Assert.Equal(WriteStatus.ConditionFailed, Judge(refused).Verdict.Status);
        Hold("k", "1");
        Assert.Equal(WriteStatus.Replaced, Judge(refused).Verdict.Status);
    }

    [Fact]
    public void While_too_many_are_remembered_a_new_one_is_refused_and_one_without_a_mark_is_not()
    {
        _limits = new WriteLimits(IsFull: false, RemembersNoMore: true, VoidUpto: 0);
        Assert.Equal(WriteStatus.Overloaded, Judge(Transaction.Of(Add("n", 5), Mark(1))).Verdict.Status);
        Assert.Equal(WriteStatus.Created, Judge(Transaction.Of(Add("n", 5))).Verdict.Status);
    }

    [Theory]
    [InlineData(WriteStatus.Created, 1)]
    [InlineData(WriteStatus.Done, 64)]
    [InlineData(WriteStatus.Deleted, -1)]
    public void A_memory_gives_back_what_was_put_into_it(WriteStatus status, int results)
    {
        OperationResult[]? many = results < 0 ? null
            : [.. Enumerable.Range(0, results).Select(static i => new OperationResult((WriteOutcome)(i % 4), new LogPoint(i, i * 7L), i % 2 == 0 ? -i : null))];
        var verdict = new WriteVerdict(status, new LogPoint(4, 5), Wrote: true, many);
        byte[] fingerprint = Mark(9).Fingerprint;

        WriteVerdict recalled = WriteMemory.Recall(WriteMemory.Of(verdict, fingerprint), fingerprint);

        Assert.Equal((status, new LogPoint(4, 5), true), (recalled.Status, recalled.Version, recalled.IsReplay));
        Assert.Equal(many, recalled.Results);
    }

    [Fact]
    public void A_memory_of_another_form_is_not_guessed_at() =>
        Assert.Equal(WriteStatus.Refused, WriteMemory.Recall([9, .. new byte[100]], Mark(1).Fingerprint).Status);

    [Fact]
    public void A_batch_ends_before_the_request_whose_carried_over_values_take_it_over_its_bytes()
    {
        Hold("long", new string('x', 900_000));
        PendingWrite[] touches = [.. Enumerable.Range(0, 3).Select(_ => new PendingWrite(Transaction.Of(Touch("long", null)), Instruments))];
        Assert.Equal(1, BatchPlan.Fitting(touches, _newest, Now));

        // What an earlier one of the batch stores may be carried over by a later one.
        _newest["k"] = default;
        PendingWrite[] stored =
        [
            new(Transaction.Of(new Write("k", new byte[500_000])), Instruments),
            new(Transaction.Of(Touch("k", null)), Instruments),
            new(Transaction.Of(Touch("k", null)), Instruments),
        ];
        Assert.Equal(2, BatchPlan.Fitting(stored, _newest, Now));
    }

    [Fact]
    public void A_batch_ends_before_the_request_that_takes_it_over_its_entries_tombstones_and_memories_included()
    {
        PendingWrite[] writes = [.. Enumerable.Range(0, 20).Select(i => new PendingWrite(
            new Transaction([.. Enumerable.Range(0, 40).Select(k => new Write($"{i}-{k}", [1]))], [], Mark: Mark(i)), Instruments))];
        foreach (string key in writes.SelectMany(static write => write.Keys))
        {
            _newest[key] = default;
        }

        Assert.Equal(20, BatchPlan.Fitting(writes, _newest, Now));
        foreach (string key in writes[..10].SelectMany(static write => write.Keys).Where(static key => !InternalKeys.Is(key)))
        {
            Hold(key, "1", expiresAt: Now);
        }

        // Ten of 81 entries, and as many of 41 as still fit.
        Assert.Equal(10 + ((BatchPlan.MaxEntries - 810) / 41), BatchPlan.Fitting(writes, _newest, Now));
    }

    private static Write Add(string key, long by) => new(key, null, Kind: WriteKind.Add, By: by);

    private static Write Touch(string key, TimeSpan? life) => new(key, null, TimeToLive: life, Kind: WriteKind.Touch);

    private static RequestMark Mark(int number)
    {
        byte[] hash = new byte[32];
        hash[0] = (byte)number;
        return new RequestMark(InternalKeys.Memory(hash), hash);
    }

    private void Hold(string key, string value, DateTimeOffset? expiresAt = null) =>
        _newest[key] = Newest.Of(new Entry(key, Encoding.ASCII.GetBytes(value), "text/x", new LogPoint(1, 1), expiresAt));

    private (WriteVerdict Verdict, Batch? Batch) Judge(Transaction transaction)
    {
        var pending = new PendingWrite(transaction, Instruments);
        foreach (string key in pending.Keys)
        {
            _newest.TryAdd(key, default);
        }

        var draft = new BatchDraft(_newest, Before, Epoch, Now, _limits);
        return (draft.Judge(pending), draft.ToBatch());
    }

    private WriteVerdict Refused(WriteStatus status, Transaction transaction, string detail = "")
    {
        (WriteVerdict verdict, Batch? batch) = Judge(transaction);
        Assert.Equal(status, verdict.Status);
        Assert.Contains(detail, verdict.Detail ?? "", StringComparison.Ordinal);
        Assert.Null(batch);
        return verdict;
    }
}
