using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>
/// One node: what it holds, what it plays among the masters, and how it answers. Everything mutable lives on the
/// node's scheduler; every public method may be called from any thread and goes there by itself. What users ask is in
/// this file, in <c>Node.Many.cs</c> and, where a node is named, in <c>Node.Named.cs</c>; what other nodes ask in <c>Node.Peer.cs</c>, giving roles away
/// in <c>Node.Roles.cs</c>.
/// </summary>
public sealed partial class Node : IDiststore, INodeAccess, IPeer
{
    private readonly NodeContext _context;
    private readonly TaskScheduler _scheduler;
    private readonly DatagramChannel _channel;
    private readonly CopyReader _copies; // any thread
    private readonly Partition _partition;
    private readonly LocalReads _here; // any thread
    private readonly NodeKeys _keys; // any thread
    private readonly Follower _follower;
    private readonly LocalOnlyEntries _locals;
    private readonly PrimaryFinder _finder;
    private readonly QuestionTable _questions;
    private readonly Responder _responder;
    private readonly FetchAnswers _answers;
    private readonly ReadPath _reads;
    private readonly SnapshotAnswers _snapshots;
    private readonly ManyReads _many;
    private readonly WritePath _writes;
    private readonly PrefixDeletes _deletes;
    private readonly BackupSessions _backups;
    private readonly Sweep _sweep;
    private readonly Upstream _upstream;
    private readonly Turns _named; // calls to nodes that a user has named
    private volatile string? _notReady = "the node is starting";
    private bool _hasFailed;
    private bool _hasStarted;
    private bool _hasSteppedDown; // and was asked to by an operator
    private volatile bool _isStopping;
    private int _underWay; // requests of users that wait for others; any thread
    private readonly StrongBox<int> _asked = new(); // datagrams with questions that are being taken; any thread
    private readonly StrongBox<int> _told = new(); // other datagrams that are being taken; any thread

    /// <summary>Puts a node together; <see cref="Start"/> begins its work.</summary>
    /// <param name="settings">What its decisions depend on.</param>
    /// <param name="store">Its opened store, owned by the caller.</param>
    /// <param name="transport">How it reaches the others.</param>
    /// <param name="scheduler">The node's own scheduler, which runs one task at a time.</param>
    /// <param name="time">The clock.</param>
    /// <param name="random">For ids; used on the scheduler only.</param>
    /// <param name="logger">Where it reports.</param>
    /// <param name="meters">Makes and ends its meter; without it nothing is counted.</param>
    public Node(
        NodeSettings settings,
        IStore store,
        ITransport transport,
        TaskScheduler scheduler,
        TimeProvider time,
        Random random,
        ILogger<Node> logger,
        IMeterFactory? meters = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(store);
        _scheduler = scheduler;
        _context = new NodeContext
        {
            Settings = settings,
            Store = new WatchedStore(store, OnReadFailed, OnWriteFailed),
            BackupSource = store as IBackupSource,
            Transport = transport,
            Time = time,
            Random = random,
            Log = logger,
            Instruments = new NodeInstruments(settings.Name, meters),
            Self = new MasterId(settings.Name, store.Id, Ids.Next(random), store.IsDurable),
            Fail = reason => FailOnScheduler(() => OnFailure(reason)),
        };
        _channel = new DatagramChannel(settings.Name, settings.ClusterKey, transport);
        _copies = new CopyReader(settings.CopiesMaxBytes, settings.CopiesTimeToLive, time);
        _locals = new LocalOnlyEntries(_context);
        _partition = new Partition(_context, _copies, _locals, _channel.Hint);
        _here = new LocalReads(_context, _partition, _copies);
        _keys = new NodeKeys(_context, _partition, _copies);
        _finder = new PrimaryFinder(_context, _partition.Views);
        _follower = new Follower(_context, _partition, _finder);
        _partition.Acted = () => _context.Watch(_follower.RefreshAsync());
        _locals.Ask = _partition.Acted;
        _upstream = new Upstream(_context, _partition, _follower);
        _partition.Changed = _upstream.OnChanged;
        _questions = new QuestionTable(_context, _channel);
        _responder = new Responder(_channel, _partition, _here, _context);
        _answers = new FetchAnswers(_partition, _here);
        var fetches = new Fetches(_context, _answers);
        _reads = new ReadPath(_context, _partition, _finder, _questions, fetches);
        _snapshots = new SnapshotAnswers(_context, _partition);
        _many = new ManyReads(_context, _finder, fetches, _reads, _snapshots);
        _backups = new BackupSessions(_context);
        _sweep = new Sweep(_context, _partition, _copies);
        _writes = new WritePath(_context, _partition, _finder);
        _deletes = new PrefixDeletes(_context, _partition, _finder, _writes.AnswerTimeout);
        _named = new Turns(MaxNamedCalls, MaxNamedCallsWaiting, _writes.AnswerTimeout / 2, _context.Time);
        _context.Instruments.Observe(store, _copies, () => _partition.Served, () => _finder.Missing);
    }

