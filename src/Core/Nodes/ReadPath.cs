namespace Diststore.Core;

/// <summary>
/// A read that this node cannot answer at once, from top to bottom: one question for concurrent readers of a key; the
/// first good holder; else the primary, who alone may say that there is no such key; on the plain routes also
/// whoever holds it local-only. For the node's scheduler.
/// </summary>
internal sealed class ReadPath(NodeContext context, Partition partition, PrimaryFinder finder, QuestionTable questions, LocalReads here)
{
    /// <summary>Fetches under way at once; what they bring shares connections with what keeps the masters in sync.</summary>
    internal const int MaxFetches = 8;

    /// <summary>Fetches that wait for their turn, each for at most a reply's time; who comes beyond them asks nobody for a while.</summary>
    internal const int MaxWaitingFetches = 4096;

    // Nobody was asked; no reason to think ill of whoever would have been.
    private static readonly Fetched NoTurn = new(new FetchReply(FetchStatus.CannotTell), default);

    private readonly Turns _fetches = new(MaxFetches, MaxWaitingFetches, context.Settings.ReplyTimeout, context.Time);
    private readonly LocalSearch _localSearch = new(context, finder);

    private string Name => context.Settings.Name;

    private TimeSpan Bound => context.Settings.MaxStaleness;

    // How old a primary's word may be when it names who may hold a key local-only: it has to arrive within that bound.
    private TimeSpan FreshWord => context.Settings.LocalOnlyBound / 2;

    /// <summary>Asks for the key; <paramref name="why"/> the node itself could not answer.</summary>
    public async Task<ReadResult> GetAsync(string key, ReadOptions options, Forwarding why)
    {
        context.Instruments.ReadMissed();
        if (options.OnlyHere)
        {
            return await LookHereAsync(key, options, why);
        }

        bool asksPrimary = options.IsStrong || options.MinSequence > 0;
        bool isJoined = false;
        ReadResult result = asksPrimary ? default : await ShareAsync(key, options, out isJoined);
        if (isJoined && IsLocalOnly(options, result))
        {
            // What a node said of its own entries before this read came is nothing to it: one may have come or gone since.
            result = await ShareAsync(key, options, out _);
        }

        // An answer that others share may be older than this very read allows.
        if (asksPrimary || (result.Outcome is ReadOutcome.Found or ReadOutcome.NotFound && result.Age > options.BoundOf(Bound)))
        {
            result = await AskPrimaryAsync(key, options);
        }

        return result with { Forwarding = why };
    }

    /// <summary>What this node answers to another that asks it for a key.</summary>
    public async Task<FetchReply> AnswerAsync(FetchRequest request)
    {
        if (request.LocalOnly)
        {
            Entry? local = await context.Store.ReadLocalAsync(request.Key);
            return new FetchReply(local is null ? FetchStatus.NotFound : FetchStatus.Found, local);
        }

        if (partition.Primary is { IsReady: true } primary)
        {
            return await primary.Reads.FetchAsync(request);
        }

        HeldEntry held = request.IsStrong ? default : await here.LookAsync(request.Key);
        bool isGood = held.Entry is not null && held.Age <= request.MaxAge && held.CurrentAt.Sequence >= request.MinSequence;

        // A holder of a copy counts what remains of it by what it was told.
        return isGood
            ? new FetchReply(FetchStatus.Found, held.Entry, null, here.LifeOf(held), held.CurrentAt, held.Age, History: held.History)
            : new FetchReply(FetchStatus.CannotTell, View: partition.Views.Newest);
    }

    private async Task<ReadResult> LookHereAsync(string key, ReadOptions options, Forwarding why)
    {
        Entry? local = options.Scope == ReadScope.IncludingLocalOnly ? await context.Store.ReadLocalAsync(key) : null;
        string lacks = why switch
        {
            Forwarding.Miss => "this node does not have this key",
            Forwarding.Stale => "what this node has is too old",
            _ => "this node alone cannot answer as the request demands",
        };
        return local is not null ? new ReadResult(ReadOutcome.Found, local, Name) : new ReadResult(ReadOutcome.NotHere, null, Name, lacks);
    }

