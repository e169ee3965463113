namespace Diststore.Core;

/// <summary>
/// A read that this node cannot answer at once, from top to bottom: one question for concurrent readers of a key; the
/// first good holder; else the primary, who alone may say that there is no such key; on the plain routes also
/// whoever holds it local-only. For the node's scheduler.
/// </summary>
internal sealed class ReadPath(NodeContext context, Partition partition, PrimaryFinder finder, QuestionTable questions, Fetches fetches)
{
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
                new FetchRequest(key, localOnly ? FreshWord : Bound, NamesHolders: localOnly), asksHolders ? question : null);
            return fetched?.Reply.Entry is null ? await NotFoundAsync(fetched, key, options, question) : Found(fetched, options);
        }
        finally
        {
            questions.Close(question);
        }
    }

    /// <summary>What the primary is asked: as old as the read allows is good enough; what would be older is confirmed anew.</summary>
    public FetchRequest RequestOf(string key, ReadOptions options)
    {
        TimeSpan bound = options.BoundOf(Bound);
        bool localOnly = options.Scope == ReadScope.IncludingLocalOnly;
        TimeSpan standard = localOnly ? FreshWord : Bound;
        return new FetchRequest(key, bound < standard ? bound : standard, options.IsStrong || bound < Bound, options.MinSequence, localOnly);
    }

    /// <summary>What a primary has told of a replicated key, which is kept if it may be.</summary>
    public ReadResult Told(Fetched fetched, ReadOptions options) => fetched.Reply.Entry is null ? None(fetched) : Found(fetched, options);

    /// <summary>Asks the primary, and no other holder.</summary>
    public async Task<ReadResult> AskPrimaryAsync(string key, ReadOptions options)
    {
        bool localOnly = options.Scope == ReadScope.IncludingLocalOnly;
        Fetched? fetched = await FromPrimaryAsync(RequestOf(key, options));
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

        ReadResult none = None(fetched);
        if (options.Scope != ReadScope.IncludingLocalOnly)
        {
            return none;
        }

        LocalFind find = await _localSearch.FindAsync(key, question, fetched.Reply.LocalHolders);
        return find.Entry is not null ? new ReadResult(ReadOutcome.Found, find.Entry, Name)
            : find.Silent is null ? none
            : new ReadResult(ReadOutcome.Unavailable, null, Name, $"the masters do not have this key; {find.Silent} may, but does not answer");
    }

    private ReadResult None(Fetched fetched) => new(ReadOutcome.NotFound, null, Name, "nobody has this key", fetched.Age(context.Time));

    private ReadResult Found(Fetched fetched, ReadOptions options)
    {
        FetchReply reply = fetched.Reply;
        TimeSpan? life = reply.Life - fetched.Asked.Age(context.Time);
        bool isKept = !options.KeepsNoCopy && partition.Copies.Keep(reply.Entry!, reply.History, reply.CurrentAt, life);
        var origin = new Origin(reply.History, reply.CurrentAt);
        return new ReadResult(ReadOutcome.Found, reply.Entry, Name, Age: fetched.Age(context.Time), IsKept: isKept, Origin: origin, Life: life);
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
                Fetched? fetched = await fetches.AskAsync(holder, new FetchRequest(question.Key, Bound));
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
                if (question.IsAnswered || question.IsFromEveryone || !Responder.IsThinned(context.Transport.Members.Count))
                {
                    return null;
                }

                // Masters always answer: they seem to be away, and who has a copy shows it only for a while.
                questions.AskEveryone(question);
            }
        }
    }

    // Found or not found by the one who knows; null when nobody who knows answers for a while. When the primary fails, the question that
    // holders were asked is asked once more, of everyone.
    private Task<Fetched?> FromPrimaryAsync(FetchRequest request, Question? question = null) => finder.AskPrimaryAsync<Fetched>(async view =>
    {
        Fetched? fetched = await fetches.AskAsync(view.Primary.Name, request);
        if (fetched is { Reply.Status: FetchStatus.Found or FetchStatus.NotFound })
        {
            // Another primary may have heard of other holders since: this one's word may be too old.
            bool isTooOld = request.NamesHolders && fetched.Reply.Entry is null && fetched.Age(context.Time) > context.Settings.LocalOnlyBound;
            return isTooOld ? Attempt<Fetched>.Again : fetched;
        }

        if (!ReferenceEquals(fetched, Fetches.NoTurn))
        {
            finder.OnPrimaryFailed(view, fetched?.Reply.View);
        }

        Fetched? found = request.IsStrong ? null : await FromOtherMasterAsync(view, request);
        if (found is null && question is not null && !ReferenceEquals(fetched, Fetches.NoTurn))
        {
            if (!question.IsFromEveryone)
            {
                questions.AskEveryone(question);
            }

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

        Fetched? fetched = await fetches.AskAsync(view.Other.Name, request);
        return fetched is { Reply.Status: FetchStatus.Found } ? fetched : null;
    }
}
