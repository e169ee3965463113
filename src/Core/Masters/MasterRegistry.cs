using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>
/// Carries out what is decided of the masters: it alone makes views, each by compare-and-swap on the stored one, persisted first and
/// announced second. Two of them at once on one storage do no harm. All methods are called on one scheduler. What it has seen is
/// <see cref="Observations"/>, what it makes of that <see cref="Judgement"/>; <c>MasterRegistry.Operator.cs</c> does what operators wish.
/// </summary>
public sealed partial class MasterRegistry : IRegistry
{
    // Between two pings of a primary that somebody could not reach.
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(100);

    // A master that has not been seen to write for so long is asked to. While there is work, a disk that hangs is reported sooner, by
    // whoever waits for it.
    private static readonly TimeSpan WriteProofPeriod = TimeSpan.FromSeconds(10);

    private readonly IViewStorage _storage;
    private readonly ITransport _transport;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly ILogger<MasterRegistry> _log;
    private readonly RegistrySettings _settings;
    private readonly SharedRound<StoredView> _reads;
    private readonly SharedRound<bool> _ticks;
    private readonly long _began;
    private readonly Dictionary<string, TimeSpan> _wroteAt = new(StringComparer.Ordinal); // by the names of members
    private Observations _seen = Observations.None;
    private Task? _electing;
    private MasterId? _waitedFor; // before a lost view is taken up; said once
    private Task? _checking;

    /// <summary>Puts a registry together.</summary>
    /// <param name="storage">Where the view is kept.</param>
    /// <param name="transport">How it reaches the nodes.</param>
    /// <param name="time">The clock.</param>
    /// <param name="random">For history ids.</param>
    /// <param name="logger">Where it reports.</param>
    /// <param name="settings">What its decisions depend on.</param>
    public MasterRegistry(
        IViewStorage storage, ITransport transport, TimeProvider time, Random random, ILogger<MasterRegistry> logger, RegistrySettings? settings = null)
    {
        _storage = storage;
        _transport = transport;
        _time = time;
        _random = random;
        _log = logger;
        _settings = settings ?? new RegistrySettings();
        _began = time.GetTimestamp();
        _reads = new SharedRound<StoredView>(storage.ReadAsync);
        _ticks = new SharedRound<bool>(DecideAsync);
    }

    /// <summary>How often to tick.</summary>
    public static TimeSpan TickPeriod { get; } = TimeSpan.FromMilliseconds(500);

    private TimeSpan Now => _time.GetElapsedTime(_began);

    /// <summary>
    /// Looks after the masters once: pings, decides, stores, announces. To be called every <see cref="TickPeriod"/>; calls
    /// at once share a round. Throws when the storage cannot be read or written.
    /// </summary>
    public Task TickAsync() => _ticks.BeginAsync();

    /// <inheritdoc/>
    public async Task<MasterView?> ReadAsync() => (await _reads.BeginAsync()).View;

    /// <inheritdoc/>
    public async Task<MasterView?> ElectAsync(string? poster)
    {
        MasterView? view = await ReadAsync();
        if (view is null)
        {
            await (_electing ??= RunAsync());
            view = await ReadAsync();
        }

        return view;

        async Task RunAsync()
        {
            await Task.Yield();
            try
            {
                await ElectFirstAsync(poster);
            }
            finally
            {
                _electing = null;
            }
        }
    }

    /// <inheritdoc/>
    public async Task<MasterView?> DropPeerAsync(long epoch, MasterId primary)
    {
        StoredView stored = await _storage.ReadAsync();
        if (stored.View is not { } view || view.Epoch != epoch || view.Primary != primary)
        {
            return stored.View;
        }

        if (view.Other is { } other)
        {
            _seen = _seen.WithPassedOver(other, Now);
        }

        return await ReplaceAsync(stored, view with { Epoch = epoch + 1, Other = null, OtherInSync = false }, "the primary lost its peer");
    }

    /// <inheritdoc/>
    public async Task<MasterView?> AdmitAsync(long epoch, MasterId primary, MasterId learner)
    {
        StoredView stored = await _storage.ReadAsync();
        if (stored.View is not { } view || view.Epoch != epoch || view.Primary != primary || view.Other != learner || view.OtherInSync || view.IsContested)
        {
            return stored.View;
        }

        return await ReplaceAsync(stored, view with { Epoch = epoch + 1, OtherInSync = true }, "the learner is in sync");
    }

