using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>Reads of many keys at a node that is no master: what it holds it shows, the rest it fetches together.</summary>
public sealed class ManyCopiesTests : IAsyncLifetime
{
    private static readonly Guid History = Guid.NewGuid();
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly FakePair _pair = new();
    private readonly Dictionary<string, Entry> _there = new(StringComparer.Ordinal);
    private Node _node = null!;
    private bool _isTold;

    public async Task InitializeAsync()
    {
        var settings = new NodeSettings
        {
            Name = OneNode.Name,
            MaxStaleness = TimeSpan.FromHours(1),
            ReplyTimeout = TimeSpan.FromMilliseconds(500),
            WhoHasTimeout = TimeSpan.FromMilliseconds(1),
        };
        var store = new MemoryStore(Guid.NewGuid(), TimeProvider.System);
        _node = new Node(settings, store, _pair, new NodeScheduler(), TimeProvider.System, new Random(1), NullLogger<Node>.Instance);
        _pair.View = new MasterView(2, History, _pair.Primary, null, OtherInSync: false);
        _pair.OnFollow = _ =>
        {
            _isTold = true;
            return new FollowReply(true, _pair.View, [], Point(1), IsWhole: true, Jumps: false, TimeSpan.Zero);
        };
        _pair.OnFetch = Fetched;
        _node.Start();
        await FakePair.WaitAsync(() => Volatile.Read(ref _isTold));

        // What the first answer said is taken once the node keeps something.
        Put("first", 1);
        using var deadline = new CancellationTokenSource(Deadline);
        while (!(await _node.GetAsync("first")).IsKept)
        {
            deadline.Token.ThrowIfCancellationRequested();
        }

        _pair.Fetches.Clear();
        _pair.FetchCalls.Clear();
    }

    public Task DisposeAsync() => _node.StopAsync();

    [Fact]
    public async Task What_is_missing_is_fetched_in_one_call_and_kept()
    {
        string[] keys = [.. Enumerable.Range(0, 20).Select(static i => $"k{i}")];
        Array.ForEach(keys, key => Put(key, 1));
        await _node.ReadManyAsync(new ManyQuery(keys[..5]));
        _pair.FetchCalls.Clear();

        ManyResult result = await ReadAsync(default, [.. keys, "none"]);
        Assert.Equal([.. keys, null], result.Entries.Select(static entry => entry?.Key));
        Assert.Equal((Forwarding.Miss, false), (result.Read.Forwarding, result.Read.IsKept)); // that there is nothing is not kept
        Assert.Equal([16], _pair.FetchCalls);

        ManyResult held = await ReadAsync(default, keys);
        Assert.Equal((Forwarding.None, null), (held.Read.Forwarding, held.Next));
        Assert.Equal(keys, held.Entries.Select(static entry => entry!.Key));
        Assert.Equal([16], _pair.FetchCalls);
    }

