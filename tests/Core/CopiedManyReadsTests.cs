namespace Diststore.Core.Tests;

/// <summary>How a gateway reads many keys, with copies and without.</summary>
public sealed class CopiedManyReadsTests
{
    private static readonly Guid History = Guid.NewGuid();
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(1);

    private readonly ManualTime _time = new();
    private readonly CopyReader _copies;
    private readonly CopiedManyReads _reads;
    private readonly List<ManyQuery> _asked = [];
    private Func<ManyQuery, ReadResult[]> _answer = static query => [.. query.Keys.Select(static key => Found(key))];

    public CopiedManyReadsTests()
    {
        _copies = new CopyReader(64 << 20, TimeSpan.FromMinutes(5), _time);
        _copies.Follow(_copies.Now, new News(History, [], Point(10), IsWhole: true, Jumps: true), AsOf.Now(_time));
        _reads = new CopiedManyReads(_copies, "door", Bound, _time, AskAsync);
    }

    [Fact]
    public async Task What_is_held_is_shown_and_only_the_rest_is_asked_for_and_kept()
    {
        await _reads.ReadAsync(new ManyQuery(["a", "b"]));
        ManyResult some = await _reads.ReadAsync(new ManyQuery(["c", "a", "none", "b"]));
        Assert.Equal(["c", "a", null, "b"], some.Entries.Select(static entry => entry?.Key));
        Assert.Equal(["c", "none"], _asked[^1].Keys);
        Assert.Equal("n", some.Read.Node);

        _time.Advance(Bound / 2);
        ManyResult all = await _reads.ReadAsync(new ManyQuery(["b", "c", "a"]));
        Assert.Equal(("door", Forwarding.None, Bound / 2), (all.Read.Node, all.Read.Forwarding, all.Read.Age));
        Assert.Equal(2, _asked.Count);
    }

    [Fact]
    public async Task A_gateway_without_copies_asks_for_all()
    {
        var reads = new CopiedManyReads(null, "", TimeSpan.Zero, _time, AskAsync);
        for (int i = 0; i < 2; i++)
        {
            ManyResult result = await reads.ReadAsync(new ManyQuery(["a", "b"], new ReadOptions(OnlyHere: true)));
            Assert.Equal((2, "n"), (result.Entries.Count, result.Read.Node));
        }

        Assert.Equal([2, 2], _asked.Select(static query => query.Keys.Length));
    }

    [Fact]
    public async Task Many_are_asked_for_in_calls_of_so_many_until_the_answer_is_full()
    {
        string[] keys = [.. Enumerable.Range(0, ManyQuery.MaxKeys).Select(static i => $"k{i}")];
        Assert.Equal((ManyQuery.MaxKeys, null), await CountAsync());
        Assert.Equal([256, 256, 256, 232], _asked.Select(static query => query.Keys.Length));

        // A node gives as much as a message carries.
        _copies.Forget();
        _asked.Clear();
        _answer = static query => [.. query.Keys.Take(10).Select(static key => Found(key, 100_000))];
        Assert.Equal((83, 83), await CountAsync());
        Assert.Equal(9, _asked.Count);
        Assert.Equal("k80", _asked[^1].Keys[0]);

        async Task<(int, int?)> CountAsync() => await _reads.ReadAsync(new ManyQuery(keys)) is var result ? (result.Entries.Count, result.Next) : default;
    }

    [Fact]
    public async Task What_is_too_old_for_the_read_or_lacks_its_end_is_asked_for()
    {
        await _reads.ReadAsync(new ManyQuery(["a"]));
        _time.Advance(Bound / 2);
        await _reads.ReadAsync(new ManyQuery(["a"], new ReadOptions(MaxAge: Bound / 4)));
        Assert.Equal(Bound / 4, _asked[^1].Options.MaxAge);
        Assert.Equal(2, _asked.Count);
        Assert.True(_copies.Keep(new Entry("posted", [1], null, Point(9)), History, Point(10), Bound));
        await _reads.ReadAsync(new ManyQuery(["posted"]));
        Assert.Equal(["posted"], _asked[^1].Keys);

        // A node whose own bound is wider is asked again.
        _answer = query => [.. query.Keys.Select(key => Found(key) with { Age = query.Options.MaxAge is null ? 2 * Bound : TimeSpan.Zero })];
        ManyResult result = await _reads.ReadAsync(new ManyQuery(["x"]));
        Assert.Equal((TimeSpan.Zero, Bound), (result.Read.Age, _asked[^1].Options.MaxAge));
    }

    [Fact]
    public async Task Only_if_cached_asks_nobody_and_where_one_is_not_known_there_is_no_answer()
    {
        await _reads.ReadAsync(new ManyQuery(["a"]));
        _asked.Clear();
        Assert.Equal(ReadOutcome.Found, (await _reads.ReadAsync(new ManyQuery(["a"], new ReadOptions(OnlyHere: true)))).Read.Outcome);
        ManyResult lacking = await _reads.ReadAsync(new ManyQuery(["a", "b"], new ReadOptions(OnlyHere: true)));
        Assert.Equal((ReadOutcome.NotHere, "door"), (lacking.Read.Outcome, lacking.Read.Node));
        Assert.StartsWith("keys[1]: this gateway does not have", lacking.Read.Detail, StringComparison.Ordinal);
        Assert.Empty(_asked);

        _answer = static query => [Found(query.Keys[0]), new ReadResult(ReadOutcome.Unavailable, null, "n", "nobody")];
        ManyResult unknown = await _reads.ReadAsync(new ManyQuery(["a", "b", "c", "d"]));
        Assert.Equal((ReadOutcome.Unavailable, "keys[2]: nobody", 0), (unknown.Read.Outcome, unknown.Read.Detail, unknown.Entries.Count));
    }

    private static LogPoint Point(long sequence) => new(3, sequence);

    private static ReadResult Found(string key, int bytes = 1) => key == "none"
        ? new ReadResult(ReadOutcome.NotFound, null, "n", Forwarding: Forwarding.Miss)
        : new ReadResult(
            ReadOutcome.Found, new Entry(key, new byte[bytes], null, Point(9), key == "posted" ? DateTimeOffset.MaxValue : null), "n",
            Origin: new Origin(History, Point(10)));

    private Task<ReadResult[]> AskAsync(ManyQuery query)
    {
        _asked.Add(query);
        return Task.FromResult(_answer(query));
    }
}
