using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>
/// What this node tells gateways that keep copies: what has changed of what it shows, from its own window of recent changes, and how old that
/// is by its own moment. A question may wait for the next change. For the node's scheduler.
/// </summary>
internal sealed class Upstream(NodeContext context, Partition partition, Follower follower)
{
    /// <summary>Questions that wait at once; those beyond are answered without a wait.</summary>
    public const int MaxWaiting = 1024;

    /// <summary>Hints kept for those who were not waiting; of more some are lost, as datagrams are.</summary>
    public const int MaxHints = 1024;

    // Changed keys of one answer.
    private const int MaxChanges = 4096;

    private readonly Queue<ChangedKey> _hints = new();
    private readonly Pulse _news = new();
    private long _hintNumber;
    private int _waiting;

    /// <summary>What the node shows has changed, or may have: whoever waits is told.</summary>
    public void OnChanged() => _news.Beat();

    /// <summary>A hint has come: it is passed on.</summary>
    public void OnHint(ReadOnlySpan<ChangedKey> changes)
    {
        foreach (ChangedKey change in changes)
        {
            if (_hints.Count == MaxHints)
            {
                _hints.Dequeue();
            }

            _hints.Enqueue(change);
            _hintNumber++;
        }

        _news.Beat();
    }

    /// <summary>Answers once there is something to tell, or the time is over.</summary>
    public async Task<CopyNews> AnswerAsync(CopyQuestion question)
    {
        TimeSpan wait = question.Wait < CopyQuestion.MaxWait ? question.Wait : CopyQuestion.MaxWait;
        if (wait > TimeSpan.Zero && _waiting < MaxWaiting && HasNothingFor(question))
        {
            _waiting++;
            try
            {
                await _news.WaitAsync(wait, context.Time, context.Stopping);
            }
            finally
            {
                _waiting--;
            }
        }

        if (Shown().Age > question.MaxAge)
        {
            // Whoever asks waits about as long as that for the answer: an old one is better than none, after which it would pass this node over.
            await Task.WhenAny(follower.RefreshAsync(), context.Delay(question.MaxAge / 2));
        }

        return Tell(question);
    }

    private bool HasNothingFor(CopyQuestion question)
    {
        (Guid history, LogPoint? point, _) = Shown();
        return history == question.History && point is { } end && question.Since?.Sequence >= end.Sequence
            && (question.Hints.Process != context.Self.ProcessId || question.Hints.Number == _hintNumber);
    }

    private CopyNews Tell(CopyQuestion question)
    {
        (Guid history, LogPoint? point, TimeSpan age) = Shown();
        if (point is not { } end)
        {
            return new CopyNews(false, default, [], default, false, false, TimeSpan.MaxValue, [], default);
        }

        RecentChanges recent = partition.Changes;
        ImmutableArray<ChangedKey> changes = [];
        LogPoint upto = end;
        bool isWhole = true;
        bool jumps = question.Since is null || question.History != history || !recent.Reach(question.Since.Value.Sequence);
        if (!jumps && question.Since!.Value.Sequence >= end.Sequence)
        {
            upto = question.Since.Value; // it followed another node, which was ahead
        }
        else if (!jumps)
        {
            changes = recent.After(question.Since!.Value.Sequence, MaxChanges);
            isWhole = changes.Length < MaxChanges;
            upto = isWhole ? end : changes[^1].Version;
        }

        return new CopyNews(true, history, changes, upto, isWhole, jumps, age, HintsAfter(question.Hints), new HintNumber(context.Self.ProcessId, _hintNumber));
    }

    // What a master shows is current as of a moment up to which all changes are among the recent ones: a write is acknowledged after that, and the
    // other master sees to it before it takes a moment over.
    private (Guid History, LogPoint? Point, TimeSpan Age) Shown()
    {
        ServedState served = partition.Served;
        CopyReader.Standing copies = partition.Copies.Now;
        return served.From == ServedFrom.Nothing ? (Guid.Empty, null, TimeSpan.MaxValue)
            : served.IsFromStore ? (served.History, partition.Changes.End, served.Age(context.Time))
            : (copies.History, copies.Followed, copies.CurrentAsOf.Age(context.Time));
    }

    private ImmutableArray<ChangedKey> HintsAfter(HintNumber had)
    {
        long missed = had.Process == context.Self.ProcessId ? _hintNumber - had.Number : 0;
        return missed <= 0 ? [] : [.. _hints.Skip((int)Math.Max(0, _hints.Count - missed))];
    }
}
