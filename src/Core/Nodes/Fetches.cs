namespace Diststore.Core;

/// <summary>What another node answered, and when it was asked: the age of an answer is counted from there.</summary>
internal sealed record Fetched(FetchReply Reply, AsOf Asked)
{
    public TimeSpan Age(TimeProvider time) => AsOf.Sum(Reply.Age, Asked.Age(time));
}

/// <summary>
/// Asks nodes for keys, this one among them. What many readers want of one node meanwhile goes in one call. For the node's scheduler.
/// </summary>
internal sealed class Fetches(NodeContext context, FetchAnswers own)
{
    /// <summary>
    /// Calls under way at once, to all other nodes together. Each brings at most a batch's bytes or one value of the largest size, and shares
    /// connections with what keeps the masters in sync.
    /// </summary>
    internal const int MaxCalls = 8;

    /// <summary>Calls that wait for their turn, each for at most a reply's time.</summary>
    internal const int MaxWaitingCalls = 4096;

    // Lanes that are remembered; beyond them those in which nothing waits are forgotten.
    private const int MaxLanes = 256;

    /// <summary>Nobody was asked; no reason to think ill of whoever would have been.</summary>
    public static readonly Fetched NoTurn = new(new FetchReply(FetchStatus.CannotTell), default);

    // It was asked, but its answer to others filled the message.
    private static readonly Fetched NoRoom = new(new FetchReply(FetchStatus.CannotTell), default);

    private readonly Turns _turns = new(MaxCalls, MaxWaitingCalls, context.Settings.ReplyTimeout, context.Time);
    private readonly Dictionary<Lane, Batcher<FetchRequest, Fetched?>> _lanes = [];

    /// <summary>What a node answers; null where no answer came in time, <see cref="NoTurn"/> where too many wait already.</summary>
    public async Task<Fetched?> AskAsync(string node, FetchRequest request)
    {
        Fetched? fetched = await LaneOf(node, request).AskAsync(request);
        return ReferenceEquals(fetched, NoRoom) ? (await CallAsync(node, [request]))[0] : fetched;
    }

    /// <summary>
    /// What a node answers to many requests, at most <see cref="Batches.MaxQuestions"/>, in one call: the first answers, as many as fit into one,
    /// at least one. None where no answer came in time, which is a fault, or where too many calls wait already.
    /// </summary>
    public async Task<(IReadOnlyList<Fetched> Fetched, bool IsFault)> AskManyAsync(string node, FetchRequest[] requests)
    {
        Fetched?[] fetched = await CallAsync(node, requests);
        return ([.. fetched.TakeWhile(static one => one is not null && one != NoRoom && one != NoTurn).Select(static one => one!)], fetched[0] != NoTurn);
    }

    private Batcher<FetchRequest, Fetched?> LaneOf(string node, FetchRequest request)
    {
        var lane = new Lane(node, request.IsStrong || request.MinSequence > 0 ? null : request.MaxAge);
        if (!_lanes.TryGetValue(lane, out Batcher<FetchRequest, Fetched?>? batcher))
        {
            if (_lanes.Count >= MaxLanes)
            {
                foreach (Lane idle in _lanes.Where(static pair => pair.Value.IsIdle).Select(static pair => pair.Key).ToArray())
                {
                    _lanes.Remove(idle);
                }
            }

            batcher = new Batcher<FetchRequest, Fetched?>(
                requests => CallAsync(node, requests), NoTurn, context.Settings.ReplyTimeout, context.Time);
            _lanes.Add(lane, batcher);
        }

        return batcher;
    }

    private async Task<Fetched?[]> CallAsync(string node, FetchRequest[] requests)
    {
        // Of this node nothing crosses a connection.
        bool isOwn = node == context.Settings.Name;
        if (!isOwn && !await _turns.TakeAsync())
        {
            return [.. requests.Select(static _ => NoTurn)];
        }

        try
        {
            AsOf asked = AsOf.Now(context.Time);
            FetchReply?[]? replies = isOwn
                ? await AnswerAsync(requests)
                : await context.AskAsync<FetchReply?[]>(node, peer => peer.FetchAsync(requests)!, context.Settings.ReplyTimeout);
            return
            [
                .. requests.Select((_, i) => replies is null ? null : i < replies.Length && replies[i] is { } reply ? new Fetched(reply, asked) : NoRoom),
            ];
        }
        finally
        {
            if (!isOwn)
            {
                _turns.Give();
            }
        }
    }

    private async Task<FetchReply?[]?> AnswerAsync(FetchRequest[] requests)
    {
        try
        {
            return await own.AnswerAsync(requests).WaitAsync(context.Settings.ReplyTimeout, context.Time, context.Stopping);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    // What goes together asks for the same: where one read needs a confirmation, those beside it need one too.
    private readonly record struct Lane(string Node, TimeSpan? MaxAge);
}