    /// <inheritdoc/>
    public async Task<MasterView?> HandOverAsync(long epoch, MasterId primary)
    {
        StoredView stored = await _storage.ReadAsync();
        if (stored.View is not { OtherInSync: true } view || view.Epoch != epoch || view.Primary != primary
            || (await PingAsync(view.Other!.Name))?.Id != view.Other)
        {
            return stored.View;
        }

        return await ReplaceAsync(stored, view with { Epoch = epoch + 1, Primary = view.Other, Other = primary }, "the primary hands over");
    }

    /// <inheritdoc/>
    public async Task<MasterView?> LeaveAsync(long epoch, MasterId master, bool stops)
    {
        StoredView stored = await _storage.ReadAsync();
        if (stored.View is not { } view || view.Epoch != epoch || view.Other != master || view.IsContested)
        {
            return stored.View;
        }

        Dictionary<string, PingReply> answers = await PingAsync([.. _transport.Members]);
        _seen = _seen.WithPassedOver(master, Now);
        if (answers.GetValueOrDefault(view.Primary.Name)?.Id != view.Primary)
        {
            return stored.View;
        }

        Observations seen = _seen.Asked(answers, _transport.Members, Now);
        KeptPlace? kept = stops ? Judgement.PlaceToKeep(view, master, seen, _settings) : null;
        MasterView next = kept is null
            ? Judgement.Succeed(view, view.Primary, seen)
            : view with { Epoch = epoch + 1, Other = null, OtherInSync = false, Kept = kept };
        return await ReplaceAsync(stored, next, kept is null ? $"{master.Name} leaves" : $"{master.Name} stops, for at most {kept.For}");
    }

    /// <inheritdoc/>
    public async Task<MasterView?> ReportAsync(long epoch)
    {
        StoredView stored = await _reads.BeginAsync();
        if (stored.View is { } view && view.Epoch == epoch)
        {
            await (_checking ??= RunAsync(view));
            stored = await _reads.BeginAsync();
        }

        return stored.View;

        async Task RunAsync(MasterView view)
        {
            await Task.Yield();
            try
            {
                await CheckPrimaryAsync(view);
            }
            finally
            {
                _checking = null;
            }
        }
    }

    // A dead process refuses at once, a paused one is silent: either way it is asked more than once.
    private async Task CheckPrimaryAsync(MasterView view)
    {
        PingReply? answer = null;
        for (int missed = 0; answer is null && missed < Observations.PingsMissedToBeLost; missed++)
        {
            long asked = _time.GetTimestamp();
            answer = await PingAsync(view.Primary.Name);
            if (answer is null && RetryPause - _time.GetElapsedTime(asked) is var pause && pause > TimeSpan.Zero)
            {
                await Task.Delay(pause, _time);
            }
        }

        if (answer?.Id == view.Primary)
        {
            return;
        }

        if (answer is null)
        {
            // Nobody waits for it when the next view is decided on.
            _seen = _seen.WithUnreachable(view.Primary.Name, Now);
        }

        await TickAsync();
    }

    private async Task<bool> DecideAsync()
    {
        StoredView stored = await _storage.ReadAsync();
        string[] names = [.. _transport.Members.Where(name => !_seen.IsUnreachable(name, Now))];
        Dictionary<string, PingReply> answers = await PingAsync(names, name => IsToWrite(name, stored.View));
        _seen = _seen.After(stored.View, answers, _transport.Members, Now);
        foreach (string gone in _wroteAt.Keys.Except(_transport.Members).ToArray())
        {
            _wroteAt.Remove(gone);
        }

        if (Histories.HighestRemembered(answers.Values, stored.View) is { } remembered && remembered.Epoch > (stored.View?.Epoch ?? 0))
        {
            await TakeUpAsync(stored, remembered, await WritingAsync(answers.Keys));
        }
        else if (stored.View is { } view)
        {
            (Decision? decision, Observations judged) = Judgement.Judge(view, _seen, _settings, NewHistory());
            if (decision is null)
            {
                _seen = judged;
                return true;
            }

            (decision, _seen) = Judgement.Judge(view, await WritingAsync(answers.Keys), _settings, NewHistory());
            if (decision is not null)
            {
                await ReplaceAsync(stored, decision.Next, decision.Reason);
            }
        }

        return true;
    }

