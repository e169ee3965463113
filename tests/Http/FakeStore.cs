using System.Collections.Concurrent;
using Diststore.Core;

namespace Diststore.Http.Tests;

/// <summary>A cluster of one node, <c>n1</c>, in a dictionary.</summary>
internal sealed class FakeStore : IDiststore, INodeAccess
{
    public const string Name = "n1";

    private static readonly NodeInstruments s_instruments = new(Name, null);

    private readonly ConcurrentDictionary<string, Entry> _changes = new(); // each key's latest, tombstones too
    private readonly Dictionary<string, Entry> _memories = []; // of requests that may be repeated; a write holds its lock
    private volatile TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _sequence;

    public ConcurrentDictionary<string, Entry> Replicated { get; } = new();

    public ConcurrentDictionary<string, Entry> LocalOnly { get; } = new();

    /// <summary>What a local-only write is answered with, instead of doing it.</summary>
    public WriteResult? LocalWritten { get; set; }

    /// <summary>What reads and writes answer instead, if set.</summary>
    public ReadResult? Read { get; set; }

    public WriteResult? Write { get; set; }

    /// <summary>What reads make of their result, so that it has an age or was asked for elsewhere.</summary>
    public Func<ReadResult, ReadResult> Shown { get; set; } = static result => result;

    /// <summary>What the last read was asked with.</summary>
    public ReadOptions? AskedRead { get; set; }

    /// <summary>What reads of many keys answer instead, if set.</summary>
    public ManyResult? Many { get; set; }

    /// <summary>The last read of many keys that was asked for.</summary>
    public ManyQuery? AskedMany { get; private set; }

    /// <summary>The last listing that was asked for.</summary>
    public ListQuery? AskedList { get; private set; }

    /// <summary>What reads of changes answer instead, where it gives anything.</summary>
    public Func<ChangesQuery, ChangesResult?>? Changes { get; set; }

    /// <summary>How often changes were given, by the point that they were asked from.</summary>
    public ConcurrentDictionary<LogPoint, int> ChangeReads { get; } = new();

    /// <summary>What reads of a node's keys answer instead, where it gives anything.</summary>
    public Func<string?, string?, KeysResult?>? Keys { get; set; }

    /// <summary>Keys of one page of a node's.</summary>
    public int KeysPerPage { get; set; } = 3;

    /// <summary>The first operation of the last write that was asked for.</summary>
    public Write? Asked { get; private set; }

    /// <summary>The last write that was asked for.</summary>
    public Transaction? AskedTransaction { get; private set; }

    /// <summary>What listings say of the log's end instead, if set.</summary>
    public LogPoint? ListedUpTo { get; set; }

    public Exception? Throws { get; set; }

    public string? NotReadyBecause { get; set; }

    /// <summary>The parts of the backup; null: data is in memory.</summary>
    public Queue<byte[]>? BackupParts { get; set; }

    /// <summary>Begins as empty as at the start, but for the sequence, when it holds more than so many changes.</summary>
    public void ForgetAbove(int count)
    {
        if (_changes.Count + LocalOnly.Count > count)
        {
            Replicated.Clear();
            LocalOnly.Clear();
            _changes.Clear();
            RoleWishes.Clear();
        }
    }

    public ValueTask<ReadResult> GetAsync(string key, ReadOptions options = default, CancellationToken cancellation = default)
    {
        if (Throws is not null)
        {
            throw Throws;
        }

        AskedRead = options;
        bool isFound = Replicated.TryGetValue(key, out Entry? entry)
            || (options.Scope == ReadScope.IncludingLocalOnly && LocalOnly.TryGetValue(key, out entry));
        isFound &= entry?.HasExpired(DateTimeOffset.UnixEpoch) == false;
        ReadOutcome outcome = isFound ? ReadOutcome.Found : options.OnlyHere ? ReadOutcome.NotHere : ReadOutcome.NotFound;
        TimeSpan? life = isFound ? entry!.ExpiresAt - DateTimeOffset.UnixEpoch : null;
        return ValueTask.FromResult(Read ?? Shown(new ReadResult(outcome, isFound ? entry : null, Name, Life: life)));
    }

    public async ValueTask<ManyResult> ReadManyAsync(ManyQuery query, CancellationToken cancellation = default)
    {
        await Task.Yield();
        Assert.All(query.Keys, static key => Assert.Null(KeyRules.Problem(key)));
        Assert.InRange(query.Keys.Length, 0, ManyQuery.MaxKeys);
        AskedMany = query;
        return Many ?? new ManyResult(
            Shown(new ReadResult(ReadOutcome.Found, null, Name)), [.. query.Keys.Select(key => Replicated.GetValueOrDefault(key))], null);
    }

