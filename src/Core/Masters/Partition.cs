using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>
/// All that belongs to one pair of masters, seen from one node: the view, this node's role in it, what it does in that
/// role, and what it may show. There is one partition, number 0. Lives on the node's scheduler; only <see cref="Served"/>
/// is read from elsewhere.
/// </summary>
internal sealed class Partition
{
    private readonly NodeContext _context;
    private readonly Action<Batch> _onApplied;
    private volatile ServedState _served = ServedState.Nothing;
    private bool _stopped;

    /// <param name="context">What the node works with.</param>
    /// <param name="copies">The node's copies, which end when it becomes a master or ceases to be one.</param>
    /// <param name="locals">What this node holds local-only.</param>
    /// <param name="onApplied">Called at the primary with each batch that is committed and applied.</param>
    public Partition(NodeContext context, CopyReader copies, LocalOnlyEntries locals, Action<Batch> onApplied)
    {
        _context = context;
        _onApplied = onApplied;
        Copies = copies;
        Locals = locals;
        Views = new Views(context, Act);
        Replica = new ReplicaRole(context, this);
    }

    /// <summary>The views that this node knows of, and the one that it acts in.</summary>
    public Views Views { get; }

    /// <summary>This node's role in the view that it acts in.</summary>
    public NodeRole Role => Views.Role;

    /// <summary>The primary's work, while this node is that.</summary>
    public PrimaryRole? Primary { get; private set; }

    /// <summary>The learner's work, while this node is that.</summary>
    public Learner? Learner { get; private set; }

    /// <summary>Answers what a primary sends.</summary>
    public ReplicaRole Replica { get; }

    /// <summary>Whether a primary streams to this learner.</summary>
    public bool IsStreaming => Role == NodeRole.Learner && Learner is { IsStreaming: true };

    /// <summary>The copies, and what of the primary's changes they follow.</summary>
    public CopyReader Copies { get; }

    /// <summary>What this node holds local-only: in no partition, but each primary has to know who holds any.</summary>
    public LocalOnlyEntries Locals { get; }

    /// <summary>What this node may show, from where, and how fresh that is. Any thread.</summary>
    public ServedState Served => _served;

    /// <summary>The latest changes of what this node shows.</summary>
    public RecentChanges Changes { get; } = new();

    /// <summary>Told when what this node shows has changed, or may have.</summary>
    public Action? Changed { get; set; }

    /// <summary>Told of each new view that this node acts in.</summary>
    public Action? Acted { get; set; }

    private static bool IsInSyncMaster(NodeRole role) => role is NodeRole.Primary or NodeRole.Secondary;

    /// <summary>The primary has taken over the whole log.</summary>
    public void OnPrimaryReady() => Serve(_served.CurrentAsOf);

    /// <summary>What this master shows was surely the cluster's state at that moment.</summary>
    public void SetCurrentAsOf(AsOf moment, ToldClock? clock = null)
    {
        if (moment.IsLaterThan(_served.CurrentAsOf))
        {
            Serve(moment, clock);
        }
    }

    /// <summary>From now on this primary needs others to say that it still is the primary.</summary>
    public void EndAlwaysCurrent()
    {
        if (_served.CurrentAsOf == AsOf.Always)
        {
            Serve(AsOf.Now(_context.Time));
        }
    }

    /// <summary>The copies follow an answer of the primary.</summary>
    public void Follow(CopyReader.Standing asked, in News news, AsOf currentAsOf)
    {
        switch (Copies.Follow(asked, news, currentAsOf))
        {
            case CopyReader.Followed.GoneOn:
                Changes.Add(news.Changes, news.Upto);
                break;
            case CopyReader.Followed.Jumped:
                Changes.Begin(news.History, news.Upto);
                break;
            default:
                return;
        }

        if (news.Jumps || !news.Changes.IsEmpty)
        {
            Changed?.Invoke();
        }
    }

    /// <summary>The store has applied a batch. A learner shows copies, which follow the primary by themselves.</summary>
    public void OnApplied(Batch batch)
    {
        if (IsInSyncMaster(Role))
        {
            Changes.Add(batch);
            Changed?.Invoke();
        }
    }

    /// <summary>All that this master has applied up to that point is among the recent changes; or who follows from before it has to jump.</summary>
    public void SeeChangesUpTo(LogPoint applied)
    {
        if (Changes.End.Sequence < applied.Sequence)
        {
            Changes.Begin(Views.Acting!.History, _context.Store.State.Applied);
        }
    }

    /// <summary>The node cannot go on: nothing is shown any more, and everybody who waits hears so.</summary>
    public void Stop()
    {
        _stopped = true;
        Primary?.End();
        Serve(AsOf.Never);
    }

    private void Act(MasterView? former)
    {
        MasterView view = Views.Acting!;
        NodeRole before = former?.RoleOf(_context.Self) ?? NodeRole.Copies, role = Role;
        bool otherHistory = former is not null && former.History != view.History;
        _context.Log.Acting(role, view);
        Learner = null;
        if (role != NodeRole.Primary)
        {
            Primary?.End();
            Primary = null;
        }

        if (otherHistory || IsInSyncMaster(before) != IsInSyncMaster(role))
        {
            // Dropped before anything of the new role is shown.
            Copies.Forget();
            Changes.Begin(view.History, _context.Store.State.Applied);
            Serve(AsOf.Never);
        }
        else
        {
            Serve(_served.CurrentAsOf);
        }

        if (role == NodeRole.Learner)
        {
            Learner = new Learner(_context, this, view);
            _context.Watch(Learner.RunAsync());
        }
        else if (role == NodeRole.Primary)
        {
            EnterPrimary(view);
        }

        Acted?.Invoke();
        Changed?.Invoke();
    }

    private void EnterPrimary(MasterView view)
    {
        if (Primary is null)
        {
            SeeChangesUpTo(_context.Store.State.Applied);
            Primary = new PrimaryRole(_context, this, view, _onApplied);
            Primary.Start();
        }

        Primary.Enter(view);
    }

    // What was told of the primary's clock counts in the view that it was told in, and no longer.
    private void Serve(AsOf currentAsOf, ToldClock? clock = null)
    {
        ServedFrom from = _stopped ? ServedFrom.Nothing
            : !IsInSyncMaster(Role) || !_context.Store.State.IsWhole ? ServedFrom.Copies
            : Primary is { IsReady: true } ? ServedFrom.StoreAsPrimary
            : ServedFrom.Store;
        _served = new ServedState(from, Views.Acting?.History ?? Guid.Empty, currentAsOf, clock);
    }
}
