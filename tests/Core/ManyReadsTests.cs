using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>Reads of many keys at a primary: what fits into an answer, and what one state is.</summary>
public sealed class ManyReadsTests : IAsyncLifetime
{
    private const int MiB = 1 << 20;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly ReadOptions Strong = new(IsStrong: true);

    private readonly FailingStore _store = new();
    private readonly OneNode _transport = new();
    private Node _node = null!;

    public Task InitializeAsync()
    {
        Start(minInSync: 1);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        _store.Gate?.TrySetResult();
        await _node.StopAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Each_key_has_its_entry_or_none_in_their_order(bool isStrong)
    {
        await PutAsync("a", 1);
        await PutAsync("b", 2, TimeSpan.FromHours(1));
        await PutAsync("gone", 3);
        await _node.WriteAsync(new Write("gone", null));
        ManyResult result = await ReadAsync(isStrong, "b", "none", "a", "gone", "b");
        Assert.Equal([2, null, 1, null, 2], result.Entries.Select(static entry => entry?.Value!.Length));
        Assert.True(result.Entries[0]!.ExpiresAt > DateTimeOffset.UtcNow);
        Assert.Equal((null, OneNode.Name), (result.Next, result.Read.Node));
        Assert.Equal(isStrong ? Forwarding.Request : Forwarding.Miss, result.Read.Forwarding);
        ManyResult held = await ReadAsync(isStrong, "a", "b");
        Assert.Equal(isStrong ? Forwarding.Request : Forwarding.None, held.Read.Forwarding);
        Assert.Equal((0, null), ((await ReadAsync(isStrong)).Entries.Count, (await ReadAsync(isStrong)).Next));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_answer_has_at_most_8_MiB_of_values_and_says_where_to_go_on(bool isStrong)
    {
        await PutAsync("4a", 4 * MiB);
        await PutAsync("4b", 4 * MiB);
        await PutAsync("1", 1);
        await PutAsync("0", 0);
        await PutAsync("9", 9 * MiB);

        // To the byte; nothing costs nothing.
        await ShowsAsync(null, "none", "4a", "4b", "0", "none");
        await ShowsAsync(2, "4a", "4b", "1", "0");
        await ShowsAsync(2, "4a", "1", "4b", "0");
        await ShowsAsync(3, "none", "4a", "4b", "1");

        // At least one, however large.
        await ShowsAsync(1, "9", "0");
        await ShowsAsync(null, "9");
        await ShowsAsync(1, "none", "9");

        async Task ShowsAsync(int? next, params string[] keys)
        {
            ManyResult result = await ReadAsync(isStrong, keys);
            Assert.Equal(next, result.Next);
            Assert.Equal(keys.Take(next ?? keys.Length).Where(static key => key != "none"), result.Entries.OfType<Entry>().Select(static entry => entry.Key));
            Assert.Equal(next ?? keys.Length, result.Entries.Count);
        }
    }

    [Fact]
    public async Task A_thousand_keys_of_the_longest_kind_fit()
    {
        string[] keys = [.. Enumerable.Range(0, ManyQuery.MaxKeys).Select(static i => $"{i:0000}".PadRight(KeyRules.MaxBytes, 'k'))];
        await Task.WhenAll(keys.Select(key => PutAsync(key, ManyQuery.MaxValueBytes / ManyQuery.MaxKeys)));
        foreach (bool isStrong in new[] { false, true })
        {
            ManyResult result = await ReadAsync(isStrong, keys);
            Assert.Equal((ManyQuery.MaxKeys, null), (result.Entries.OfType<Entry>().Count(), result.Next));
        }
    }

    [Fact]
    public async Task A_strong_read_shows_one_state_while_others_write()
    {
        await PutAsync("a", 8);
        await PutAsync("b", 8);
        using var stop = new CancellationTokenSource();
        Task writer = Task.Run(async () =>
        {
            for (long i = 0; !stop.IsCancellationRequested; i++)
            {
                await _node.WriteAsync(new Write("a", BitConverter.GetBytes(i)));
                await _node.WriteAsync(new Write("b", BitConverter.GetBytes(i)));
            }
        });
        var seen = new HashSet<long>();
        using var deadline = new CancellationTokenSource(Deadline);
        while (seen.Count < 100)
        {
            deadline.Token.ThrowIfCancellationRequested();
            ManyResult result = await ReadAsync(true, "b", "a");
            (long b, long a) = (BitConverter.ToInt64(result.Entries[0]!.Value), BitConverter.ToInt64(result.Entries[1]!.Value));
            Assert.InRange(a - b, 0, 1);
            seen.Add(a);
        }

        await stop.CancelAsync();
        await writer;
    }

    [Fact]
    public async Task What_has_expired_is_deleted_before_a_strong_read_says_that_it_is_not_there()
    {
        await PutAsync("kept", 1);
        _store.SweepsNothing = true;
        WriteResult written = await _node.WriteAsync(new Write("short", [1], TimeToLive: TimeSpan.FromTicks(1)));
        ManyResult result = await ReadAsync(true, "short", "kept", "short");
        Assert.Equal([null, "kept", null], result.Entries.Select(static entry => entry?.Key));
        Entry? tombstone = await _store.ReadAsync("short");
        Assert.True(tombstone is { IsTombstone: true } && tombstone.Version > written.Version);
        Assert.Equal(tombstone.Version, _store.State.Applied);
    }

    [Fact]
    public async Task Where_its_delete_cannot_be_ordered_a_strong_read_does_not_know()
    {
        await PutAsync("short", 1, TimeSpan.FromTicks(1), sweeps: false);
        await _node.StopAsync();
        Start(minInSync: 2);
        ManyResult result = await _node.ReadManyAsync(new ManyQuery(["short"], Strong)).AsTask().WaitAsync(Deadline);
        Assert.Equal(ReadOutcome.Unavailable, result.Read.Outcome);
        Assert.Contains("time of some of these keys is up", result.Read.Detail, StringComparison.Ordinal);

        // What has not expired is there to be read.
        Assert.Equal(ReadOutcome.Found, (await _node.ReadManyAsync(new ManyQuery(["none"], Strong))).Read.Outcome);
    }

    [Fact]
    public async Task What_does_not_fit_into_one_message_is_held_of_the_same_state()
    {
        string[] keys = [.. Enumerable.Range(0, 8).Select(static i => $"k{i}"), "none"];
        await WriteAllAsync(1);
        SnapshotReply first = await _node.ReadSnapshotAsync(new ManyQuery(keys));
        Assert.Equal((SnapshotStatus.Given, 2, 9, OneNode.Name), (first.Status, first.Entries.Length, first.Count, first.Node));
        await WriteAllAsync(2);

        var parts = new List<int>();
        IReadOnlyList<Entry?>? all = await first.GatherAsync(async (node, id, from) =>
        {
            SnapshotPart part = await _node.ReadRestAsync(id, from);
            parts.Add(part.Entries.Length);
            return part;
        });
        Assert.Equal([2, 2, 3], parts);
        Assert.Equal([1, 1, 1, 1, 1, 1, 1, 1, null], all!.Select(static entry => (int?)entry?.Value![0]));

        // Who has all asks for nothing more, and nobody holds it.
        Assert.Empty((await _node.ReadRestAsync(first.Rest, 2)).Entries);
        Assert.Empty((await _node.ReadRestAsync(Guid.NewGuid(), 0)).Entries);

        Task WriteAllAsync(byte value) => Task.WhenAll(keys[..8].Select(async key =>
        {
            byte[] bytes = new byte[400_000];
            bytes[0] = value;
            await _node.WriteAsync(new Write(key, bytes));
        }));
    }

    [Fact]
    public async Task The_rest_is_held_of_so_many_and_for_so_long()
    {
        await _node.StopAsync();
        Start(minInSync: 1, TimeSpan.FromMilliseconds(250));
        await PutAsync("a", MiB);
        await PutAsync("b", MiB);
        var query = new ManyQuery(["a", "b"]);
        await UntilAsync(async () => (await _node.ReadSnapshotAsync(query)).Status == SnapshotStatus.Busy);

        // What is all in one message, or read here, needs nobody to hold it.
        Assert.Equal(SnapshotStatus.Given, (await _node.ReadSnapshotAsync(new ManyQuery(["a"]))).Status);
        Assert.Equal(ReadOutcome.Found, (await _node.ReadManyAsync(query with { Options = Strong })).Read.Outcome);

        // Nobody asks for it.
        await UntilAsync(async () => (await _node.ReadSnapshotAsync(query)).Status == SnapshotStatus.Given);
    }

    [Fact]
    public async Task So_many_states_are_read_at_once_and_the_others_wait_for_a_while()
    {
        await _node.StopAsync();
        Start(minInSync: 1, TimeSpan.FromMilliseconds(250));
        await PutAsync("a", 1);
        _store.Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _store.AtGate = 0;
        Task<SnapshotReply>[] asked = [.. Enumerable.Range(0, SnapshotAnswers.MaxReading).Select(_ => _node.ReadSnapshotAsync(new ManyQuery(["a"])))];
        Assert.Equal(SnapshotStatus.Busy, (await _node.ReadSnapshotAsync(new ManyQuery(["a"])).WaitAsync(Deadline)).Status);
        Assert.Equal(SnapshotAnswers.MaxReading, _store.AtGate);
        _store.Gate.SetResult();
        Assert.All(await Task.WhenAll(asked).WaitAsync(Deadline), static reply => Assert.Equal(SnapshotStatus.Given, reply.Status));
        asked = [.. Enumerable.Range(0, 4 * SnapshotAnswers.MaxReading).Select(_ => _node.ReadSnapshotAsync(new ManyQuery(["a"])))];
        Assert.All(await Task.WhenAll(asked).WaitAsync(Deadline), static reply => Assert.Equal(SnapshotStatus.Given, reply.Status));
    }

    [Fact]
    public async Task A_gateway_gets_about_as_much_as_a_message_carries_and_at_least_one()
    {
        foreach (string key in new[] { "a", "b", "c" })
        {
            await PutAsync(key, 600_000);
        }

        ReadResult[] first = await _node.GetManyAsync(new ManyQuery(["none", "a", "b", "c"]));
        Assert.Equal([ReadOutcome.NotFound, ReadOutcome.Found], first.Select(static result => result.Outcome));
        Assert.NotNull(first[1].Origin);
        ReadResult[] least = await _node.GetManyAsync(new ManyQuery(["b", "c"]));
        Assert.Equal("b", Assert.Single(least).Entry!.Key);
    }

    [Fact]
    public async Task A_store_that_cannot_be_read_is_no_answer()
    {
        await PutAsync("a", 1);
        _store.FailsReads = true;
        foreach (ReadOptions options in new[] { default, Strong })
        {
            ManyResult result = await _node.ReadManyAsync(new ManyQuery(["a"], options)).AsTask().WaitAsync(Deadline);
            Assert.Equal(ReadOutcome.Unavailable, result.Read.Outcome);
        }
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (!await condition())
        {
            deadline.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private async Task<ManyResult> ReadAsync(bool isStrong, params string[] keys)
    {
        ManyResult result = await _node.ReadManyAsync(new ManyQuery(keys, isStrong ? Strong : default));
        Assert.True(result.Read.Outcome == ReadOutcome.Found, result.Read.Detail);
        return result;
    }

    private async Task PutAsync(string key, int bytes, TimeSpan? life = null, bool sweeps = true)
    {
        _store.SweepsNothing = !sweeps;
        Assert.Equal(WriteOutcome.Created, (await _node.WriteAsync(new Write(key, new byte[bytes], TimeToLive: life))).Outcome);
    }

    private void Start(int minInSync, TimeSpan? replyTimeout = null)
    {
        var settings = new NodeSettings { Name = OneNode.Name, MinInSync = minInSync, ReplyTimeout = replyTimeout ?? TimeSpan.FromSeconds(10) };
        _node = new Node(settings, _store, _transport, new NodeScheduler(), TimeProvider.System, new Random(1), NullLogger<Node>.Instance);
        _transport.Node = _node;
        _node.Start();
    }
}
