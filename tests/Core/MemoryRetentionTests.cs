using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>How long a primary remembers requests, by a clock that only goes on.</summary>
public sealed class MemoryRetentionTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private static readonly NodeSettings Settings = new() { Name = OneNode.Name, IdempotencyRetention = TimeSpan.FromMinutes(10) };

    private readonly ManualTime _time = new();
    private readonly CountedMeters _meters = new();
    private readonly OneNode _transport = new();
    private MemoryStore _store = null!;
    private Node _node = null!;
    private int _marks;

    public Task InitializeAsync()
    {
        _store = new MemoryStore(Guid.NewGuid(), _time, isDurable: true);
        Start();
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _node.StopAsync();
        _meters.Dispose();
    }

    [Fact]
    public async Task What_was_remembered_for_the_retention_is_void_and_goes()
    {
        RequestMark mark = Mark();
        Assert.Equal(1, (await AddAsync(mark)).Results![0].Number);
        await PassAsync(TimeSpan.FromMinutes(9.8));
        WriteResult again = await AddAsync(mark);
        Assert.Equal((true, 1L), (again.IsReplay, again.Results![0].Number!.Value));

        await PassUntilAsync(() => _store.State.Memories == 0, TimeSpan.FromMinutes(1));
        Assert.Equal(2, (await AddAsync(mark)).Results![0].Number);
    }

    [Fact]
    public async Task A_wall_clock_that_jumps_makes_nobody_forget()
    {
        RequestMark mark = Mark();
        await AddAsync(mark);
        _time.JumpWall(TimeSpan.FromDays(400));
        await PassAsync(TimeSpan.FromMinutes(5));
        Assert.True((await AddAsync(mark)).IsReplay);
        Assert.Equal(0, _store.State.VoidUpto);
    }

    [Fact]
    public async Task A_primary_that_takes_over_counts_anew()
    {
        RequestMark mark = Mark();
        await AddAsync(mark);
        await PassAsync(TimeSpan.FromMinutes(9));
        await _node.StopAsync();
        Start();
        await PassAsync(TimeSpan.FromMinutes(9));
        Assert.True((await AddAsync(mark)).IsReplay);
    }

    [Fact]
    public async Task Where_nothing_is_remembered_nothing_is_ordered()
    {
        await _node.WriteAsync(new Write("k", [1]));
        LogPoint before = _store.State.Last;
        await PassAsync(TimeSpan.FromMinutes(25));
        Assert.Equal(before, _store.State.Last);

        // Nor is anything once all is forgotten.
        await AddAsync(Mark());
        await PassUntilAsync(() => _store.State.Memories == 0, TimeSpan.FromMinutes(11));
        before = _store.State.Last;
        await PassAsync(TimeSpan.FromMinutes(25));
        Assert.Equal(before, _store.State.Last);
    }

    [Fact]
    public async Task Other_writes_beside_what_is_remembered_make_no_order_more()
    {
        await AddAsync(Mark());
        for (int minute = 0; minute < 60; minute++)
        {
            // Something is remembered all the time.
            await PassAsync(TimeSpan.FromMinutes(1));
            await _node.WriteAsync(new Write("k", [1]));
            if (minute % 8 == 7)
            {
                await AddAsync(Mark());
            }
        }

        Assert.InRange((await _store.ReadChangesAsync(0, int.MaxValue)).Applied.Sequence, 0, 60 + (2 * 8) + 8);
    }

    [Fact]
    public async Task What_cannot_be_ordered_when_it_is_due_is_ordered_later_though_nothing_else_is_written()
    {
        await AddAsync(Mark());
        await PassAsync(TimeSpan.FromSeconds(2));
        await AnnounceAsync(isContested: true);
        LogPoint before = _store.State.Last;
        await PassAsync(TimeSpan.FromMinutes(20));
        Assert.Equal((1L, before), (_store.State.Memories, _store.State.Last));

        await AnnounceAsync(isContested: false);
        await PassUntilAsync(() => _store.State.Memories == 0, TimeSpan.FromMinutes(1));

        Task AnnounceAsync(bool isContested) => _node.AnnounceAsync(_node.KnownView! with { Epoch = _node.KnownView.Epoch + 1, IsContested = isContested });
    }

    [Fact]
    public async Task Forgetting_needs_no_room_and_counts_as_nobody_s_write()
    {
        await _node.StopAsync();
        Start(Settings with { DataMaxBytes = 2 });
        await AddAsync(Mark());
        Assert.Equal(WriteOutcome.OverQuota, (await _node.WriteAsync(new Write("k", [1]))).Outcome);
        Assert.Equal((2L, 2L), (_store.State.LiveBytes, _meters.Writes));

        await PassUntilAsync(() => _store.State.Memories == 0, TimeSpan.FromMinutes(11));
        Assert.Equal((2L, 2L), (_store.State.LiveBytes, _meters.Writes));
    }

    [Fact]
    public async Task Nobody_hears_of_internal_rows()
    {
        await AddAsync(Mark());
        await _node.WriteAsync(new Write("k", [1]));
        Assert.Equal(["n", "k"], (await _node.ReadChangesAsync(new ChangesQuery(ChangeId.Start, TimeSpan.Zero))).Entries.Select(static entry => entry.Key));
        Assert.Equal(["k", "n"], (await _node.ListAsync(new ListQuery("", null, 10))).Keys.Select(static key => key.Key));
        Assert.Equal(["k", "n"], (await _node.GetKeysAsync(null, null)).Keys);
        Assert.Equal(2, (await _node.ListAsync(new ListQuery("", null, 10, Shows: ListShows.Count))).Count);
        Assert.Equal(2, (await _node.PingAsync(write: false)).Keys);

        MasterView view = _node.KnownView!;
        FollowReply told = await _node.FollowAsync(new FollowRequest(view.Epoch, false, view.History, new LogPoint(view.Epoch, 1)));
        Assert.Equal((true, false, _store.State.Applied), (told.IsWhole, told.Jumps, told.Upto));
        Assert.DoesNotContain(told.Changes, static change => InternalKeys.Is(change.Key));
    }

    private void Start(NodeSettings? settings = null)
    {
        _node = new Node(settings ?? Settings, _store, _transport, new NodeScheduler(), _time, new Random(1), NullLogger<Node>.Instance, meters: _meters);
        _transport.Node = _node;
        _node.Start();
    }

    private RequestMark Mark()
    {
        byte[] hash = new byte[32];
        hash[0] = (byte)++_marks;
        return new RequestMark(InternalKeys.Memory(hash), hash);
    }

    private async Task<WriteResult> AddAsync(RequestMark mark)
    {
        Task<WriteResult> write = _node.WriteAsync(Transaction.Of(new Write("n", null, Kind: WriteKind.Add, By: 1), mark)).AsTask();
        return await write.WaitAsync(Deadline);
    }

    private Task PassAsync(TimeSpan time) => PassUntilAsync(static () => false, time, mustHold: false);

    // Second by second, as the node's own loops do it.
    private async Task PassUntilAsync(Func<bool> condition, TimeSpan atMost, bool mustHold = true)
    {
        for (TimeSpan passed = TimeSpan.Zero; passed < atMost && !condition(); passed += TimeSpan.FromSeconds(1))
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await _node.ForgetOldRequestsAsync();
        }

        Assert.True(!mustHold || condition());
    }

    /// <summary>Counts what is measured of writes.</summary>
    private sealed class CountedMeters : IMeterFactory
    {
        private readonly MeterListener _listener = new();
        private readonly List<Meter> _meters = [];
        private long _writes;

        public CountedMeters()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "diststore.writes" && instrument.Meter.Scope == this)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref _writes, value));
            _listener.Start();
        }

        public long Writes => Interlocked.Read(ref _writes);

        public Meter Create(MeterOptions options)
        {
            ArgumentNullException.ThrowIfNull(options);
            var meter = new Meter(new MeterOptions(options.Name) { Scope = this });
            _meters.Add(meter);
            return meter;
        }

        public void Dispose()
        {
            _listener.Dispose();
            _meters.ForEach(static meter => meter.Dispose());
        }
    }
}
