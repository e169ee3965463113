using Diststore.Core;
using Microsoft.Extensions.Logging;

namespace Diststore.Http;

/// <summary>One client's stream of changes, from its first page to its end.</summary>
internal sealed partial class ChangeStream(
    ChangeSource source, ChangeFormat format, StreamSink sink, DiststoreHttpOptions options, TimeProvider time, ILogger logger)
{
    /// <summary>An empty page that was to be waited for and took no longer than this was not waited for.</summary>
    private static readonly TimeSpan NoWait = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(1);

    /// <summary>
    /// Sends changes as they come, until <paramref name="ends"/>; or only those that there are, up to <paramref name="until"/>.
    /// False when it ends before these are sent.
    /// </summary>
    public async Task<bool> RunAsync(LogPoint? until, CancellationToken ends)
    {
        bool isLive = until is null;
        long answered = time.GetTimestamp();
        TimeSpan wait = TimeSpan.Zero;
        while (true)
        {
            TimeSpan patience = isLive ? UntilHeartbeat : Timeout.InfiniteTimeSpan;
            long asked = time.GetTimestamp();
            FeedPage? page = await source.ReadAsync(wait < patience || !isLive ? wait : patience, patience);
            bool isHasty = wait > NoWait && patience > NoWait && page?.Result.Count == 0 && time.GetElapsedTime(asked) < NoWait;
            ChangeId before = source.Position;
            await SendAsync(page);
            source.Release();
            bool hasMoved = source.Position != before;
            bool isAnswer = page?.Result is { Outcome: ChangesOutcome.Page } result && (hasMoved || result.Count == 0);
            if (page?.Result.Outcome == ChangesOutcome.Gone || (isAnswer && !isLive && (!hasMoved || source.Position.Point >= until)))
            {
                return true;
            }

            // A page that took long to come is a page all the same: only who gave no answer is held against the clock.
            answered = isAnswer ? time.GetTimestamp() : answered;
            if (ends.IsCancellationRequested || time.GetElapsedTime(answered) > options.ChangeSourcePatience)
            {
                return isLive;
            }

            if (page is not null && (!isAnswer || (isHasty && !hasMoved)))
            {
                // Nobody answers; or with nothing, without the wait; or with what was sent already, which leads nowhere either.
                await source.PauseAsync(time);
            }

            wait = isLive ? ChangesQuery.MaxWait : TimeSpan.Zero;
        }
    }

    // More than nothing: what is due is sent before the next wait.
    private TimeSpan UntilHeartbeat =>
        options.ChangeHeartbeat - sink.Silence is var left && left > ShortestWait ? left : ShortestWait;

    // The position is where the page was looked at up to, also where the last change of it comes sooner.
    private async ValueTask SendAsync(FeedPage? page)
    {
        int sent = 0;
        FormattedPage? text = page?.Result.Count > 0 ? await page.InAsync(format) : null;
        for (int i = 0; i < text?.Count; i++)
        {
            if (source.TryAdvance(text.IdOf(i)))
            {
                await text.SendAsync(i, sink);
                sent++;
            }
            else
            {
                LogNotAscending(text.IdOf(i), source.Position);
            }
        }

        if (page?.Result is { Outcome: ChangesOutcome.Page } read)
        {
            source.TryAdvance(read.IdOf(read.Upto));
        }

        bool isGone = page?.Result.Outcome == ChangesOutcome.Gone;
        bool isSilent = sent == 0 && sink.Silence >= options.ChangeHeartbeat;
        if (isGone || isSilent)
        {
            await sink.WriteAsync(isGone ? format.Gone : format.Heartbeat(source.Position));
        }

        if (isGone || isSilent || sent > 0)
        {
            await sink.FlushAsync();
        }
    }
}
