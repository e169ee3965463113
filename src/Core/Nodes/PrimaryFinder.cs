using System.Collections.Frozen;

namespace Diststore.Core;

/// <summary>
/// Keeps the newest view at hand: reads it from the registry every second, whenever this node has none, and when the
/// primary fails. A lost announcement heals by this. For the node's scheduler.
/// </summary>
internal sealed class PrimaryFinder(NodeContext context, Views views)
{
    /// <summary>Between two tries to find a primary that answers.</summary>
    public static TimeSpan RetryPause { get; } = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan RefreshPeriod = TimeSpan.FromSeconds(1);

    // A report makes the registry look at once; meanwhile more of them tell it nothing new.
    private static readonly TimeSpan ReportPeriod = TimeSpan.FromMilliseconds(250);

    private (long Epoch, long At)? _reported;
    private bool _isOutage; // every master in sync is gone, and that was said
    private volatile FrozenDictionary<Guid, MissingMaster> _missing = FrozenDictionary<Guid, MissingMaster>.Empty; // by their stores

    /// <summary>How long a request looks for a primary before it gives up.</summary>
    public TimeSpan Patience => 3 * context.Settings.ReplyTimeout;

    /// <summary>The masters in sync, where no live node is any of them: until one of them is back nothing can be written. Else empty.</summary>
    public string Missing
    {
        get
        {
            MasterId[] masters = [.. views.Newest?.InSyncSet ?? []];
            bool isAnyAlive = masters.Any(master => context.Transport.Members.Contains(master.Name) && !_missing.ContainsKey(master.StoreId));
            return isAnyAlive ? "" : string.Join(", ", masters.Select(static master => master.Name));
        }
    }

    /// <summary>Why nothing can be written, as far as the view and the membership tell. Any thread.</summary>
    public string? NotWritableBecause =>
        views.Newest is not { } view ? null
        : view.IsContested ? "a master of another history has turned up; an operator has to force an election"
        : view.InSyncSet.Count() < context.Settings.MinInSync ? "fewer masters are in sync than Masters:MinInSync asks for"
        : Missing is { Length: > 0 } missing ? $"no master in sync is alive ({missing})"
        : null;

    /// <summary>Takes note of which stores are alive; gives the masters that are waited for.</summary>
    public MissingMaster[] See(IReadOnlyCollection<Guid> alive)
    {
        (string Name, Guid StoreId)[] wanted = [.. views.Newest?.InSyncSet.Select(static member => (member.Name, member.StoreId)) ?? []];
        if (views.Newest?.Kept is { } kept)
        {
            wanted = [.. wanted, (kept.Name, kept.StoreId)];
        }

        DateTimeOffset now = context.Time.GetUtcNow();
        _missing = wanted
            .Where(member => !alive.Contains(member.StoreId))
            .ToFrozenDictionary(
                static member => member.StoreId,
                member => _missing.GetValueOrDefault(member.StoreId) ?? new MissingMaster(member.Name, now));
        return [.. _missing.Values];
    }

    /// <summary>
    /// The newest view known; without one, asks the registry, which elects. Where it is of an epoch below <paramref name="atLeast"/>,
    /// the registry may know of a newer one.
    /// </summary>
    public async Task<MasterView?> CurrentAsync(string? poster, long atLeast = 0)
    {
        if (views.Newest?.Epoch < atLeast && await context.AskRegistryAsync(static r => r.ReadAsync()) is { } stored)
        {
            views.Learn(stored);
        }

        if (views.Newest is null && await context.AskRegistryAsync(r => r.ElectAsync(poster)) is { } elected)
        {
            await views.AdoptAsync(elected);
        }

        return views.Newest;
    }

