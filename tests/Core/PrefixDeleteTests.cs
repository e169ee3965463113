using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>Deletes by prefix: bounded, resumable, beside other writers.</summary>
public sealed class PrefixDeleteTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly FailingStore _store = new();
    private readonly OneNode _transport = new();
    private Node _node = null!;

    public Task InitializeAsync()
    {
        _node = new Node(
            new NodeSettings { Name = OneNode.Name }, _store, _transport, new NodeScheduler(), TimeProvider.System, new Random(1), NullLogger<Node>.Instance);
        _transport.Node = _node;
        _node.Start();
        return Task.CompletedTask;
    }

    public Task DisposeAsync() => _node.StopAsync();

    [Fact]
    public async Task It_deletes_what_begins_so_and_nothing_else()
    {
        await PutAsync(["a", "p", "p/1", "p/2", "pp", "q"]);
        Assert.Equal((WriteOutcome.Done, 2L, false), Of(await DeleteAsync("p/", 100)));
        Assert.Equal(["a", "p", "pp", "q"], await KeysAsync());
        Assert.Equal((WriteOutcome.Done, 2L, true), Of(await DeleteAsync("", 2)));
        Assert.Equal((WriteOutcome.Done, 2L, false), Of(await DeleteAsync("", 100)));
        Assert.Empty(await KeysAsync());
    }

    [Fact]
    public async Task More_than_a_page_goes_in_one_request_and_the_limit_is_exact()
    {
        int many = (3 * PrimaryDeletes.MaxKeys) + 7;
        await PutAsync([.. Enumerable.Range(0, many).Select(static i => $"p/{i:00000}")]);
        int limit = PrimaryDeletes.MaxKeys + 1;
        Assert.Equal((WriteOutcome.Done, (long)limit, true), Of(await DeleteAsync("p/", limit)));
        Assert.Equal(many - limit, _store.State.Entries);

        // Behind the tombstones of those before.
        Assert.Equal((WriteOutcome.Done, (long)many - limit, false), Of(await DeleteAsync("p/", PrefixDelete.MaxLimit)));
        Assert.Equal(0, _store.State.Entries);
    }

    [Fact]
    public async Task Other_writers_have_their_turn_in_between()
    {
        await PutAsync([.. Enumerable.Range(0, 5000).Select(static i => $"p/{i:00000}")]);
        Task<PrefixDeleteResult> deleting = DeleteAsync("p/", PrefixDelete.MaxLimit);
        int written = 0;
        while (!deleting.IsCompleted)
        {
            Assert.Equal(WriteOutcome.Created, (await _node.WriteAsync(new Write($"other/{written++}", [1])).AsTask().WaitAsync(Deadline)).Outcome);
        }

        Assert.Equal(5000, (await deleting).Deleted);
        Assert.True(written > 3, $"only {written} others were written meanwhile");
        Assert.Equal(written, _store.State.Entries);
    }

    [Fact]
    public async Task Who_comes_beyond_the_pages_that_are_deleted_at_once_is_told_so_and_nobody_waits_for_ever()
    {
        await PutAsync(["p/1"]);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        (_store.Gate, int before) = (gate, _store.AtGate);
        Task<PrefixDeleteResult>[] waiting = [.. Enumerable.Range(0, PrimaryDeletes.MaxPages).Select(_ => DeleteAsync("p/", 10))];
        await FakePair.WaitAsync(() => Volatile.Read(ref _store.AtGate) == before + PrimaryDeletes.MaxPages);
        PrefixDeleteResult beyond = await DeleteAsync("p/", 10);
        Assert.Equal((WriteOutcome.Busy, 0L), (beyond.Outcome, beyond.Deleted));
        _store.Gate = null;
        gate.SetResult();
        Assert.Equal(1, (await Task.WhenAll(waiting)).Sum(static result => result.Deleted));
    }

    [Fact]
    public async Task A_page_for_another_epoch_deletes_nothing()
    {
        await PutAsync(["p/1"]);
        PrefixDeleteReply reply = await _node.DeletePageAsync(new PrefixDeleteRequest(_node.KnownView!.Epoch + 1, "p/", null, 10));
        Assert.Equal((WriteStatus.NotPrimary, 0), (reply.Status, reply.Deleted));
        Assert.Equal(1, _store.State.Entries);
    }

    [Fact]
    public async Task Where_the_disk_fails_on_the_way_the_outcome_is_not_known_and_says_how_many_went()
    {
        await PutAsync([.. Enumerable.Range(0, 10).Select(static i => $"p/{i}")]);
        _store.FailsWrites = true;
        PrefixDeleteResult result = await DeleteAsync("p/", 10);
        Assert.Contains(result.Outcome, new[] { WriteOutcome.Unknown, WriteOutcome.Unavailable });
        Assert.Contains("0 keys were deleted before", result.Detail, StringComparison.Ordinal);
    }

    private static (WriteOutcome, long, bool) Of(PrefixDeleteResult result) => (result.Outcome, result.Deleted, result.More);

    private Task<PrefixDeleteResult> DeleteAsync(string prefix, int limit) =>
        _node.DeleteAsync(new PrefixDelete(prefix, limit)).AsTask().WaitAsync(Deadline);

    private async Task<IEnumerable<string>> KeysAsync() => (await _node.ListAsync(new ListQuery("", null, 1000))).Keys.Select(static key => key.Key);

    private async Task PutAsync(IReadOnlyList<string> keys)
    {
        foreach (string[] some in keys.Chunk(2000))
        {
            WriteResult[] results = await Task.WhenAll(some.Select(key => _node.WriteAsync(new Write(key, [1])).AsTask())).WaitAsync(Deadline);
            Assert.All(results, static result => Assert.Equal(WriteOutcome.Created, result.Outcome));
        }
    }
}