    /// <summary>Raised once when this life of the node ends for a reason of its own, for instance a failed store. Any thread.</summary>
    public event Action<Exception>? Failed;

    /// <summary>Who the node is in this life.</summary>
    public MasterId Id => _context.Self;

    /// <summary>The node's name.</summary>
    public string Name => _context.Settings.Name;

    /// <inheritdoc/>
    public string? NotReadyBecause => _notReady
        ?? (_partition.Views.AtOddsWith is null ? null : "its data is of another history than the masters' view; an operator has to force an election");

    /// <inheritdoc/>
    public string? NotWritableBecause => _finder.NotWritableBecause;

    /// <summary>The newest view that this node has heard of. Any thread.</summary>
    public MasterView? KnownView => _partition.Views.Newest;

    /// <summary>What a registry in this process decides by.</summary>
    public RegistrySettings RegistrySettings => new(_context.Settings.MinInSync, _context.Settings.RestartGrace);

    /// <summary>Begins the node's loops. Called once, when the transport works.</summary>
    public void Start() =>
        _ = OnSchedulerAsync(() =>
        {
            _notReady = null;
            _hasStarted = true;
            if (_context.Store.State.View is { } remembered)
            {
                _partition.Views.Learn(remembered);
            }

            _context.Watch(_finder.RefreshAsync());
            _context.Watch(_follower.RunAsync());
            _context.Watch(_sweep.RunAsync());
            _context.Watch(_sweep.RemoveVoidAsync());
            return Task.FromResult(true);
        });

    /// <inheritdoc/>
    public ValueTask<ReadResult> GetAsync(string key, ReadOptions options = default, CancellationToken cancellation = default)
    {
        if (options.IsStrong)
        {
            return new ValueTask<ReadResult>(AskAsync(key, options, Forwarding.Request, cancellation));
        }

        ValueTask<HeldEntry> held = _here.LookAsync(key);
        if (!held.IsCompletedSuccessfully)
        {
            return new ValueTask<ReadResult>(GetSlowlyAsync(held, key, options, cancellation));
        }

        HeldEntry found = held.Result;
        return Hit(found, options) is { } hit
            ? new ValueTask<ReadResult>(hit)
            : new ValueTask<ReadResult>(AskAsync(key, options, WhyAsk(found), cancellation));
    }

    /// <inheritdoc/>
    public ValueTask<WriteResult> WriteAsync(Transaction transaction, CancellationToken cancellation = default) =>
        new(ServeAsync(() => _writes.WriteAsync(transaction), new WriteResult(WriteOutcome.Unavailable, default, Name, Stopped), cancellation));

    /// <inheritdoc/>
    public ValueTask<PrefixDeleteResult> DeleteAsync(PrefixDelete asked, CancellationToken cancellation = default) =>
        new(ServeAsync(() => _deletes.DeleteAsync(asked), new PrefixDeleteResult(WriteOutcome.Unavailable, 0, true, Name, Stopped), cancellation));

