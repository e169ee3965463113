using System.Runtime.CompilerServices;

namespace Diststore.Core;

/// <content>What other nodes and the registry ask.</content>
public sealed partial class Node
{
    // Datagrams that are being taken: questions, which are answered from the store, and others, which wait for the scheduler.
    // Those beyond are dropped, like those that the network loses.
    private const int MaxQuestions = 512;
    private const int MaxTold = 4096;

    /// <summary>Takes a datagram that came from the endpoint of the live node <paramref name="sender"/>. Any thread.</summary>
    public void ReceiveDatagram(string sender, ReadOnlySpan<byte> datagram)
    {
        if (!_channel.TryRead(sender, datagram, out Datagram message))
        {
            _context.Instruments.DatagramRefused();
            return;
        }

        bool asks = message.Type == DatagramType.WhoHas;
        StrongBox<int> underWay = asks ? _asked : _told;
        if (Volatile.Read(ref underWay.Value) >= (asks ? MaxQuestions : MaxTold))
        {
            _context.Instruments.DatagramRefused();
            return;
        }

        Interlocked.Increment(ref underWay.Value);
        ValueTask taking = asks ? _responder.AnswerAsync(sender, message) : new ValueTask(TakeAsync(sender, message));
        if (taking.IsCompletedSuccessfully)
        {
            // Most questions: what is asked for is in memory, or is not here.
            Interlocked.Decrement(ref underWay.Value);
            return;
        }

        Task taken = taking.AsTask();
        _context.Watch(taken);
        taken.ContinueWith(
            static (_, underWay) => Interlocked.Decrement(ref ((StrongBox<int>)underWay!).Value),
            underWay,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private Task<bool> TakeAsync(string sender, Datagram told) =>
        told.Type == DatagramType.Hint ? OnSchedulerAsync(() => TakeHint(told)) : OnSchedulerAsync(() => TakeAnswer(sender, told));

    /// <inheritdoc/>
    public Task<WriteReply> WriteAsync(WriteRequest request) =>
        OnSchedulerAsync(() => _partition.Primary is { } primary
            ? primary.WriteAsync(request)
            : Task.FromResult(new WriteReply(WriteStatus.NotPrimary, default, _partition.Views.Newest)));

    /// <inheritdoc/>
    public Task<PrefixDeleteReply> DeletePageAsync(PrefixDeleteRequest request) =>
        AsPrimaryAsync(
            primary => primary.Deletes.DeleteAsync(request), newest => new PrefixDeleteReply(WriteStatus.NotPrimary, 0, request.After, newest));

    /// <inheritdoc/>
    public Task<ReplicateReply> ReplicateAsync(ReplicateRequest request) => OnSchedulerAsync(() => _partition.Replica.ReplicateAsync(request));

    /// <inheritdoc/>
    public Task<MasterReply> CommitAsync(CommitRequest request) => OnSchedulerAsync(() => _partition.Replica.CommitAsync(request));

    /// <inheritdoc/>
    public Task<ReplicateReply> AlignAsync(AlignRequest request) => OnSchedulerAsync(() => _partition.Replica.AlignAsync(request));

    /// <inheritdoc/>
    public Task<MasterReply> ConfirmAsync(ConfirmRequest request) => OnSchedulerAsync(() => _partition.Replica.ConfirmAsync(request));

    /// <inheritdoc/>
    public Task AnnounceAsync(MasterView view) =>
        OnSchedulerAsync(() =>
        {
            _partition.Views.Learn(view);
            return Task.FromResult(true);
        });

    /// <inheritdoc/>
    public Task<SyncStartReply> StartSyncAsync(SyncStartRequest request) =>
        AsPrimaryAsync(primary => Task.FromResult(primary.Other.StartSync(request)), newest => new SyncStartReply(SyncKind.Refused, newest));

    /// <inheritdoc/>
    public Task<SyncPageReply> ReadPageAsync(SyncPageRequest request) =>
        AsPrimaryAsync(primary => primary.Other.ReadPageAsync(request), newest => new SyncPageReply(null, newest));

    /// <inheritdoc/>
    public Task<SyncChangesReply> ReadChangesAsync(SyncChangesRequest request) =>
        AsPrimaryAsync(primary => primary.Other.ReadChangesAsync(request), newest => new SyncChangesReply(null, false, newest));

    /// <inheritdoc/>
    public Task<MasterReply> StartStreamAsync(StreamRequest request) =>
        AsPrimaryAsync(primary => Task.FromResult(primary.Other.StartStream(request)), newest => new MasterReply(false, newest));

    /// <inheritdoc/>
    public Task<MasterReply> CheckStreamAsync(StreamRequest request) =>
        AsPrimaryAsync(
            primary => Task.FromResult(new MasterReply(primary.Other.IsStreamingTo(request), _partition.Views.Newest)),
            newest => new MasterReply(false, newest));

    /// <inheritdoc/>
    public Task<FetchReply?[]> FetchAsync(FetchRequest[] requests) => OnSchedulerAsync(() => _answers.AnswerAsync(requests));

    /// <inheritdoc/>
    public Task<SnapshotReply> ReadSnapshotAsync(ManyQuery query) => OnSchedulerAsync(() => _snapshots.AnswerAsync(query));

    /// <inheritdoc/>
    public Task<SnapshotPart> ReadRestAsync(Guid id, int from) => OnSchedulerAsync(() => Task.FromResult(_snapshots.ReadRest(id, from)));

    /// <inheritdoc/>
    public Task<LocalReply> FetchLocalAsync(string key) => OnSchedulerAsync(async () => new LocalReply(await _context.Store.ReadLocalAsync(key)));

    /// <inheritdoc/>
    public Task<FollowReply> FollowAsync(FollowRequest request) =>
        AsPrimaryAsync(
            primary => primary.Followers.FollowAsync(request),
            static newest => new FollowReply(false, newest, [], default, false, false, default));

    /// <summary>What has changed of what this node shows, for a gateway that keeps copies.</summary>
    public Task<CopyNews> FollowCopiesAsync(CopyQuestion question) => OnSchedulerAsync(() => _upstream.AnswerAsync(question));

    /// <inheritdoc/>
    public Task<ListResult?> ListFromPrimaryAsync(ListQuery query) =>
        AsPrimaryAsync<ListResult?>(primary => primary.Listings.ListAsync(query), static _ => null);

    /// <inheritdoc/>
    public Task<WatchReply> WatchAsync(ChangesQuery query) =>
        AsPrimaryAsync(primary => primary.Watchers.WatchAsync(query), newest => new WatchReply(null, false, newest));

    /// <inheritdoc/>
    public Task<BackupStart> StartBackupAsync() =>
        OnSchedulerAsync(async () =>
            // What was acknowledged before this may be pending here still: the commit point of the last batch is on its way.
            await _follower.RefreshAsync() && _partition.Served.IsFromStore
                ? _backups.Start()
                : new BackupStart(BackupOutcome.Unavailable, Name, default));

    /// <inheritdoc/>
    public Task<BackupPart> ReadBackupAsync(Guid id) => OnSchedulerAsync(() => _backups.ReadAsync(id));

    /// <inheritdoc/>
    public Task<WriteResult> PutLocalAsync(string key, byte[] value, string? contentType) =>
        OnSchedulerAsync(() => _locals.PutAsync(new Entry(key, value, contentType, LogPoint.Zero)));

    /// <inheritdoc/>
    public Task<WriteResult> DeleteLocalAsync(string key) =>
        OnSchedulerAsync(async () => await _locals.DeleteAsync(key)
            ? new WriteResult(WriteOutcome.Deleted, default, Name)
            : new WriteResult(WriteOutcome.NotFound, default, Name, "this node does not have this key local-only"));

    /// <inheritdoc/>
    public async Task<ReadResult> GetLocalAsync(string key)
    {
        HeldEntry held = await _here.LookAsync(key);
        if (Hit(held, default) is null && (held.Entry is not null || held.IsUntold) && await OnSchedulerAsync(_follower.RefreshAsync))
        {
            held = await _here.LookAsync(key);
        }

        if (Hit(held, default) is { } hit)
        {
            return hit;
        }

        return await _context.Store.ReadLocalAsync(key) is { } local ? new ReadResult(ReadOutcome.Found, local, Name)
            : held is { Entry: null, IsUntold: false } ? new ReadResult(ReadOutcome.NotFound, null, Name, "this node does not have this key")
            : new ReadResult(ReadOutcome.Unavailable, null, Name, "this node has this key, but no master says whether it is still current");
    }

    /// <inheritdoc/>
    public Task<KeysResult> GetKeysAsync(string? after) => _keys.ReadAsync(after);

    /// <inheritdoc/>
    public Task<PingReply> PingAsync(bool write) => OnSchedulerAsync(() => AnswerPingAsync(write));

    private async Task<PingReply> AnswerPingAsync(bool write)
    {
        IStore store = _context.Store;
        if (write && _partition.Views.Newest is { } newest)
        {
            await store.AdoptAsync(newest, _partition.Role == NodeRole.Primary);
        }

        StoreState state = store.State;
        return new PingReply(
            _context.Self,
            state.View,
            state.HighestEpoch,
            state.Last,
            state.Applied,
            (_partition.Served.IsFromStore || _partition.Role == NodeRole.Learner ? state.Entries : _copies.Count) + state.LocalEntries,
            state.Applied.Sequence > 0,
            state.Candidate,
            _partition.Role,
            _isStopping,
            _partition.Learner?.Report,
            state.History,
            state.SyncsFrom,
            state.Floor,
            _partition.Primary?.TakesWrites ?? false,
            _context.Settings.Url,
            _context.Settings.Version,
            _hasSteppedDown,
            IsStarting: !_hasStarted);
    }

    private Task<bool> TakeHint(Datagram hint)
    {
        foreach (ChangedKey change in hint.Changes)
        {
            _partition.Copies.OnChanged(change);
        }

        _upstream.OnHint(hint.Changes.AsSpan());
        return Task.FromResult(true);
    }

    private Task<bool> TakeAnswer(string sender, Datagram answer)
    {
        _questions.Answer(sender, answer.Type, answer.RequestId);
        return Task.FromResult(true);
    }

    private Task<T> AsPrimaryAsync<T>(Func<PrimaryRole, Task<T>> answer, Func<MasterView?, T> refuse) =>
        OnSchedulerAsync(() => _partition.Primary is { } primary ? answer(primary) : Task.FromResult(refuse(_partition.Views.Newest)));
}
