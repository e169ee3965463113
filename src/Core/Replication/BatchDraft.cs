using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>
/// A batch while it is made: judges requests one after the other, each whole against what those before it leave, and gives those that write
/// their sequences. A request writes all of its entries or none. Decides alone: it waits for nothing and asks nobody.
/// </summary>
/// <param name="newest">What the keys hold; the draft goes on from there.</param>
/// <param name="before">The end of the log.</param>
/// <param name="epoch">The epoch that it is ordered in.</param>
/// <param name="now">The primary's clock.</param>
/// <param name="limits">What speaks against storing more.</param>
internal sealed class BatchDraft(Dictionary<string, Newest> newest, LogPoint before, long epoch, DateTimeOffset now, WriteLimits limits)
{
    private const string NumberType = "text/plain";

    private readonly ImmutableArray<Entry>.Builder _entries = ImmutableArray.CreateBuilder<Entry>();

    private LogPoint Last => _entries.Count > 0 ? _entries[^1].Version : before;

    /// <summary>What was judged to be written; null where nothing was.</summary>
    public Batch? ToBatch() => _entries.Count == 0 ? null : new Batch(before, _entries.DrainToImmutable(), now);

    /// <summary>Judges a request, and takes what it writes into the batch.</summary>
    public WriteVerdict Judge(PendingWrite pending)
    {
        Transaction asked = pending.Transaction;
        if (pending.Expired is { } version)
        {
            return Sweep(asked.Operations[0].Key, version);
        }

        if (asked.Mark is { } mark && newest[mark.Key] is { Value: { } kept, Live: { } head } && head.Version.Sequence > limits.VoidUpto)
        {
            return WriteMemory.Recall(kept, mark.Fingerprint);
        }

        // Whoever judges by another clock later must not find again what this request is judged not to have found.
        foreach (string key in pending.Keys)
        {
            if (newest[key].Live?.HasExpired(now) == true)
            {
                Add(key, null, null, null);
            }
        }

        return Refusal(asked) ?? Write(asked);
    }

    private WriteVerdict Sweep(string key, LogPoint version) => newest[key].Head is { } head && head.Version == version && head.HasExpired(now)
        ? new WriteVerdict(WriteStatus.Deleted, Add(key, null, null, null), Wrote: true)
        : new WriteVerdict(WriteStatus.NotFound);

    // Why nothing of it is done, or null.
    private WriteVerdict? Refusal(Transaction asked)
    {
        if (FailedConditions(asked) is { } failed)
        {
            return new WriteVerdict(WriteStatus.ConditionFailed, Failed: failed);
        }

        long bytes = 0;
        bool stores = false;
        for (int i = 0; i < asked.Operations.Length; i++)
        {
            Write operation = asked.Operations[i];
            if (Problem(operation) is { } problem)
            {
                return !asked.IsLone ? new WriteVerdict(WriteStatus.Conflict, Detail: $"operation {i}: {problem}")
                    : new WriteVerdict(operation.Kind == WriteKind.Add ? WriteStatus.Conflict : WriteStatus.NotFound, Detail: problem);
            }

            bytes += BytesOf(operation);
            stores |= operation is { Kind: WriteKind.Add } or { Kind: WriteKind.Store, Value: not null } && !InternalKeys.Is(operation.Key);
        }

        return bytes > asked.MaxBytes
                ? new WriteVerdict(WriteStatus.TooLarge, Detail: $"its values come to {bytes} bytes, more than the limit of {asked.MaxBytes}")
            : limits.IsFull && stores
                ? new WriteVerdict(WriteStatus.OverQuota, Detail: "the masters hold as much as Data:MaxBytes allows")
            : limits.RemembersNoMore && asked.Mark is not null
                ? new WriteVerdict(WriteStatus.Overloaded, Detail: "too many requests with an Idempotency-Key are remembered already")
            : null;
    }