    public async ValueTask<WriteResult> WriteAsync(Transaction transaction, CancellationToken cancellation = default)
    {
        await Task.Yield();
        Assert.All(transaction.Operations, static operation => Assert.Null(KeyRules.Problem(operation.Key)));
        AskedTransaction = transaction;
        Asked = transaction.Operations is [var only, ..] ? only : null;
        if (Write is { } fixedAnswer)
        {
            return fixedAnswer;
        }

        var pending = new PendingWrite(transaction, s_instruments);
        lock (_memories)
        {
            var newest = new Dictionary<string, Newest>(StringComparer.Ordinal);
            foreach (string key in pending.Keys)
            {
                newest[key] = (Replicated.GetValueOrDefault(key) ?? _memories.GetValueOrDefault(key)) is { } entry ? Newest.Of(entry) : default;
            }

            var draft = new BatchDraft(newest, new LogPoint(1, _sequence), 1, DateTimeOffset.UnixEpoch, default);
            pending.Verdict = draft.Judge(pending);
            foreach (Entry entry in draft.ToBatch()?.Entries ?? [])
            {
                Take(entry);
            }
        }

        pending.AnswerAsJudged(null);
        return WritePath.Result(await pending.Reply, Name);
    }

    public async ValueTask<PrefixDeleteResult> DeleteAsync(PrefixDelete asked, CancellationToken cancellation = default)
    {
        string[] keys = [.. Replicated.Keys.Where(key => key.StartsWith(asked.Prefix, StringComparison.Ordinal)).Order(KeyOrder.Instance)];
        foreach (string key in keys.Take(asked.Limit))
        {
            await this.WriteAsync(new Write(key, null), cancellation);
        }

        return new PrefixDeleteResult(WriteOutcome.Done, Math.Min(keys.Length, asked.Limit), keys.Length > asked.Limit, Name);
    }

    private void Take(Entry entry)
    {
        _sequence = entry.Version.Sequence;
        if (InternalKeys.Is(entry.Key))
        {
            _memories[entry.Key] = entry;
            return;
        }

        if (entry.IsTombstone)
        {
            Replicated.TryRemove(entry.Key, out _);
        }

        Change(entry);
    }