    // Concurrent misses for one key become one question.
    private Task<ReadResult> ShareAsync(string key, ReadOptions options, out bool isJoined) =>
        partition.Copies.Misses.Join((key, options.Scope, options.KeepsNoCopy), () => SearchAsync(key, options), out isJoined);

    private async Task<ReadResult> SearchAsync(string key, ReadOptions options)
    {
        bool localOnly = options.Scope == ReadScope.IncludingLocalOnly;

        // A master has all replicated keys: if it lacks one, only the primary's word is missing.
        bool asksHolders = !partition.Served.IsFromStore;
        Question? question = asksHolders || localOnly ? questions.Ask(key, localOnly) : null;
        try
        {
            Fetched? fetched = !asksHolders || question is null ? null : await FromHoldersAsync(question);
            fetched ??= await FromPrimaryAsync(
                new FetchRequest(key, false, localOnly ? FreshWord : Bound, NamesHolders: localOnly), asksHolders ? question : null);
            return fetched?.Reply.Entry is null ? await NotFoundAsync(fetched, key, options, question) : Found(fetched, options);
        }
        finally
        {
            questions.Close(question);
        }
    }

    private async Task<ReadResult> AskPrimaryAsync(string key, ReadOptions options)
    {
        // As old as the read allows is good enough; what would be older is confirmed anew.
        TimeSpan bound = options.BoundOf(Bound);
        bool localOnly = options.Scope == ReadScope.IncludingLocalOnly;
        TimeSpan standard = localOnly ? FreshWord : Bound;
        var request = new FetchRequest(
            key, false, bound < standard ? bound : standard, options.IsStrong || bound < Bound, options.MinSequence, localOnly);
        Fetched? fetched = await FromPrimaryAsync(request);
        if (fetched?.Reply.Entry is not null)
        {
            return Found(fetched, options);
        }

        Question? question = localOnly && fetched is not null ? questions.Ask(key, includingLocalOnly: true) : null;
        try
        {
            return await NotFoundAsync(fetched, key, options, question);
        }
        finally
        {
            questions.Close(question);
        }
    }

    // The masters have no such key; on the plain routes it may lie local-only on a node that the primary has named.
    private async Task<ReadResult> NotFoundAsync(Fetched? fetched, string key, ReadOptions options, Question? question)
    {
        if (fetched is null)
        {
            return new ReadResult(ReadOutcome.Unavailable, null, Name, "no master answers, so whether the key exists is not known");
        }

        var none = new ReadResult(ReadOutcome.NotFound, null, Name, "nobody has this key", fetched.Age(context.Time));
        if (options.Scope != ReadScope.IncludingLocalOnly)
        {
            return none;
        }

        LocalFind find = await _localSearch.FindAsync(key, question, fetched.Reply.LocalHolders);
        return find.Entry is not null ? new ReadResult(ReadOutcome.Found, find.Entry, Name)
            : find.Silent is null ? none
            : new ReadResult(ReadOutcome.Unavailable, null, Name, $"the masters do not have this key; {find.Silent} may, but does not answer");
    }

    private ReadResult Found(Fetched fetched, ReadOptions options)
    {
        FetchReply reply = fetched.Reply;
        TimeSpan? life = reply.Life - fetched.Asked.Age(context.Time);
        bool isKept = !options.KeepsNoCopy && partition.Copies.Keep(reply.Entry!, reply.History, reply.CurrentAt, life);
        var origin = new Origin(reply.History, reply.CurrentAt, life);
        return new ReadResult(ReadOutcome.Found, reply.Entry, Name, Age: fetched.Age(context.Time), IsKept: isKept, Origin: origin);
    }

