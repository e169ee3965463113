namespace Diststore.Core;

/// <summary>How a search among other nodes' local-only entries ended.</summary>
/// <param name="Entry">What was found.</param>
/// <param name="Silent">A node that may hold the key and does not answer: so whether it exists is not known.</param>
internal readonly record struct LocalFind(Entry? Entry, string? Silent = null);

/// <summary>
/// The search for a key that the masters lack: here, then with whoever answers the question by datagram, then by calls to
/// those that the primary named and that were silent. Nothing is not found before all of them have said so or are gone. For
/// the node's scheduler.
/// </summary>
internal sealed class LocalSearch(NodeContext context, PrimaryFinder finder)
{
    /// <summary>Calls of one search under way at once.</summary>
    public const int MaxCalls = 64;

    // How long datagrams are waited for, counted from the question: a holder of any entry has answered by then, or its answer is lost.
    private static readonly TimeSpan DatagramGrace = TimeSpan.FromMilliseconds(10);

    /// <summary>Looks for the key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="question">The question that other nodes were asked after the read came; null where too many were open.</param>
    /// <param name="named">Who may hold it, by a primary's answer after the read came; null for any member.</param>
    public async Task<LocalFind> FindAsync(string key, Question? question, IReadOnlyList<string>? named)
    {
        if (await context.Store.ReadLocalAsync(key) is { } own)
        {
            return new LocalFind(own);
        }

        List<string> silent = [.. (named ?? context.Transport.Members).Where(node => node != context.Settings.Name)];
        return question is not null && await AmongAnswersAsync(key, question, silent) is { } told
            ? new LocalFind(told)
            : await AmongSilentAsync(key, silent);
    }

    // Takes those that have answered from the silent ones.
    private async Task<Entry?> AmongAnswersAsync(string key, Question question, List<string> silent)
    {
        for (int next = 0; ;)
        {
            silent.RemoveAll(question.HasNoneLocal);
            if (next < question.LocalHolders.Count)
            {
                string holder = question.LocalHolders[next++];
                LocalReply? reply = await FetchAsync(holder, key);
                if (reply?.Entry is { } entry)
                {
                    return entry;
                }

                if (reply is not null)
                {
                    silent.Remove(holder);
                }
            }
            else if (silent.Count == 0 || !await question.WaitAsync(DatagramGrace, context.Time, context.Stopping))
            {
                return null;
            }
        }
    }

    private async Task<LocalFind> AmongSilentAsync(string key, List<string> silent)
    {
        long started = context.Time.GetTimestamp();
        while (silent.Count > 0)
        {
            foreach (string[] some in silent.ToArray().Chunk(MaxCalls))
            {
                if (await CallAsync(key, some, silent) is { } found)
                {
                    return new LocalFind(found);
                }
            }

            // Who neither answers nor is a member any more is gone, and what it holds with it. One that was never seen here may
            // have joined a moment ago: the primary hears of members by itself.
            context.SeeMembers();
            silent.RemoveAll(node => context.HasLeft(node));
            if (silent.Count > 0 && context.Time.GetElapsedTime(started) >= finder.Patience)
            {
                return new LocalFind(null, silent[0]);
            }

            if (silent.Count > 0)
            {
                await context.Delay(PrimaryFinder.RetryPause);
            }
        }

        return default;
    }

    // The first that has it ends it: nobody waits for the others then.
    private async Task<Entry?> CallAsync(string key, string[] nodes, List<string> silent)
    {
        List<Task<(string Node, LocalReply? Reply)>> calls = [.. nodes.Select(AskAsync)];
        while (calls.Count > 0)
        {
            Task<(string Node, LocalReply? Reply)> ended = await Task.WhenAny(calls);
            calls.Remove(ended);
            (string node, LocalReply? reply) = await ended;
            if (reply?.Entry is { } entry)
            {
                calls.ForEach(context.Watch);
                return entry;
            }

            if (reply is not null)
            {
                silent.Remove(node);
            }
        }

        return null;

        async Task<(string Node, LocalReply? Reply)> AskAsync(string node) => (node, await FetchAsync(node, key));
    }

    private Task<LocalReply?> FetchAsync(string node, string key) =>
        context.AskAsync<LocalReply>(node, peer => peer.FetchLocalAsync(key), context.Settings.ReplyTimeout);
}
