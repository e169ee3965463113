using Diststore.Core;
using Microsoft.Extensions.Logging;

namespace Diststore.Http;

/// <summary>One client's stream of changes, from its first page to its end.</summary>
internal sealed partial class ChangeStream(
    ChangeSource source, ChangeFormat format, ChangeSink sink, DiststoreHttpOptions options, TimeProvider time, ILogger logger)
{
    /// <summary>
    /// Sends changes as they come, until <paramref name="ends"/>; or only those that there are, up to <paramref name="until"/>.
    /// False when it ends before these are sent.
    /// </summary>
    public async Task<bool> RunAsync(ChangesResult page, LogPoint? until, CancellationToken ends)
    {
        bool isLive = until is null;
        long answered = time.GetTimestamp();
        while (true)
        {
            int sent = await SendAsync(page);
            bool isAnswer = page.Outcome == ChangesOutcome.Page && (sent > 0 || page.Entries.Length == 0);
            if (page.Outcome == ChangesOutcome.Gone || (isAnswer && !isLive && (sent == 0 || source.Position >= until)))
            {
                return true;
            }

            // A page that took long to come is a page all the same: only who gave no answer is held against the clock.
            answered = isAnswer ? time.GetTimestamp() : answered;
            if (ends.IsCancellationRequested || time.GetElapsedTime(answered) > options.ChangeSourcePatience)
            {
                return isLive;
            }

            if (!isAnswer)
            {
                // Nobody answers; or with nothing but what was sent already, which leads nowhere either.
                await source.PauseAsync(time);
            }

            TimeSpan untilHeartbeat = options.ChangeHeartbeat - sink.Silence;
            page = await source.ReadAsync(!isLive ? TimeSpan.Zero : untilHeartbeat < ChangesQuery.MaxWait ? untilHeartbeat : ChangesQuery.MaxWait);
        }
    }

    // Gives the number of changes sent.
    private async ValueTask<int> SendAsync(ChangesResult page)
    {
        int sent = 0;
        foreach (Entry entry in page.Entries)
        {
            if (source.TryAdvance(entry))
            {
                await format.WriteAsync(sink, entry);
                sent++;
            }
            else
            {
                LogNotAscending(entry.Version, source.Position);
            }
        }

        bool isGone = page.Outcome == ChangesOutcome.Gone;
        bool isSilent = sent == 0 && sink.Silence >= options.ChangeHeartbeat;
        if (isGone || isSilent)
        {
            await sink.WriteAsync(isGone ? format.Gone : format.Heartbeat);
        }

        if (isGone || isSilent || sent > 0)
        {
            await sink.FlushAsync();
        }

        return sent;
    }
}
