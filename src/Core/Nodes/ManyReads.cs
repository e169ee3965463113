namespace Diststore.Core;

/// <summary>
/// Reads of many keys that this node cannot answer at once. What it may not show itself is fetched from the primary, as much in one call as a
/// message carries; where the primary does not answer, each key is looked for as if it were read alone. A strong read is the primary's
/// alone. For the node's scheduler.
/// </summary>
internal sealed class ManyReads(
    NodeContext context, PrimaryFinder finder, Fetches fetches, ReadPath reads, SnapshotAnswers snapshots)
{
    /// <summary>Such reads at once: each holds one answer's bytes of values, and one fetch.</summary>
    public const int MaxUnderWay = 16;

    /// <summary>Those that wait for their turn, each for at most a reply's time.</summary>
    public const int MaxWaiting = 1024;

    // Keys that are read as if alone at once: each may have a value of the largest size.
    private const int MaxAlone = 4;

    private readonly Turns _turns = new(MaxUnderWay, MaxWaiting, context.Settings.ReplyTimeout, context.Time);

    private ReadResult TooMany => new(ReadOutcome.Busy, null, context.Settings.Name, "too many reads of many keys wait already");

    /// <summary>Whether something is held of which it is not known when it will end by the primary's clock.</summary>
    public static bool LacksExpiry(in ReadResult read) => read is { Life: not null, Entry.ExpiresAt: null };

    /// <summary>
    /// Fetches what is missing; the results in <paramref name="found"/> of those keys say why. Gives the first results, all known, or the last
    /// of them the first that is not.
    /// </summary>
    public Task<ReadResult[]> FillAsync(ManyQuery query, ReadResult[] found, IReadOnlyList<int> missing, long maxValueBytes) => _turns.RunAsync(
        async () =>
        {
            var filling = new ManyFilling(found, missing, Batches.MaxQuestions, maxValueBytes);
            return await filling.RunAsync(async indexes =>
            {
                string[] keys = [.. indexes.Select(index => query.Keys[index])];
                IReadOnlyList<ReadResult> results = query.Options.OnlyHere
                    ? [await reads.GetAsync(keys[0], query.Options, found[indexes[0]].Forwarding)]
                    : await FromPrimaryAsync(keys, query.Options) ?? await AloneAsync(keys, query.Options);
                return [.. results.Select((result, i) => result with { Forwarding = found[indexes[i]].Forwarding })];
            });
        },
        () => [TooMany]);

    /// <summary>Reads all keys as the primary has them at one moment; at this node, so that all of it is here.</summary>
    public Task<ManyResult> ReadSnapshotAsync(ManyQuery query) => _turns.RunAsync(
        async () =>
        {
            AsOf asked = AsOf.Now(context.Time);
            context.Instruments.ReadMissed(query.Keys.Length);
            SnapshotReply? reply = await AskPrimaryAsync(query, snapshots.ReadAsync);
            IReadOnlyList<Entry?>? entries = reply is null ? null : await reply.GatherAsync((node, id, from) =>
                context.AskAsync<SnapshotPart>(node, peer => peer.ReadRestAsync(id, from), context.Settings.ReplyTimeout));
            return ManyResult.Of(reply, entries, context.Settings.Name, query.Keys.Length, asked.Age(context.Time));
        },
        () => ManyResult.Failed(TooMany));

    /// <summary>The same for somebody who gathers the rest.</summary>
    public async Task<SnapshotReply> BeginSnapshotAsync(ManyQuery query) =>
        await AskPrimaryAsync(query, snapshots.AnswerAsync) ?? SnapshotReply.Without(SnapshotStatus.CannotTell, context.Settings.Name);

    private Task<SnapshotReply?> AskPrimaryAsync(ManyQuery query, Func<ManyQuery, Task<SnapshotReply>> here) => finder.AskPrimaryAsync<SnapshotReply>(
        async view =>
        {
            SnapshotReply? reply = view.Primary.Name == context.Settings.Name
                ? await InTimeAsync(here(query))
                : await context.AskAsync<SnapshotReply>(view.Primary.Name, peer => peer.ReadSnapshotAsync(query), finder.Patience);
            return reply is null or { Status: SnapshotStatus.CannotTell } ? Attempt<SnapshotReply>.Failed(reply?.View) : reply;
        });

    private async Task<SnapshotReply?> InTimeAsync(Task<SnapshotReply> read)
    {
        try
        {
            return await read.WaitAsync(finder.Patience, context.Time, context.Stopping);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    // One call; null where it brought nothing.
    private async Task<IReadOnlyList<ReadResult>?> FromPrimaryAsync(string[] keys, ReadOptions options)
    {
        if (await finder.CurrentAsync(poster: null) is not { } view)
        {
            return null;
        }

        (IReadOnlyList<Fetched> fetched, bool isFault) = await fetches.AskManyAsync(
            view.Primary.Name, [.. keys.Select(key => reads.RequestOf(key, options))]);
        Fetched[] told = [.. fetched.TakeWhile(static one => one.Reply.Status is FetchStatus.Found or FetchStatus.NotFound)];
        if (told.Length > 0)
        {
            context.Instruments.ReadMissed(told.Length);
            return [.. told.Select(one => reads.Told(one, options))];
        }

        if (isFault)
        {
            finder.OnPrimaryFailed(view, fetched.Count > 0 ? fetched[0].Reply.View : null);
        }

        return null;
    }

    private async Task<IReadOnlyList<ReadResult>> AloneAsync(string[] keys, ReadOptions options)
    {
        // The reason is set by who asks.
        ReadResult[] results = await Task.WhenAll(keys.Take(MaxAlone).Select(key => reads.GetAsync(key, options, Forwarding.Miss)));
        for (int i = 0; i < results.Length; i++)
        {
            if (LacksExpiry(results[i]))
            {
                results[i] = await reads.AskPrimaryAsync(keys[i], options);
            }
        }

        return results;
    }
}
