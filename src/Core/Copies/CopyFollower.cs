namespace Diststore.Core;

/// <summary>
/// Keeps the copies of a gateway current: asks some node again and again what has changed. A question waits there for the next change, for at most
/// a quarter of the bound, so that copies fall within milliseconds of the node's own and an idle question costs little. Waiting makes the answer
/// older, never the proof weaker: the copies are current as of when the question was *sent*, less the age that the answer tells. One loop.
/// </summary>
/// <param name="copies">The copies.</param>
/// <param name="bound">How old what is shown may be.</param>
/// <param name="time">The clock.</param>
/// <param name="ask">
/// Asks the node that is followed, and waits so long for its answer; <see langword="null"/> where none came or none can be given, so that
/// another one is asked next.
/// </param>
internal sealed class CopyFollower(CopyReader copies, TimeSpan bound, TimeProvider time, Func<CopyQuestion, TimeSpan, Task<CopyNews?>> ask)
{
    // Of the bound: what a question waits for the next change, and how old what the node shows may be without its asking first. With the
    // next question's own wait that makes 0.83 of it, and leaves the rest for the ways there and back.
    private const int WaitPart = 4;
    private const int AgePart = 3;

    // Under a stream of changes what comes within this goes in one answer.
    private static readonly TimeSpan GatherTime = TimeSpan.FromMilliseconds(2);

    // A node that cannot let one more question wait answers at once, as does one that has nothing to tell; neither is asked in a loop.
    private static readonly TimeSpan PauseWithoutNews = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan MinReplyTimeout = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxReplyTimeout = TimeSpan.FromSeconds(1);

    private HintNumber _hints;

    private TimeSpan ReplyTimeout
    {
        get
        {
            TimeSpan third = bound / AgePart;
            return third < MinReplyTimeout ? MinReplyTimeout : third > MaxReplyTimeout ? MaxReplyTimeout : third;
        }
    }

    /// <summary>Follows until it is told to stop; then throws that it was cancelled.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        bool isWhole = false;
        while (true)
        {
            long began = time.GetTimestamp();
            CopyNews? news = await AskAsync(isWhole);
            isWhole = news is { IsWhole: true };
            bool isNews = news is not null && !(news.Changes.IsEmpty && news.Hinted.IsEmpty);
            TimeSpan rest = (isNews ? GatherTime : PauseWithoutNews) - time.GetElapsedTime(began);
            if (rest > TimeSpan.Zero)
            {
                await Task.Delay(rest, time, stopping);
            }

            stopping.ThrowIfCancellationRequested();
        }
    }

    // Where the last answer did not tell everything there is no need to wait for more.
    private async Task<CopyNews?> AskAsync(bool mayWait)
    {
        CopyReader.Standing standing = copies.Now;
        TimeSpan wait = mayWait && bound / WaitPart < CopyQuestion.MaxWait ? bound / WaitPart : mayWait ? CopyQuestion.MaxWait : TimeSpan.Zero;
        var question = new CopyQuestion(standing.History, standing.Followed, wait, bound / AgePart, _hints);
        AsOf sent = AsOf.Now(time);
        if (await ask(question, wait + ReplyTimeout) is not { IsGiven: true } news)
        {
            return null;
        }

        _hints = news.Hints;
        foreach (ChangedKey hinted in news.Hinted)
        {
            copies.OnChanged(hinted);
        }

        copies.Follow(standing, new News(news.History, news.Changes, news.Upto, news.IsWhole, news.Jumps), sent.Less(news.Age, time));
        return news;
    }
}