    // Every write is synced, so an idle node is not asked for one each time.
    private bool IsToWrite(string name, MasterView? view) =>
        (name == view?.Primary.Name || name == view?.Other?.Name)
        && !(_wroteAt.TryGetValue(name, out TimeSpan at) && Now - at < WriteProofPeriod);

    // A role is at stake: only who writes may be given one.
    private async Task<Observations> WritingAsync(IEnumerable<string> names)
    {
        Dictionary<string, PingReply> answers = await PingAsync([.. names]);
        return _seen.Asked(answers, _transport.Members, Now);
    }

    // No stored view: elect, if every live node says that it remembers none either.
    private async Task ElectFirstAsync(string? poster)
    {
        StoredView stored = await _storage.ReadAsync();
        if (stored.View is not null)
        {
            return;
        }

        string[] members = [.. _transport.Members];
        Dictionary<string, PingReply> answers = await PingAsync(members);
        if (answers.Count < members.Length)
        {
            _log.NotElecting($"{members.Length - answers.Count} of {members.Length} live nodes do not answer");
        }
        else if (Histories.HighestRemembered(answers.Values, null) is { } remembered)
        {
            await TakeUpAsync(stored, remembered, _seen.Asked(answers, members, Now));
        }
        else if (Election.First(answers.Values, poster, NewHistory()) is { } first)
        {
            await ReplaceAsync(stored, first, "first election");
        }
        else
        {
            _log.NotElecting("more than one store holds replicated entries; an operator has to force an election");
        }
    }

    // Storage has lost the view, or went back to an older one: the highest remembered one is taken up again.
    private async Task TakeUpAsync(StoredView stored, MasterView remembered, Observations seen)
    {
        MasterId? before = _waitedFor;
        _waitedFor = Histories.MissingToTakeUp(remembered, seen);
        if (_waitedFor is null)
        {
            await ReplaceAsync(stored, remembered with { Epoch = Histories.NextEpoch(remembered, seen.Answers) }, "the storage had lost the view");
        }
        else if (_waitedFor != before)
        {
            _log.NotTakingUp(remembered, _waitedFor);
        }
    }

    private Guid NewHistory() => Ids.Next(_random);

    // Persisted first, announced second. Whatever becomes of it, the answer is what is stored then.
    private async Task<MasterView?> ReplaceAsync(StoredView stored, MasterView next, string reason)
    {
        bool replaced = false;
        try
        {
            replaced = await _storage.TryReplaceAsync(stored, next);
        }
        catch (Exception e)
        {
            // Unknown: it is read again, and whoever asked decides afresh.
            _log.StoringUnknown(e);
        }

        if (!replaced)
        {
            return (await _storage.ReadAsync()).View;
        }

        _log.NewView(next, reason);
        foreach (string member in _transport.Members)
        {
            _ = AnnounceAsync(member, next);
        }

        return next;
    }

    // Nodes read the view every second anyway, so a lost announcement heals.
    private async Task AnnounceAsync(string member, MasterView view)
    {
        try
        {
            await _transport.Peer(member).AnnounceAsync(view).WaitAsync(Observations.PingTimeout, _time);
        }
        catch (Exception e)
        {
            _log.NotReached(member, e.Message);
        }
    }

    private Task<Dictionary<string, PingReply>> PingAsync(string[] names, bool write = true) => PingAsync(names, _ => write);

    private async Task<Dictionary<string, PingReply>> PingAsync(string[] names, Func<string, bool> writes)
    {
        PingReply?[] replies = await Task.WhenAll(names.Select(name => PingAsync(name, writes(name))));
        return replies.OfType<PingReply>().ToDictionary(static reply => reply.Id.Name, StringComparer.Ordinal);
    }

    private async Task<PingReply?> PingAsync(string name, bool write = true)
    {
        TimeSpan asked = Now;
        try
        {
            PingReply reply = await _transport.Peer(name).PingAsync(write).WaitAsync(Observations.PingTimeout, _time);
            if (write)
            {
                _wroteAt[name] = asked;
            }

            return reply;
        }
        catch (Exception e)
        {
            _log.NotReached(name, e.Message);
            return null;
        }
    }
}
