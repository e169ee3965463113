namespace Diststore.Core;

/// <summary>
/// A read that this node cannot answer at once, from top to bottom: one question for concurrent readers of a key; the
/// first good holder; else the primary, who alone may say that there is no such key; on the seed's route also whoever
/// holds it local-only. For the node's scheduler.
/// </summary>
internal sealed class ReadPath(
    NodeContext context, Partition partition, ViewFinder views, QuestionTable questions, CopyTable copies, CopyKeeper keeper)
{
    // How long a local-only holder is waited for once the masters lack the key, counted from the question.
    private static readonly TimeSpan LocalOnlyGrace = TimeSpan.FromMilliseconds(10);

    private readonly Dictionary<(string Key, ReadScope Scope), Task<ReadResult>> _flights = [];

    private string Name => context.Settings.Name;

    /// <summary>Concurrent misses for one key become one question.</summary>
    public Task<ReadResult> GetAsync(string key, ReadScope scope)
    {
        context.Instruments.ReadMissed();
        if (!_flights.TryGetValue((key, scope), out Task<ReadResult>? flight))
        {
            flight = FlyAsync(key, scope);
            _flights[(key, scope)] = flight;
        }

        return flight;
    }

    /// <summary>What this node answers to another that asks it for a key.</summary>
    public async Task<FetchReply> AnswerAsync(FetchRequest request, Func<string, ValueTask<Entry?>> findHere)
    {
        if (request.LocalOnly)
        {
            Entry? local = await context.Store.ReadLocalAsync(request.Key);
            return new FetchReply(local is null ? FetchStatus.NotFound : FetchStatus.Found, local, null);
        }

        if (await findHere(request.Key) is { } entry)
        {
            return new FetchReply(FetchStatus.Found, entry, null, LifeOf(entry));
        }

        return partition.Primary is { } primary && await primary.IsCurrentAsync()
            ? new FetchReply(FetchStatus.NotFound, null, null)
            : new FetchReply(FetchStatus.CannotTell, null, partition.Newest);
    }

    // The primary by its wall clock, a holder of a copy by what it was told.
    private TimeSpan? LifeOf(Entry entry) =>
        entry.ExpiresAt is not { } at ? null
        : partition.Primary is not null ? at - context.Time.GetUtcNow()
        : copies.LifeOf(entry.Key) ?? TimeSpan.Zero;

    private async Task<ReadResult> FlyAsync(string key, ReadScope scope)
    {
        // So that the flight is in the table before it can end.
        await Task.Yield();
        bool localOnly = scope == ReadScope.IncludingLocalOnly;

        // A master has all replicated keys: if it lacks one, only the primary's word is missing.
        bool asksHolders = !partition.ServesFromStore;
        Question? question = asksHolders || localOnly ? questions.Ask(key, localOnly) : null;
        try
        {
            return await FindAsync(key, asksHolders ? question : null, localOnly ? question : null, localOnly);
        }
        finally
        {
            questions.Close(question);
            _flights.Remove((key, scope));
        }
    }

    private async Task<ReadResult> FindAsync(string key, Question? holders, Question? localHolders, bool localOnly)
    {
        // A life that was told counts from before anybody was asked.
        long asked = context.Time.GetTimestamp();
        FetchReply? reply = (holders is null ? null : await FromHoldersAsync(holders)) ?? await FromPrimaryAsync(key);
        if (reply is null)
        {
            return new ReadResult(ReadOutcome.Unavailable, null, Name, "no master answers, so whether the key exists is not known");
        }

        if (reply.Entry is not null)
        {
            keeper.Keep(reply.Entry, reply.Life - context.Time.GetElapsedTime(asked));
            return new ReadResult(ReadOutcome.Found, reply.Entry, Name);
        }

        Entry? entry = localOnly ? await FromLocalHoldersAsync(key, localHolders) : null;
        return entry is null
            ? new ReadResult(ReadOutcome.NotFound, null, Name, "nobody has this key")
            : new ReadResult(ReadOutcome.Found, entry, Name);
    }

    // The first holder that gives the value. None, or silence until the time is out: on to the primary.
    private async Task<FetchReply?> FromHoldersAsync(Question question)
    {
        while (true)
        {
            if (question.TryTakeHolder(out string holder))
            {
                if (await FetchAsync(holder, question.Key, localOnly: false) is { Status: FetchStatus.Found } reply)
                {
                    return reply;
                }
            }
            else if (question.MasterHasNone)
            {
                return null;
            }
            else if (!await question.WaitAsync(context.Settings.WhoHasTimeout, context.Time, context.Stopping))
            {
                context.Instruments.QuestionTimedOut();
                return null;
            }
        }
    }

    // Found or not found by the one who knows; null when nobody who knows answers for a while.
    private async Task<FetchReply?> FromPrimaryAsync(string key)
    {
        long started = context.Time.GetTimestamp();
        do
        {
            if (await views.CurrentAsync(poster: null) is { } view)
            {
                FetchReply? reply = await FetchAsync(view.Primary.Name, key, localOnly: false);
                if (reply is { Status: FetchStatus.Found or FetchStatus.NotFound })
                {
                    return reply;
                }

                views.OnPrimaryFailed(view, reply?.View);
                if (await FromOtherMasterAsync(view, key) is { } found)
                {
                    return found;
                }
            }

            await context.Delay(ViewFinder.RetryPause);
        }
        while (context.Time.GetElapsedTime(started) < views.Patience);
        return null;
    }

    // The secondary may not say "none", but it can show what it has.
    private async Task<FetchReply?> FromOtherMasterAsync(MasterView view, string key)
    {
        if (!view.OtherInSync || view.Other is null)
        {
            return null;
        }

        FetchReply? reply = await FetchAsync(view.Other.Name, key, localOnly: false);
        return reply is { Status: FetchStatus.Found } ? reply : null;
    }

    private async Task<Entry?> FromLocalHoldersAsync(string key, Question? question)
    {
        if (await context.Store.ReadLocalAsync(key) is { } own)
        {
            return own;
        }

        for (int next = 0; question is not null;)
        {
            if (next < question.LocalHolders.Count)
            {
                FetchReply? reply = await FetchAsync(question.LocalHolders[next++], key, localOnly: true);
                if (reply is { Status: FetchStatus.Found })
                {
                    return reply.Entry;
                }
            }
            else if (!await question.WaitAsync(LocalOnlyGrace, context.Time, context.Stopping))
            {
                return null;
            }
        }

        return null;
    }

    private Task<FetchReply?> FetchAsync(string node, string key, bool localOnly) =>
        context.AskAsync<FetchReply>(node, peer => peer.FetchAsync(new FetchRequest(key, localOnly))!, context.Settings.ReplyTimeout);
}