    [Fact]
    public async Task Many_that_are_missing_are_fetched_in_calls_of_so_many_and_no_more_than_the_answer_holds()
    {
        string[] keys = [.. Enumerable.Range(0, ManyQuery.MaxKeys).Select(static i => $"k{i}")];
        Array.ForEach(keys, key => Put(key, 1));
        Assert.Equal(keys.Length, (await ReadAsync(new ReadOptions(KeepsNoCopy: true), keys)).Entries.OfType<Entry>().Count());
        Assert.Equal([256, 256, 256, 232], _pair.FetchCalls);

        _pair.FetchCalls.Clear();
        Array.ForEach(keys, key => Put(key, 100_000));
        ManyResult result = await ReadAsync(new ReadOptions(KeepsNoCopy: true), keys);
        Assert.Equal((83, 83), (result.Entries.Count, result.Next));
        Assert.Equal([256], _pair.FetchCalls);
        Assert.Equal(0, (await _node.PingAsync(write: false)).Keys - 1);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task What_the_read_asks_for_is_asked_of_the_primary(int which)
    {
        Put("a", 1);
        await _node.ReadManyAsync(new ManyQuery(["a"]));
        _pair.Fetches.Clear();
        ReadOptions options = which switch
        {
            0 => new ReadOptions(MaxAge: TimeSpan.Zero),
            1 => new ReadOptions(MinSequence: 100),
            _ => new ReadOptions(OnlyHere: true),
        };
        ManyResult result = await _node.ReadManyAsync(new ManyQuery(["a", "none"], options));
        Assert.Equal(which == 2 ? ReadOutcome.NotHere : ReadOutcome.Found, result.Read.Outcome);
        Assert.Equal(which == 2 ? 0 : 2, _pair.Fetches.Count);
        Assert.All(_pair.Fetches, asked => Assert.Equal((which == 0, which == 1 ? 100 : 0), (asked.IsStrong, asked.MinSequence)));
        if (which == 2)
        {
            Assert.StartsWith("keys[1]:", result.Read.Detail, StringComparison.Ordinal);
            Assert.Equal(ReadOutcome.Found, (await _node.ReadManyAsync(new ManyQuery(["a"], options))).Read.Outcome);
        }
    }

    [Fact]
    public async Task Of_a_copy_whose_end_is_not_known_by_the_primarys_clock_the_primary_is_asked()
    {
        // As the node that posted it keeps it.
        Put("a", 1, life: TimeSpan.FromHours(1), isTold: false);
        Assert.True((await _node.GetAsync("a")).IsKept);
        Assert.Equal(Forwarding.None, (await _node.GetAsync("a")).Forwarding);
        Put("a", 1, life: TimeSpan.FromHours(1));
        ManyResult result = await ReadAsync(default, "a");
        Assert.NotNull(result.Entries[0]!.ExpiresAt);
        _pair.Fetches.Clear();
        Assert.Equal(result.Entries[0]!.ExpiresAt, (await ReadAsync(default, "a")).Entries[0]!.ExpiresAt);
        Assert.Empty(_pair.Fetches);
    }

    [Fact]
    public async Task Where_the_call_brings_nothing_each_key_is_looked_for_as_if_it_were_read_alone()
    {
        Put("a", 1);
        Put("b", 2);
        int calls = 0;
        _pair.OnFetch = request => Interlocked.Increment(ref calls) <= 3 ? throw new TimeoutException() : Fetched(request);
        ManyResult result = await ReadAsync(default, "a", "none", "b");
        Assert.Equal(["a", null, "b"], result.Entries.Select(static entry => entry?.Key));
        Assert.True(calls > 3);
    }

    [Fact]
    public async Task What_nobody_knows_is_no_answer_and_the_first_such_key_is_named()
    {
        await ReadAsync(default, "first");
        _pair.OnFetch = static _ => throw new TimeoutException();
        ManyResult result = await _node.ReadManyAsync(new ManyQuery(["first", "a", "b"])).AsTask().WaitAsync(Deadline);
        Assert.Equal(ReadOutcome.Unavailable, result.Read.Outcome);
        Assert.StartsWith("keys[1]: no master answers", result.Read.Detail, StringComparison.Ordinal);
        Assert.Equal(ReadOutcome.Found, (await _node.ReadManyAsync(new ManyQuery(["first"]))).Read.Outcome);
    }

    [Fact]
    public async Task A_strong_read_gathers_one_state_from_the_primary()
    {
        Entry?[] all = [Made("a", 1), null, Made("b", 2), Made("c", 3)];
        var id = Guid.NewGuid();
        var asked = new List<(Guid, int)>();
        _pair.OnSnapshot = query => new SnapshotReply(SnapshotStatus.Given, all[..1], query.Keys.Length, "p", id, TimeSpan.FromSeconds(7));
        _pair.OnRest = (rest, from) =>
        {
            asked.Add((rest, from));
            return new SnapshotPart(all[from..(from + 1)]);
        };
        ManyResult result = await ReadAsync(new ReadOptions(IsStrong: true), "a", "none", "b", "c");
        Assert.Equal(all, result.Entries);
        Assert.Equal([(id, 1), (id, 2), (id, 3)], asked);
        Assert.Equal((Forwarding.Request, OneNode.Name, null), (result.Read.Forwarding, result.Read.Node, result.Next));
        Assert.InRange(result.Read.Age, TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(7) + Deadline);

        // A part that does not come is not "there is nothing".
        _pair.OnRest = static (_, _) => new SnapshotPart([]);
        ManyResult broken = await _node.ReadManyAsync(new ManyQuery(["a", "none"], new ReadOptions(IsStrong: true)));
        Assert.Equal((ReadOutcome.Unavailable, 0), (broken.Read.Outcome, broken.Entries.Count));

        _pair.OnSnapshot = _ => SnapshotReply.Without(SnapshotStatus.Busy, "p");
        Assert.Equal(ReadOutcome.Busy, (await _node.ReadManyAsync(new ManyQuery(["a"], new ReadOptions(IsStrong: true)))).Read.Outcome);
        _pair.OnSnapshot = _ => SnapshotReply.Without(SnapshotStatus.CannotTell, "p", _pair.View);
        ManyResult nobody = await _node.ReadManyAsync(new ManyQuery(["a"], new ReadOptions(IsStrong: true))).AsTask().WaitAsync(Deadline);
        Assert.Equal(ReadOutcome.Unavailable, nobody.Read.Outcome);
    }

    [Fact]
    public async Task So_many_wait_for_their_turn()
    {
        _pair.OnSnapshot = static _ => throw new TimeoutException();
        Task<ManyResult>[] asked = [.. Enumerable.Range(0, ManyReads.MaxUnderWay + ManyReads.MaxWaiting + 1).Select(
            _ => _node.ReadManyAsync(new ManyQuery(["a"], new ReadOptions(IsStrong: true))).AsTask())];
        ManyResult[] results = await Task.WhenAll(asked).WaitAsync(Deadline);
        Assert.All(results, static result => Assert.True(result.Read.Outcome is ReadOutcome.Unavailable or ReadOutcome.Busy));
        Assert.InRange(results.Count(static result => result.Read.Outcome == ReadOutcome.Unavailable), ManyReads.MaxUnderWay, results.Length - 1);
        Assert.Contains("too many", results[^1].Read.Detail, StringComparison.Ordinal);
    }

    private static LogPoint Point(long sequence) => new(2, sequence);

    private static Entry Made(string key, int bytes) => new(key, new byte[bytes], null, Point(1));

    private void Put(string key, int bytes, TimeSpan? life = null, bool isTold = true) =>
        _there[key] = Made(key, bytes) with { ExpiresAt = isTold ? TimeProvider.System.GetUtcNow() + life : null, ContentType = life?.ToString() };

    private FetchReply Fetched(FetchRequest request) => _there.TryGetValue(request.Key, out Entry? entry)
        ? new FetchReply(
            FetchStatus.Found, entry, Life: entry.ContentType is { } life ? TimeSpan.Parse(life, null) : null, CurrentAt: Point(1), History: History)
        : new FetchReply(FetchStatus.NotFound, CurrentAt: Point(1), History: History);

    private async Task<ManyResult> ReadAsync(ReadOptions options, params string[] keys)
    {
        ManyResult result = await _node.ReadManyAsync(new ManyQuery(keys, options)).AsTask().WaitAsync(Deadline);
        Assert.True(result.Read.Outcome == ReadOutcome.Found, result.Read.Detail);
        return result;
    }
}