    // The conditions that do not hold, by their places; none, though it fails, where it is an operation's own.
    private int[]? FailedConditions(Transaction asked)
    {
        List<int>? failed = null;
        for (int i = 0; i < asked.Conditions.Length; i++)
        {
            if (!Holds(asked.Conditions[i].Key, asked.Conditions[i].Condition))
            {
                (failed ??= []).Add(i);
            }
        }

        foreach (Write operation in asked.Operations)
        {
            if (operation.Condition is { } condition && !Holds(operation.Key, condition))
            {
                failed ??= [];
            }
        }

        return failed?.ToArray();
    }

    private bool Holds(string key, Condition condition) => condition.Holds(newest[key].Live?.Version);

    // What keeps an operation from being done, in words for the caller.
    private string? Problem(Write operation) => operation.Kind switch
    {
        WriteKind.Touch when newest[operation.Key].Live is null => "there is no such key",
        WriteKind.Add => WholeNumber.TryAdd(newest[operation.Key], operation.By, out _),
        _ => null,
    };

    private long BytesOf(Write operation) => operation.Kind switch
    {
        WriteKind.Store => operation.Value?.Length ?? 0,
        WriteKind.Touch => newest[operation.Key].Head!.ValueBytes,
        _ => WholeNumber.MaxBytes,
    };

    private WriteVerdict Write(Transaction asked)
    {
        int first = _entries.Count;
        var results = new OperationResult[asked.Operations.Length];
        for (int i = 0; i < results.Length; i++)
        {
            results[i] = Do(asked.Operations[i]);
        }

        bool wrote = _entries.Count > first;
        LogPoint last = wrote || !asked.IsLone ? Last : default;
        WriteVerdict verdict = asked.IsLone
            ? new WriteVerdict(StatusOf(results[0].Outcome), last, wrote, results[0].Number is null ? null : results)
            : new WriteVerdict(WriteStatus.Done, last, wrote, results);
        if (wrote && asked.Mark is { } mark)
        {
            Add(mark.Key, WriteMemory.Of(verdict, mark.Fingerprint), null, null);
        }

        return verdict;
    }

    private static WriteStatus StatusOf(WriteOutcome outcome) => outcome switch
    {
        WriteOutcome.Created => WriteStatus.Created,
        WriteOutcome.Replaced => WriteStatus.Replaced,
        WriteOutcome.Deleted => WriteStatus.Deleted,
        _ => WriteStatus.NotFound,
    };

    private OperationResult Do(Write operation)
    {
        Newest held = newest[operation.Key];
        EntryHead? live = held.Live;
        WriteOutcome stored = live is null ? WriteOutcome.Created : WriteOutcome.Replaced;
        switch (operation.Kind)
        {
            case WriteKind.Touch:
                return new OperationResult(stored, Add(operation.Key, held.Value, live!.ContentType, operation.EndsAt(now)));
            case WriteKind.Add:
                _ = WholeNumber.TryAdd(held, operation.By, out long number);
                byte[] text = WholeNumber.Text(number);
                LogPoint version = live is null
                    ? Add(operation.Key, text, NumberType, operation.EndsAt(now))
                    : Add(operation.Key, text, live.ContentType, live.ExpiresAt);
                return new OperationResult(stored, version, number);
            case WriteKind.Store when operation.Value is not null:
                return new OperationResult(stored, Add(operation.Key, operation.Value, operation.ContentType, operation.EndsAt(now)));
            default:
                return live is null
                    ? new OperationResult(WriteOutcome.NotFound, default)
                    : new OperationResult(WriteOutcome.Deleted, Add(operation.Key, null, null, null));
        }
    }

    private LogPoint Add(string key, byte[]? value, string? contentType, DateTimeOffset? expiresAt)
    {
        var entry = new Entry(key, value, contentType, new LogPoint(epoch, before.Sequence + _entries.Count + 1), expiresAt);
        _entries.Add(entry);
        newest[key] = Newest.Of(entry);
        return entry.Version;
    }
}

/// <summary>What speaks against storing more.</summary>
/// <param name="IsFull">The masters hold as much as they may.</param>
/// <param name="RemembersNoMore">As many requests are remembered as may be.</param>
/// <param name="VoidUpto">What was remembered at this sequence, or before it, is forgotten.</param>
internal readonly record struct WriteLimits(bool IsFull, bool RemembersNoMore, long VoidUpto);
