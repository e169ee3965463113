using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>Nobody but the masters sees what they keep for themselves: no feed, hint or follow answer of a primary shows it, and all get past it.</summary>
public sealed class InternalRowsTests : IAsyncLifetime
{
    private readonly OneNode _transport = new();
    private readonly MemoryStore _store = new(Guid.NewGuid(), TimeProvider.System, isDurable: true);
    private Node? _node;

    private Node Running => _node!;

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _node?.StopAsync() ?? Task.CompletedTask;

    [Fact]
    public async Task Who_watches_sees_none_and_gets_past_them()
    {
        Start();
        await PutAsync("a");
        ChangesResult page = await Running.ReadChangesAsync(new ChangesQuery(ChangeId.Start, TimeSpan.Zero));

        Assert.Equal(["a"], page.Entries.Select(static entry => entry.Key));
        Assert.Equal(_store.State.Applied, page.Upto);
        Assert.True(page.Upto > page.Entries[0].Version);
        Assert.Empty((await Running.ReadChangesAsync(new ChangesQuery(page.IdOf(page.Upto), TimeSpan.Zero))).Entries);

        // From between the write and its memory there is a page of nothing, which leads on all the same.
        ChangesResult empty = await Running.ReadChangesAsync(new ChangesQuery(page.Entries[0].Version, TimeSpan.Zero));
        Assert.Equal((0, _store.State.Applied), (empty.Entries.Length, empty.Upto));
    }

    [Fact]
    public async Task Who_follows_is_told_of_none_and_gets_past_them_also_from_before_what_is_at_hand()
    {
        // What was applied before the node began is not among the recent changes.
        LogPoint old = await ApplyAsync("old");
        await ApplyAsync("older");
        Start();
        await PutAsync("a");
        MasterView view = Running.KnownView!;

        FollowReply recent = await FollowAsync(new LogPoint(1, 4));
        Assert.Equal(["a"], recent.Changes.Select(static change => change.Key));
        Assert.Equal((_store.State.Applied, true, false), (recent.Upto, recent.IsWhole, recent.Jumps));

        FollowReply earlier = await FollowAsync(old);
        Assert.Equal(["older", "a"], earlier.Changes.Select(static change => change.Key));
        Assert.Equal((_store.State.Applied, true, false), (earlier.Upto, earlier.IsWhole, earlier.Jumps));
        Assert.True((await FollowAsync(_store.State.Applied)).IsWhole);

        Task<FollowReply> FollowAsync(LogPoint since) => Running.FollowAsync(new FollowRequest(view.Epoch, false, view.History, since));
    }

    [Fact]
    public void A_hint_names_none_and_one_that_would_name_nothing_is_not_sent()
    {
        var transport = new Listening();
        var channel = new DatagramChannel("a", default, transport);
        channel.Hint(BatchOf("k", Memory("1")));
        Assert.True(DatagramCodec.TryRead(Assert.Single(transport.Datagrams), default, out Datagram hint));
        Assert.Equal("k", Assert.Single(hint.Changes).Key);

        channel.Hint(BatchOf(InternalKeys.VoidUpto, Memory("2")));
        Assert.Single(transport.Datagrams);
    }

    [Fact]
    public void Recent_changes_leave_them_out_and_reach_past_them()
    {
        var changes = new RecentChanges();
        changes.Begin(Guid.NewGuid(), LogPoint.Zero);
        changes.Add(BatchOf("k", Memory("1")));
        Assert.Equal("k", Assert.Single(changes.After(0, 10)).Key);
        Assert.Equal(new LogPoint(1, 2), changes.End);
    }

    private static string Memory(string request) => InternalKeys.Memory(SHA256.HashData(Encoding.UTF8.GetBytes(request)));

    private static Batch BatchOf(params string[] keys) =>
        new(LogPoint.Zero, [.. keys.Select(static (key, i) => new Entry(key, [1], null, new LogPoint(1, 1 + i)))], default);

    private async Task<LogPoint> ApplyAsync(string key)
    {
        Batch batch = BatchOf(key, Memory(key));
        LogPoint last = _store.State.Last;
        batch = new Batch(last, [.. batch.Entries.Select((entry, i) => entry with { Version = new LogPoint(1, last.Sequence + 1 + i) })], default);
        await _store.AppendAsync(1, batch);
        await _store.ApplyAsync(batch.Last);
        return batch.Last;
    }

    private void Start()
    {
        _node = new Node(
            new NodeSettings { Name = OneNode.Name }, _store, _transport, new NodeScheduler(), TimeProvider.System, new Random(1),
            NullLogger<Node>.Instance);
        _transport.Node = _node;
        _node.Start();
    }

    // With a memory in the same batch.
    private async Task PutAsync(string key)
    {
        var mark = new RequestMark(Memory(key), SHA256.HashData(Encoding.UTF8.GetBytes(key)));
        Assert.Equal(WriteOutcome.Created, (await Running.WriteAsync(Transaction.Of(new Write(key, [1]), mark))).Outcome);
    }

    private sealed class Listening : ITransport
    {
        public List<byte[]> Datagrams { get; } = [];

        public IReadOnlyList<string> Members { get; } = ["a", "b"];

        public IRegistry Registry => throw new NotSupportedException();

        public IPeer Peer(string node) => throw new NotSupportedException();

        public void Multicast(ReadOnlySpan<byte> datagram) => Datagrams.Add(datagram.ToArray());

        public void Send(string node, ReadOnlySpan<byte> datagram) => throw new NotSupportedException();
    }
}