    /// <summary>Lets an entry, or a tombstone, appear.</summary>
    public void Change(Entry entry)
    {
        if (!entry.IsTombstone)
        {
            Replicated[entry.Key] = entry;
        }

        _changes[entry.Key] = entry;
        Interlocked.Exchange(ref _changed!, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
    }

    public async ValueTask<ChangesResult> ReadChangesAsync(ChangesQuery query, CancellationToken cancellation = default)
    {
        for (Task next = _changed.Task; ; next = _changed.Task)
        {
            Entry[] after = [.. _changes.Values.Where(entry => entry.Version > query.Since.Point).OrderBy(static entry => entry.Version)];
            Entry[] changed = [.. after.Where(entry => query.Filter.Shows(entry.Key))];
            if (Changes?.Invoke(query) is { } instead)
            {
                return Counted(instead);
            }

            if (changed.Length > 0)
            {
                return Counted(query.Filter == default ? new ChangesResult(ChangesOutcome.Page, changed, Name) : Scanned(after, changed));
            }

            try
            {
                await next.WaitAsync(query.Wait, cancellation);
            }
            catch (TimeoutException)
            {
                return Scanned(after, []);
            }
        }

        ChangesResult Scanned(Entry[] after, Entry[] shown)
        {
            LogPoint upto = after.Length > 0 ? after[^1].Version : default;
            return new ChangesResult(
                ChangesOutcome.Page,
                query.Filter.OmitsValues ? [] : shown,
                Name,
                Upto: upto,
                ReadAt: upto,
                Heads: query.Filter.OmitsValues ? [.. shown.Select(EntryHead.Of)] : null);
        }

        ChangesResult Counted(ChangesResult result)
        {
            ChangeReads.AddOrUpdate(query.Since.Point, 1, static (_, count) => count + 1);
            return result;
        }
    }

    public ValueTask<ListResult> ListAsync(ListQuery query, CancellationToken cancellation = default)
    {
        AskedList = query;
        ListedKey[] keys = [.. Replicated.Values
            .Where(entry => entry.Key.StartsWith(query.Prefix, StringComparison.Ordinal)
                && (query.After is null || KeyOrder.Instance.Compare(entry.Key, query.After) > 0))
            .OrderBy(entry => entry.Key, KeyOrder.Instance)
            .Take(query.Limit + 1)
            .Select(entry => new ListedKey(
                entry.Key, entry.Version, entry.Value!.Length, entry.ContentType, entry.ExpiresAt, query.Shows == ListShows.Values ? entry.Value : null))];
        if (query.Shows == ListShows.Count)
        {
            return ValueTask.FromResult(new ListResult(
                Read is null, [], null, default, Name, Count: keys.Length, ValueBytes: keys.Sum(static key => (long)key.SizeBytes)));
        }

        bool more = keys.Length > query.Limit;
        string? next = more ? keys[^2].Key : null;
        return ValueTask.FromResult(new ListResult(Read is null, more ? keys[..^1] : keys, next, ListedUpTo ?? new LogPoint(1, _sequence), Name));
    }

    public ValueTask<ReadResult> GetLocalAsync(string? node, string key, CancellationToken cancellation = default) =>
        node is not (null or Name) ? ValueTask.FromResult(new ReadResult(ReadOutcome.UnknownNode, null, "", $"there is no live node named {node}"))
        : GetAsync(key, new ReadOptions(ReadScope.IncludingLocalOnly), cancellation);

    public ValueTask<BackupStart> StartBackupAsync(CancellationToken cancellation = default) =>
        ValueTask.FromResult(new BackupStart(BackupParts is null ? BackupOutcome.NotDurable : BackupOutcome.Started, Name, Guid.Empty));

    public ValueTask<BackupPart> ReadBackupAsync(string node, Guid id, CancellationToken cancellation = default) =>
        ValueTask.FromResult(new BackupPart(BackupParts!.TryDequeue(out byte[]? part) ? part : []));

    public ValueTask<WriteResult> PutLocalAsync(
        string? node, string key, byte[] value, string? contentType, CancellationToken cancellation = default)
    {
        if (node is not (null or Name))
        {
            return ValueTask.FromResult(new WriteResult(WriteOutcome.UnknownNode, default, ""));
        }

        if (LocalWritten is { } result)
        {
            return ValueTask.FromResult(result);
        }

        LocalOnly[key] = new Entry(key, value, contentType, default);
        return ValueTask.FromResult(new WriteResult(WriteOutcome.Created, default, Name));
    }

    public ValueTask<WriteResult> DeleteLocalAsync(string? node, string key, CancellationToken cancellation = default) => ValueTask.FromResult(
        node is not (null or Name) ? new WriteResult(WriteOutcome.UnknownNode, default, "")
        : new WriteResult(LocalOnly.TryRemove(key, out _) ? WriteOutcome.Deleted : WriteOutcome.NotFound, default, Name));

    public async ValueTask<KeysResult> GetKeysAsync(string? node, string? after, CancellationToken cancellation = default)
    {
        await Task.Yield();
        if (Keys?.Invoke(node, after) is { } instead)
        {
            return instead;
        }

        if (node is not (null or Name))
        {
            return new KeysResult(KeysOutcome.UnknownNode, [], null, "");
        }

        string[] keys = [.. Replicated.Keys.Concat(LocalOnly.Keys).Distinct().Order(KeyOrder.Instance)
            .Where(key => after is null || KeyOrder.Instance.Compare(key, after) > 0)];
        return keys.Length <= KeysPerPage
            ? new KeysResult(KeysOutcome.Page, keys, null, Name)
            : new KeysResult(KeysOutcome.Page, keys[..KeysPerPage], keys[KeysPerPage - 1], Name);
    }

    public RoleResult? RoleAnswer { get; set; }

    public List<string> RoleWishes { get; } = [];

    public ValueTask<RoleResult> StepDownAsync(string? node, CancellationToken cancellation = default)
    {
        RoleWishes.Add($"step-down {node}");
        return ValueTask.FromResult(RoleAnswer ?? new RoleResult(RoleOutcome.Done, Name));
    }

    public string? NotWritableBecause { get; set; }

    public ValueTask<RoleResult> MaintainAsync(string node, TimeSpan time, CancellationToken cancellation = default)
    {
        RoleWishes.Add($"maintain {node} {time.TotalSeconds}");
        return ValueTask.FromResult(RoleAnswer ?? new RoleResult(RoleOutcome.Done, Name));
    }

    public ValueTask<RoleResult> ForceElectionAsync(string node, bool acceptsDataLoss, CancellationToken cancellation = default)
    {
        RoleWishes.Add($"force {node} {acceptsDataLoss}");
        return ValueTask.FromResult(RoleAnswer ?? new RoleResult(RoleOutcome.Done, Name));
    }

    public ValueTask<ClusterStatus> GetStatusAsync(CancellationToken cancellation = default)
    {
        var master = new MasterId(Name, Guid.Empty, Guid.Empty, Durable: false);
        return ValueTask.FromResult(new ClusterStatus(
            [new PartitionStatus(0, new MasterView(3, Guid.Empty, master, null, false), false, [new MissingMaster("n2", DateTimeOffset.UnixEpoch)])],
            [new NodeStatus(
                Name, NodeRole.Primary, true, Replicated.Count, new LogPoint(1, _sequence), new LogPoint(1, _sequence), 3, "http://127.0.0.1:1", "0.1.0")],
            Name));
    }
}
