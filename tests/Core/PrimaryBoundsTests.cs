using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>What a primary does however much there is to do: keys are read together, answers are bounded, nothing spins.</summary>
public sealed class PrimaryBoundsTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly FailingStore _store = new();
    private readonly OneNode _transport = new();
    private Node? _node;

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _node?.StopAsync() ?? Task.CompletedTask;

    [Fact]
    public async Task Where_too_few_are_in_sync_the_sweep_asks_once_a_second_and_not_all_the_time()
    {
        await ExpiredAsync(2000);
        Node node = Start(minInSync: 2);
        Assert.Equal(WriteOutcome.Unavailable, (await WriteAsync(node, "x", 1)).Outcome);

        // Three more questions take two pauses of a second at least. A loop that spins asks thousands of times.
        int before = _store.Reads.Expired;
        long began = Stopwatch.GetTimestamp();
        while (_store.Reads.Expired < before + 3)
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < Deadline, "the sweep has ended");
            await Task.Yield();
        }

        Assert.True(Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(1), $"three questions within {Stopwatch.GetElapsedTime(began)}");
    }

    [Fact]
    public async Task Two_thousand_entries_that_expire_at_once_become_tombstones()
    {
        await ExpiredAsync(2000);
        Node node = Start(minInSync: 1);
        Assert.Equal(WriteOutcome.Created, (await WriteAsync(node, "x", 1)).Outcome);

        long began = Stopwatch.GetTimestamp();
        while (_store.State.Entries > 1)
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < Deadline, $"{_store.State.Entries} entries are left");
            await Task.Yield();
        }
    }

    [Fact]
    public async Task The_keys_of_a_batch_are_read_together_and_without_their_values()
    {
        Node node = Start(minInSync: 1);
        await WriteAsync(node, "first", 1);
        (_, int heads, int entries) = _store.Reads;

        WriteResult[] results = await Task.WhenAll(Enumerable.Range(0, 500).Select(i => WriteAsync(node, $"key-{i}", 1)));

        Assert.All(results, static result => Assert.Equal(WriteOutcome.Created, result.Outcome));
        Assert.InRange(_store.Reads.Heads - heads, 1, 100);
        Assert.Equal(entries, _store.Reads.Entries);
    }

    [Fact]
    public async Task Many_keys_are_shown_up_to_a_number_of_bytes()
    {
        Node node = Start(minInSync: 1);
        string[] keys = [.. Enumerable.Range(0, 6).Select(static i => $"key-{i}")];
        foreach (string key in keys)
        {
            await WriteAsync(node, key, 400_000);
        }

        ReadResult?[] shown = await node.FindManyHereAsync(["none", .. keys], 1 << 20);
        ReadResult?[] least = await node.FindManyHereAsync(keys, 1);

        Assert.Equal([false, true, true, false, false, false, false], shown.Select(static result => result is not null));
        Assert.Equal([true, false, false, false, false, false], least.Select(static result => result is not null));
    }

    [Fact]
    public async Task An_id_beyond_the_end_of_an_epoch_that_is_over_is_gone_at_once_and_one_of_this_epoch_waits()
    {
        Node node = Start(minInSync: 1);
        LogPoint written = (await WriteAsync(node, "key", 1)).Version;

        WatchReply over = await node.WatchAsync(new ChangesQuery(new LogPoint(written.Epoch - 1, written.Sequence + 1000), TimeSpan.Zero));
        WatchReply ahead = await node.WatchAsync(new ChangesQuery(written with { Sequence = written.Sequence + 1000 }, TimeSpan.Zero));

        WatchReply lost = await node.WatchAsync(new ChangesQuery(new LogPoint(written.Epoch + 1000, 1), TimeSpan.Zero));

        Assert.True(over.IsGone);
        Assert.True(lost.IsGone); // nobody has given that epoch
        Assert.False(ahead.IsGone);
        Assert.Empty(ahead.Page!.Entries);
    }

    [Fact]
    public async Task A_local_only_entry_is_acknowledged_soon_however_old_reads_may_be()
    {
        Node node = Start(minInSync: 1, maxStaleness: TimeSpan.FromHours(1));
        await WriteAsync(node, "key", 1);

        WriteResult result = await node.PutLocalAsync("local", [1], null).WaitAsync(Deadline);

        Assert.Equal(WriteOutcome.Created, result.Outcome);
    }

    private static Task<WriteResult> WriteAsync(Node node, string key, int bytes) => node.WriteAsync(new Write(key, new byte[bytes])).AsTask();

    private async Task ExpiredAsync(int count)
    {
        foreach (int[] part in Enumerable.Range(0, count).Chunk(500))
        {
            LogPoint last = _store.State.Last;
            var batch = new Batch(
                last,
                [.. part.Select((number, i) => new Entry($"old-{number}", [1], null, new LogPoint(1, last.Sequence + 1 + i), DateTimeOffset.UnixEpoch))],
                DateTimeOffset.UnixEpoch);
            await _store.AppendAsync(1, batch);
            await _store.ApplyAsync(batch.Last);
        }
    }

    private Node Start(int minInSync, TimeSpan? maxStaleness = null)
    {
        _node = new Node(
            new NodeSettings { Name = OneNode.Name, MinInSync = minInSync, MaxStaleness = maxStaleness ?? TimeSpan.FromSeconds(1) },
            _store,
            _transport,
            new NodeScheduler(),
            TimeProvider.System,
            new Random(1),
            NullLogger<Node>.Instance);
        _transport.Node = _node;
        _node.Start();
        return _node;
    }
}
