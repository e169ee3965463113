using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>Who watches the changes from the beginning is never told that it is gone, as long as deletes since its start are remembered.</summary>
public sealed class FirstPassTests : IAsyncLifetime
{
    private const int LongBytes = 400_000; // two of them are a page

    private static readonly NodeSettings Settings = new() { Name = OneNode.Name, TombstoneRetention = TimeSpan.FromHours(1) };

    private readonly ManualTime _time = new();
    private readonly OneNode _transport = new();
    private Node _node = null!;

    public Task InitializeAsync()
    {
        var store = new MemoryStore(Guid.NewGuid(), _time, isDurable: true);
        _node = new Node(Settings, store, _transport, new NodeScheduler(), _time, new Random(1), NullLogger<Node>.Instance);
        _transport.Node = _node;
        _node.Start();
        return Task.CompletedTask;
    }

    public Task DisposeAsync() => _node.StopAsync();

    [Fact]
    public async Task A_pass_that_begins_after_deletes_were_forgotten_shows_what_there_is()
    {
        await PutAsync("a", 1);
        await PutAsync("b", 1);
        await DeleteAsync("a");
        await ForgetAsync();
        Assert.Equal(ChangesOutcome.Gone, (await ReadAsync(new LogPoint(_node.KnownView!.Epoch, 1))).Outcome);

        ChangesResult page = await ReadAsync(ChangeId.Start);

        Assert.Equal(["b"], page.Entries.Select(static entry => entry.Key));
        Assert.Equal(page.Upto, page.IdOf(page.Upto).Point);
        Assert.Equal(ChangesOutcome.Page, (await ReadAsync(page.IdOf(page.Upto))).Outcome);
    }

    [Fact]
    public async Task A_pass_goes_on_over_deletes_that_were_forgotten_before_it_began_and_ends_when_later_ones_are()
    {
        await PutAsync("gone", 1);
        for (int i = 0; i < 6; i++)
        {
            await PutAsync($"k{i}", LongBytes);
        }

        ChangesResult first = await ReadAsync(ChangeId.Start);
        ChangeId second = first.IdOf(first.Upto);
        Assert.NotEqual(LogPoint.Zero, second.PassUpto);

        // Deleted while the pass is under way: it is told of it, as long as that is remembered.
        await DeleteAsync("k5");
        Assert.Equal(ChangesOutcome.Page, (await ReadAsync(second)).Outcome);

        await ForgetAsync();
        Assert.Equal(ChangesOutcome.Gone, (await ReadAsync(second)).Outcome);
    }

    [Fact]
    public async Task A_pass_sees_every_key_once_and_its_ids_end_as_plain_points()
    {
        for (int i = 0; i < 6; i++)
        {
            await PutAsync($"k{i}", LongBytes);
        }

        await DeleteAsync("k0");
        await ForgetAsync();
        var seen = new List<string>();
        ChangeId id = ChangeId.Start;
        for (int pages = 0; pages < 10; pages++)
        {
            ChangesResult page = await ReadAsync(id);
            Assert.Equal(ChangesOutcome.Page, page.Outcome);
            if (page.Entries.Length == 0)
            {
                break;
            }

            seen.AddRange(page.Entries.Select(static entry => entry.Key));
            id = page.IdOf(page.Upto);
        }

        Assert.Equal(["k1", "k2", "k3", "k4", "k5"], seen);
        Assert.Equal(LogPoint.Zero, id.PassUpto);
        Assert.DoesNotContain('.', id.ToString());
    }

    private async Task PutAsync(string key, int bytes) => Assert.Equal(WriteOutcome.Created, (await _node.WriteAsync(new Write(key, new byte[bytes]))).Outcome);

    private async Task DeleteAsync(string key) => Assert.Equal(WriteOutcome.Deleted, (await _node.WriteAsync(new Write(key, null))).Outcome);

    private async Task ForgetAsync()
    {
        _time.Advance(TimeSpan.FromHours(2));
        await _node.ForgetOldDeletesAsync();
    }

    private ValueTask<ChangesResult> ReadAsync(ChangeId since) => _node.ReadChangesAsync(new ChangesQuery(since, TimeSpan.Zero));
}