    /// <summary>
    /// Asks whoever is the primary, until it has answered; <see langword="null"/> when none has for as long as the patience lasts, or
    /// when who asks has given up.
    /// </summary>
    /// <param name="ask">Asks the primary of that view.</param>
    /// <param name="poster">The node that posts, if it does: its key counts where an election is needed.</param>
    /// <param name="atLeast">The view to begin with is of this epoch or a higher one, if the registry knows of any.</param>
    /// <param name="cancellation">Who asks has given up.</param>
    public async Task<T?> AskPrimaryAsync<T>(
        Func<MasterView, Task<Attempt<T>>> ask, string? poster = null, long atLeast = 0, CancellationToken cancellation = default)
        where T : class
    {
        long started = context.Time.GetTimestamp();
        do
        {
            if (await CurrentAsync(poster, atLeast) is { } view)
            {
                Attempt<T> attempt = await ask(view);
                if (attempt.Answer is not null)
                {
                    return attempt.Answer;
                }

                if (attempt.PrimaryFailed)
                {
                    OnPrimaryFailed(view, attempt.Theirs);
                }
            }

            await context.Delay(RetryPause);
        }
        while (context.Time.GetElapsedTime(started) < Patience && !cancellation.IsCancellationRequested);
        return null;
    }

    /// <summary>The primary of that view failed; <paramref name="theirs"/> is the view that it answered with, if it did.</summary>
    public void OnPrimaryFailed(MasterView view, MasterView? theirs)
    {
        if (theirs is not null)
        {
            views.Learn(theirs);
        }

        bool isNews = _reported is not { } last || last.Epoch != view.Epoch || context.Time.GetElapsedTime(last.At) >= ReportPeriod;
        if (views.IsNewest(view) && isNews)
        {
            _reported = (view.Epoch, context.Time.GetTimestamp());
            context.Watch(ReportAsync(view));
        }
    }

    /// <summary>Runs until the node stops.</summary>
    public async Task RefreshAsync()
    {
        while (true)
        {
            if (await context.AskRegistryAsync(static r => r.ReadAsync()) is { } stored)
            {
                views.Learn(stored);
            }

            await SeeMembersAsync();
            SayOutage(Missing);
            await context.DelayToTurn(RefreshPeriod);
        }
    }

    // So it is known since when one is missing. Who was there is taken to be there while its name is; one whose name is back is asked,
    // for it may have come with another store.
    private async Task SeeMembersAsync()
    {
        MasterId[] named = [.. (views.Newest?.InSyncSet ?? []).Where(master => context.Transport.Members.Contains(master.Name))];
        PingReply?[] pings = await Task.WhenAll(named.Where(master => _missing.ContainsKey(master.StoreId)).Select(
            master => context.AskAsync(master.Name, peer => peer.PingAsync(write: false), context.Settings.ReplyTimeout)));
        Guid[] back = [.. pings.OfType<PingReply>().Select(static ping => ping.Id.StoreId)];
        See([.. named.Select(static master => master.StoreId).Where(store => !_missing.ContainsKey(store)), .. back]);
    }

    // Once when it begins, and once when it ends.
    private void SayOutage(string missing)
    {
        if (missing.Length > 0 && !_isOutage)
        {
            context.Log.MastersMissing(missing);
        }
        else if (missing.Length == 0 && _isOutage)
        {
            context.Log.MasterBack();
        }

        _isOutage = missing.Length > 0;
    }

    private async Task ReportAsync(MasterView view)
    {
        if (await context.AskRegistryAsync(r => r.ReportAsync(view.Epoch)) is { } stored)
        {
            views.Learn(stored);
        }
    }
}

/// <summary>What came of asking a primary once: an answer, or why there is none.</summary>
/// <param name="Answer">The answer, if there is one.</param>
/// <param name="PrimaryFailed">Whether it is to be reported.</param>
/// <param name="Theirs">The view that it answered with, if it did.</param>
internal readonly record struct Attempt<T>(T? Answer, bool PrimaryFailed, MasterView? Theirs)
    where T : class
{
    /// <summary>Nothing is known of the primary, and it is asked again.</summary>
    public static Attempt<T> Again => default;

    /// <summary>It did not answer, or not as the primary.</summary>
    public static Attempt<T> Failed(MasterView? theirs) => new(null, true, theirs);

    /// <summary>It answered.</summary>
    public static implicit operator Attempt<T>(T answer) => new(answer, false, null);
}