    private static bool IsLocalOnly(ReadOptions options, in ReadResult result) => options.Scope == ReadScope.IncludingLocalOnly
        && (result.Outcome == ReadOutcome.NotFound || result.Entry?.Version == LogPoint.Zero);

    // The first holder that gives a value which is not too old. None, or silence until the time is out: on to the primary.
    private async Task<Fetched?> FromHoldersAsync(Question question)
    {
        while (true)
        {
            if (question.TryTakeHolder(out string holder))
            {
                Fetched? fetched = await FetchAsync(holder, new FetchRequest(question.Key, false, Bound));
                if (fetched is { Reply.Status: FetchStatus.Found } && fetched.Age(context.Time) <= Bound)
                {
                    // The holder lags behind what is known here: whoever deleted a key from here does not want to see it again.
                    return partition.Copies.IsOutdated(fetched.Reply.Entry!) ? null : fetched;
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

    // Found or not found by the one who knows; null when nobody who knows answers for a while. When the primary fails, the question that
    // holders were asked is asked once more, of everyone.
    private Task<Fetched?> FromPrimaryAsync(FetchRequest request, Question? question = null) => finder.AskPrimaryAsync<Fetched>(async view =>
    {
        Fetched? fetched = view.Primary == context.Self ? await FetchHereAsync(request) : await FetchAsync(view.Primary.Name, request);
        if (fetched is { Reply.Status: FetchStatus.Found or FetchStatus.NotFound })
        {
            // Another primary may have heard of other holders since: this one's word may be too old.
            bool isTooOld = request.NamesHolders && fetched.Reply.Entry is null && fetched.Age(context.Time) > context.Settings.LocalOnlyBound;
            return isTooOld ? Attempt<Fetched>.Again : fetched;
        }

        if (!ReferenceEquals(fetched, NoTurn))
        {
            finder.OnPrimaryFailed(view, fetched?.Reply.View);
        }

        Fetched? found = request.IsStrong ? null : await FromOtherMasterAsync(view, request);
        if (found is null && question is not null && !ReferenceEquals(fetched, NoTurn))
        {
            questions.AskEveryone(question);
            found = await FromHoldersAsync(question);
            question = null;
        }

        return found ?? Attempt<Fetched>.Again;
    });

    // The secondary may not say "none", but it can show what it has.
    private async Task<Fetched?> FromOtherMasterAsync(MasterView view, FetchRequest request)
    {
        if (!view.OtherInSync || view.Other is null)
        {
            return null;
        }

        Fetched? fetched = await FetchAsync(view.Other.Name, request);
        return fetched is { Reply.Status: FetchStatus.Found } ? fetched : null;
    }

    // From this very node, as the primary: nothing crosses a connection, so nobody waits for a turn.
    private async Task<Fetched?> FetchHereAsync(FetchRequest request)
    {
        AsOf asked = AsOf.Now(context.Time);
        try
        {
            return new Fetched(await AnswerAsync(request).WaitAsync(context.Settings.ReplyTimeout, context.Time, context.Stopping), asked);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    // Each may bring a value of the largest size, and whoever is asked has it ready before it is taken.
    private async Task<Fetched?> FetchAsync(string node, FetchRequest request)
    {
        if (!await _fetches.TakeAsync())
        {
            return NoTurn;
        }

        try
        {
            AsOf asked = AsOf.Now(context.Time);
            FetchReply? reply = await context.AskAsync(node, peer => peer.FetchAsync(request), context.Settings.ReplyTimeout);
            return reply is null ? null : new Fetched(reply, asked);
        }
        finally
        {
            _fetches.Give();
        }
    }

    // What another node answered, and when it was asked: the age of an answer is counted from there.
    private sealed record Fetched(FetchReply Reply, AsOf Asked)
    {
        public TimeSpan Age(TimeProvider time) => AsOf.Sum(Reply.Age, Asked.Age(time));
    }
}