    /// <inheritdoc/>
    public ValueTask<ListResult> ListAsync(ListQuery query, CancellationToken cancellation = default) =>
        new(ServeAsync(() => ListFromWhoeverIsPrimaryAsync(query, cancellation), new ListResult(false, [], null, default, Name, Stopped), cancellation));

    /// <inheritdoc/>
    public ValueTask<ChangesResult> ReadChangesAsync(ChangesQuery query, CancellationToken cancellation = default) =>
        new(ServeAsync(
            () => ReadChangesFromPrimaryAsync(query, cancellation), new ChangesResult(ChangesOutcome.Unavailable, [], Name, Stopped), cancellation));

    /// <inheritdoc/>
    public ValueTask<BackupStart> StartBackupAsync(CancellationToken cancellation = default) =>
        new(ServeAsync(StartBackupOfAMasterAsync, new BackupStart(BackupOutcome.Unavailable, Name, default), cancellation));

    /// <inheritdoc/>
    public ValueTask<ClusterStatus> GetStatusAsync(CancellationToken cancellation = default) =>
        new(ServeAsync(StatusAsync, new ClusterStatus([], [], Name), cancellation));

    private Forwarding WhyAsk(in HeldEntry held) =>
        held.Entry is null ? Forwarding.Miss
        : held.Age > _context.Settings.MaxStaleness ? Forwarding.Stale
        : Forwarding.Request;

    private ReadResult? Hit(in HeldEntry held, in ReadOptions options) =>
        held.Serves(options, _context.Settings.MaxStaleness)
            ? new ReadResult(ReadOutcome.Found, held.Entry, Name, Age: held.Age, Life: held.Life)
            : null;

    private async Task<ReadResult> GetSlowlyAsync(ValueTask<HeldEntry> look, string key, ReadOptions options, CancellationToken cancellation)
    {
        try
        {
            HeldEntry held = await look;
            return Hit(held, options) ?? await AskAsync(key, options, WhyAsk(held), cancellation);
        }
        catch (StoreFailedException)
        {
            return new ReadResult(ReadOutcome.Unavailable, null, Name, "this node's store has failed; ask another node");
        }
    }

    private Task<ReadResult> AskAsync(string key, ReadOptions options, Forwarding why, CancellationToken cancellation) =>
        ServeAsync(() => _reads.GetAsync(key, options, why), new ReadResult(ReadOutcome.Unavailable, null, Name, Stopped), cancellation);

    // Who has given up asks nobody any more.
    private async Task<ListResult> ListFromWhoeverIsPrimaryAsync(ListQuery query, CancellationToken cancellation)
    {
        ListResult? page = await _finder.AskPrimaryAsync<ListResult>(
            async view =>
            {
                ListResult? answer = await _context.AskAsync(
                    view.Primary.Name, peer => peer.ListFromPrimaryAsync(query), _context.Settings.ReplyTimeout);
                return answer ?? Attempt<ListResult>.Failed(null);
            },
            cancellation: cancellation);
        return page is null ? new ListResult(false, [], null, default, Name, NoPrimary) : page with { Node = Name };
    }

    private async Task<ChangesResult> ReadChangesFromPrimaryAsync(ChangesQuery query, CancellationToken cancellation)
    {
        WatchReply? reply = await _finder.AskPrimaryAsync<WatchReply>(
            async view =>
            {
                WatchReply? answer = await _context.AskAsync(
                    view.Primary.Name, peer => peer.WatchAsync(query), ChangesQuery.MaxWait + _context.Settings.ReplyTimeout);
                return answer is { Page: not null } or { IsGone: true } or { IsBusy: true } ? answer : Attempt<WatchReply>.Failed(answer?.View);
            },
            atLeast: query.Since.Shown.Epoch,
            cancellation: cancellation);
        return reply switch
        {
            { Page: { } page } => page with { Node = Name },
            { IsGone: true } => new ChangesResult(ChangesOutcome.Gone, [], Name, "that point is too old, or not in this history: list the keys anew"),
            { IsBusy: true } => new ChangesResult(
                ChangesOutcome.Busy, [], Name, "the primary reads as many changes as it may already; ask again later"),
            _ => new ChangesResult(ChangesOutcome.Unavailable, [], Name, NoPrimary),
        };
    }

