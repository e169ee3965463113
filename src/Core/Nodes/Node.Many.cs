namespace Diststore.Core;

/// <content>Reads of many keys.</content>
public sealed partial class Node
{
    /// <inheritdoc/>
    public ValueTask<ManyResult> ReadManyAsync(ManyQuery query, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        if (query.Options.IsStrong && query.Keys.Length > 0)
        {
            return new ValueTask<ManyResult>(ServeAsync(() => _many.ReadSnapshotAsync(query), ManyResult.Failed(HasStopped), cancellation));
        }

        ValueTask<ReadResult[]> read = GetManyAsync(query, ManyQuery.MaxValueBytes, isForGateway: false, cancellation);
        return read.IsCompletedSuccessfully ? new ValueTask<ManyResult>(Result(read.Result)) : AwaitAsync(read);

        async ValueTask<ManyResult> AwaitAsync(ValueTask<ReadResult[]> read) => Result(await read);

        ManyResult Result(ReadResult[] results) => ManyResult.Of(results, Name, query.Keys.Length);
    }

    /// <summary>
    /// Reads many keys as <see cref="GetAsync"/> reads each, for a gateway: the first of them, about as many as one message carries, at least one.
    /// With what the gateway has to know to keep them.
    /// </summary>
    public async ValueTask<ReadResult[]> GetManyAsync(ManyQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        ReadResult[] results = await GetManyAsync(query, Batches.MaxAnswerBytes, isForGateway: true, CancellationToken.None);
        return results[..ManyResult.Fit(results.Select(static result => result.Entry), Batches.MaxAnswerBytes)];
    }

    /// <summary>
    /// Many keys as the primary has them at one moment, for a gateway, which asks whoever holds the rest for that.
    /// </summary>
    public Task<SnapshotReply> BeginSnapshotAsync(ManyQuery query) =>
        ServeAsync(() => _many.BeginSnapshotAsync(query), SnapshotReply.Without(SnapshotStatus.CannotTell, Name), CancellationToken.None);

    /// <summary>
    /// What this node may show of replicated keys without asking anyone: entries that are surely not older than the bound, as many as
    /// <paramref name="maxBytes"/> hold, at least one; null for "ask" and for what is beyond that. With what a gateway has to know to
    /// keep them. Any thread; touches neither the scheduler nor a lock.
    /// </summary>
    public async ValueTask<ReadResult?[]> FindManyHereAsync(IReadOnlyList<string> keys, long maxBytes)
    {
        ArgumentNullException.ThrowIfNull(keys);
        IReadOnlyList<HeldEntry> held = await _here.LookManyAsync(keys, maxBytes);
        return [.. keys.Select((_, i) => i < held.Count ? Hit(held[i], default, isForGateway: true) : null)];
    }

    private ReadResult HasStopped => new(ReadOutcome.Unavailable, null, Name, Stopped);

    // The first results, as many as are needed to fill the answer: all known, or the last of them the first that is not. Where all is held here
    // this is one straight pass, on the thread that the read came on.
    private async ValueTask<ReadResult[]> GetManyAsync(ManyQuery query, long maxValueBytes, bool isForGateway, CancellationToken cancellation)
    {
        IReadOnlyList<HeldEntry> held;
        try
        {
            held = await _here.LookManyAsync(query.Keys, query.EntryBytes(maxValueBytes));
        }
        catch (StoreFailedException)
        {
            return [new ReadResult(ReadOutcome.Unavailable, null, Name, "this node's store has failed; ask another node")];
        }

        var found = new ReadResult[held.Count];
        List<int>? missing = null;
        for (int i = 0; i < found.Length; i++)
        {
            HeldEntry one = held[i];
            if (!query.Options.IsStrong && Hit(one, query.Options, isForGateway) is { } hit && !ManyReads.LacksExpiry(hit))
            {
                found[i] = hit;
            }
            else
            {
                found[i] = new ReadResult(ReadOutcome.NotHere, null, Name, Forwarding: WhyAsk(one));
                (missing ??= []).Add(i);
            }
        }

        return missing is null
            ? found
            : await ServeAsync(() => _many.FillAsync(query, found, missing, maxValueBytes), [HasStopped], cancellation);
    }

    private ReadResult? Hit(in HeldEntry held, in ReadOptions options, bool isForGateway) =>
        Hit(held, options) is { } hit ? isForGateway ? hit with { Origin = new Origin(held.History, held.CurrentAt) } : hit : null;
}
