namespace Diststore.Core;

/// <summary>
/// A node that was chosen as master and still syncs, under one view: it asks the primary how, pulls until it is whole,
/// then has the batches streamed to it until the next view says that it is in sync (or not wanted any more).
/// </summary>
internal sealed class Learner(NodeContext context, Partition partition, MasterView view)
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(50);

    // Counts the starts: one that was overtaken must not be mistaken for the newest.
    private long _attempt;

    private long _pagesTaken;
    private bool _hasBeenWhole;
    private bool _syncsFully;

    /// <summary>How far it has got under this view, however often it started again.</summary>
    public LearnerReport Report => new(_pagesTaken, _hasBeenWhole, _syncsFully, IsStreaming);

    /// <summary>Whether batches are taken: everything up to the mark is here.</summary>
    public bool IsStreaming { get; private set; }

    private bool IsWanted => partition.Learner == this && partition.Views.IsNewest(view) && !context.Stopping.IsCancellationRequested;

    /// <summary>Runs until the view is superseded.</summary>
    public async Task RunAsync()
    {
        while (IsWanted)
        {
            if (await SyncAsync() is { } mark)
            {
                await StreamAsync(mark);
                IsStreaming = false;
            }

            if (IsWanted)
            {
                await context.Delay(RetryPause);
            }
        }
    }

    // Null means: start over.
    private async Task<LogPoint?> SyncAsync()
    {
        StoreState state = context.Store.State;
        var request = new SyncStartRequest(view, context.Self, state.History, state.SyncsFrom, ++_attempt);
        SyncStartReply? reply = await AskAsync(p => p.StartSyncAsync(request));
        if (reply is null || reply.Kind == SyncKind.Refused)
        {
            Heed(reply?.View);
            return null;
        }

        _syncsFully = reply.Kind == SyncKind.Full;
        context.Log.Syncing(view.Primary, reply.Kind, state.SyncsFrom);
        if (!IsWanted || !await context.Store.StartSyncAsync(view.Epoch, reply.Kind, view.History))
        {
            return null;
        }

        long? since = reply.Kind == SyncKind.Full ? await PullPagesAsync() : state.SyncsFrom.Sequence;
        return since is { } from && await PullChangesAsync(from) ? context.Store.State.Applied : null;
    }

    // Everything in key order; what changed meanwhile follows by sequence, since the moment of the first page. While a page
    // is written the next one is on its way.
    private async Task<long?> PullPagesAsync()
    {
        Task<SyncPageReply?> asked = AskForPageAsync(context.Store.State.Cursor);
        while (IsWanted)
        {
            SyncPageReply? reply = await asked;
            if (reply?.Page is not { } page)
            {
                Heed(reply?.View);
                return null;
            }

            SyncCursor? cursor = context.Store.State.Cursor;
            if (page.More)
            {
                asked = AskForPageAsync(new SyncCursor(page.Entries[^1].Key, cursor?.FirstSequence ?? page.Applied.Sequence));
            }

            if (!await WritePageAsync(cursor?.After, page))
            {
                return null;
            }

            _pagesTaken++;
            context.Instruments.Synced(SyncKind.Full, page.Entries.Length);
            if (!page.More)
            {
                return context.Store.State.Cursor?.FirstSequence;
            }
        }

        return null;
    }

    // Where the page leaves out much of what is here, removing that takes several operations.
    private async Task<bool> WritePageAsync(string? after, KeyPage page)
    {
        PageOutcome outcome = PageOutcome.Partly;
        while (IsWanted && outcome == PageOutcome.Partly)
        {
            outcome = await context.Store.WritePageAsync(view.Epoch, after, page);
            await Task.Yield();
        }

        return outcome == PageOutcome.Taken;
    }

    private async Task<bool> PullChangesAsync(long since)
    {
        Task<SyncChangesReply?> asked = AskForChangesAsync(since);
        while (IsWanted)
        {
            SyncChangesReply? reply = await asked;
            if (reply is null)
            {
                // Lost, or late: only this page is asked for again. From the mark all of them would come once more.
                await context.Delay(RetryPause);
                asked = AskForChangesAsync(since);
                continue;
            }

            if (reply.BelowFloor)
            {
                // Some of what is missing was forgotten there; only everything will do.
                await context.Store.StartSyncAsync(view.Epoch, SyncKind.Full, view.History);
                return false;
            }

            if (reply.Page is not { } page)
            {
                Heed(reply.View);
                return false;
            }

            if (!page.IsWhole)
            {
                asked = AskForChangesAsync(page.Upto);
            }

            if (!IsWanted || !await context.Store.WriteChangesAsync(view.Epoch, page))
            {
                return false;
            }

            _pagesTaken++;
            context.Instruments.Synced(SyncKind.Changes, page.Entries.Length);
            if (page.IsWhole)
            {
                _hasBeenWhole = true;
                return true;
            }

            since = page.Upto;
        }

        return false;
    }

    private async Task StreamAsync(LogPoint mark)
    {
        // Batches may arrive before the answer does.
        IsStreaming = true;
        var request = new StreamRequest(view, context.Self, mark, _attempt);
        MasterReply? reply = await AskAsync(p => p.StartStreamAsync(request));
        if (reply is not { Granted: true })
        {
            Heed(reply?.View);
            return;
        }

        context.Log.Synced(view.Primary, mark);
        while (IsWanted)
        {
            await context.Delay(context.Settings.ReplyTimeout);
            MasterReply? check = IsWanted ? await AskAsync(p => p.CheckStreamAsync(request)) : null;
            if (check is { Granted: false })
            {
                Heed(check.View);
                return;
            }
        }
    }

    private Task<SyncPageReply?> AskForPageAsync(SyncCursor? from) =>
        AskAsync(p => p.ReadPageAsync(new SyncPageRequest(view, context.Self, from?.After, from?.FirstSequence ?? 0)));

    private Task<SyncChangesReply?> AskForChangesAsync(long since) =>
        AskAsync(p => p.ReadChangesAsync(new SyncChangesRequest(view, context.Self, since)));

    private Task<T?> AskAsync<T>(Func<IPeer, Task<T>> call)
        where T : class =>
        context.AskAsync(view.Primary.Name, call, context.Settings.ReplyTimeout);

    private void Heed(MasterView? newer)
    {
        if (newer is not null)
        {
            partition.Views.Learn(newer);
        }
    }
}