    // Rather of the secondary: the primary has enough to do.
    private async Task<BackupStart> StartBackupOfAMasterAsync()
    {
        MasterView? view = await _finder.CurrentAsync(poster: null);
        foreach (MasterId master in view?.InSyncSet.Reverse() ?? [])
        {
            BackupStart? start = await _context.AskAsync(
                master.Name, static peer => peer.StartBackupAsync(), _context.Settings.ReplyTimeout);
            if (start is { Outcome: not BackupOutcome.Unavailable })
            {
                return start;
            }
        }

        return new BackupStart(BackupOutcome.Unavailable, Name, default);
    }

    private async Task<ClusterStatus> StatusAsync()
    {
        string[] members = [.. _context.Transport.Members];
        PingReply?[] pings = await Task.WhenAll(members.Select(
            member => _context.AskAsync(member, peer => peer.PingAsync(write: false), _context.Settings.ReplyTimeout)));
        NodeStatus[] nodes = [.. members.Zip(pings, static (name, ping) => ping is null
            ? new NodeStatus(name, NodeRole.Copies, false, 0, default, default, 0)
            : new NodeStatus(name, ping.Role, true, ping.Keys, ping.Applied, ping.Last, ping.HighestEpoch, ping.Url, ping.Version))];
        if (_partition.Views.Newest is not { } view)
        {
            return new ClusterStatus([], nodes, Name);
        }

        bool isWritable = pings.Any(ping => ping is { TakesWrites: true } && ping.Id == view.Primary);
        MissingMaster[] missing = _finder.See([.. pings.OfType<PingReply>().Select(static ping => ping.Id.StoreId)]);
        return new ClusterStatus([new PartitionStatus(0, view, isWritable, missing)], nodes, Name);
    }

    /// <summary>Does at once what is done from time to time. For tests.</summary>
    internal Task ForgetOldDeletesAsync() => OnSchedulerAsync(async () =>
    {
        await _sweep.CollectTombstonesAsync();
        return true;
    });

    /// <summary>The same for requests that were remembered for long enough.</summary>
    internal Task ForgetOldRequestsAsync() => OnSchedulerAsync(async () =>
    {
        await (_partition.Primary?.Memories.ForgetAsync() ?? Task.CompletedTask);
        await _sweep.RemoveVoidNowAsync();
        return true;
    });

    // What the medium does not give is not "not found": this life of the node ends, whoever asked.
    private void OnReadFailed(StoreFailedException reason) => FailOnScheduler(() => End(reason));

    private void OnWriteFailed(StoreFailedException reason) => FailOnScheduler(() =>
    {
        if (_partition.Primary?.TryBreak(reason) != true)
        {
            OnFailure(reason);
        }
    });

    private void FailOnScheduler(Action fail) =>
        _ = OnSchedulerAsync(() =>
        {
            fail();
            return Task.FromResult(true);
        });

    private void OnFailure(Exception reason)
    {
        // The last in-sync member whose store takes no more writes keeps its role: what it cannot do any more is no news.
        if (reason is StoreFailedException && _partition is { Primary.IsBroken: true } && _partition.Views.Newest?.Primary == _context.Self)
        {
            _context.Log.BrokenEnded(reason.Message);
            return;
        }

        End(reason);
    }

    private void End(Exception reason)
    {
        if (_hasFailed || _context.Stopping.IsCancellationRequested)
        {
            return;
        }

        _hasFailed = true;
        _notReady = "the node has failed";
        _context.Log.Failed(reason);
        _partition.Stop();
        _context.Stop();
        Failed?.Invoke(reason);
    }

    private Task<T> OnSchedulerAsync<T>(Func<Task<T>> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, _scheduler).Unwrap();
}
