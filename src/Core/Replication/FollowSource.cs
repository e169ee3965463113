using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>
/// What the primary tells the nodes that follow it, and what it hears from them: which of them hold local-only entries. For the
/// node's scheduler.
/// </summary>
internal sealed class FollowSource
{
    // Changed keys of one answer.
    private const int MaxChanges = 4096;

    // A node that asks for older changes than are at hand, and for more of them than so many bytes of entries, jumps.
    private const int MaxReadBytes = 64 << 10;

    private readonly NodeContext _context;
    private readonly Partition _partition;
    private readonly PrimaryStanding _standing;
    private readonly PrimaryLog _log;
    private readonly Confirmation _confirmation;
    private LocalHolderTable _localHolders; // of this view: in between, another primary may have heard otherwise

    public FollowSource(NodeContext context, Partition partition, PrimaryStanding standing, PrimaryLog log, Confirmation confirmation)
    {
        _context = context;
        _partition = partition;
        _standing = standing;
        _log = log;
        _confirmation = confirmation;
        _localHolders = NoneHeard();
    }

    /// <summary>Begins with a new view of this primary.</summary>
    public void Enter() => _localHolders = NoneHeard();

    /// <summary>The nodes that may hold local-only entries; null where they are too many to name.</summary>
    public string[]? NameLocalHolders() =>
        _localHolders.Name(_context.Transport.Members, _context.Settings.Name, _partition.Locals.Say(default).HoldsAny);

    /// <summary>What changed since the point up to which a node follows, and how fresh that is.</summary>
    public async Task<FollowReply> FollowAsync(FollowRequest request)
    {
        Hear(request.Local);
        FollowReply reply = await TellChangesAsync(request);

        // Again, for the table of a view that may have begun meanwhile.
        Hear(request.Local);
        return reply with { Told = _localHolders.Now };
    }

    private async Task<FollowReply> TellChangesAsync(FollowRequest request)
    {
        if (!IsMeant() || !await _confirmation.IsCurrentAsync(_context.Settings.MaxStaleness / 3) || !IsMeant())
        {
            return Refused();
        }

        if (request.IsMaster)
        {
            return Told([], _partition.Changes.End, isWhole: true);
        }

        bool isKnown = request.Since is not null
            && request.History == _standing.View.History
            && _log.Epochs.Contains(request.Since.Value, _partition.Changes.End);
        if (!isKnown)
        {
            return Jump();
        }

        long since = request.Since!.Value.Sequence;
        if (_partition.Changes.Reach(since))
        {
            ImmutableArray<ChangedKey> changes = _partition.Changes.After(since, MaxChanges);
            bool isWhole = changes.Length < MaxChanges;
            return Told(changes, isWhole ? _partition.Changes.End : changes[^1].Version, isWhole);
        }

        ChangePage page = await _context.Store.ReadChangesAsync(since, MaxReadBytes);
        return _standing.HasEnded ? Refused()
            : since < page.Floor || !page.IsWhole ? Jump()
            : Told(
                [.. page.Entries.Where(static entry => !InternalKeys.Is(entry.Key)).Select(static entry => new ChangedKey(entry.Key, entry.Version))],
                page.Applied,
                isWhole: true);

        // A commit point counts only within one view.
        bool IsMeant() => !request.IsMaster || request.Epoch == _standing.View.Epoch;
    }

    private FollowReply Refused() => new(false, _standing.Newest, [], default, false, false, default);

    private FollowReply Told(ImmutableArray<ChangedKey> changes, LogPoint upto, bool isWhole) =>
        new(true, _standing.View, changes, upto, isWhole, Jumps: false, _partition.Served.Age(_context.Time), Clock: _context.Time.GetUtcNow());

    private FollowReply Jump() => Told([], _partition.Changes.End, isWhole: true) with { Jumps = true };

    private void Hear(LocalSaying? saying)
    {
        if (saying is not null)
        {
            _localHolders.Hear(saying);
        }
    }

    private LocalHolderTable NoneHeard() =>
        new(_context.Random.NextInt64(1, long.MaxValue), _context.Time, _context.Settings.LocalOnlyBound);
}
