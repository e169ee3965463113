using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>
/// All that belongs to one pair of masters, seen from one node: the view, this node's role in it, and what it does in
/// that role. There is one partition, number 0. Lives on the node's scheduler; only <see cref="ServesFromStore"/> is
/// read from elsewhere.
/// </summary>
internal sealed class Partition
{
    private readonly NodeContext _context;
    private readonly CopyTable _copies;
    private readonly Action<Batch> _onApplied;
    private Task _adopting = Task.CompletedTask;
    private volatile bool _servesFromStore;
    private volatile bool _servesAsPrimary;
    private bool _stopped;

    /// <param name="context">What the node works with.</param>
    /// <param name="copies">The node's copies, which end when it becomes a master or ceases to be one.</param>
    /// <param name="onApplied">Called at the primary with each batch that is committed and applied.</param>
    public Partition(NodeContext context, CopyTable copies, Action<Batch> onApplied)
    {
        _context = context;
        _copies = copies;
        _onApplied = onApplied;
        Replica = new ReplicaRole(context, this);
    }

    /// <summary>The newest view that this node has heard of.</summary>
    public MasterView? Newest { get; private set; }

    /// <summary>The view that the store remembers and that this node acts in.</summary>
    public MasterView? Acting { get; private set; }

    /// <summary>This node's role in <see cref="Acting"/>.</summary>
    public NodeRole Role => Acting?.RoleOf(_context.Self) ?? NodeRole.Copies;

    /// <summary>The primary's work, while this node is that.</summary>
    public PrimaryRole? Primary { get; private set; }

    /// <summary>The learner's work, while this node is that.</summary>
    public Learner? Learner { get; private set; }

    /// <summary>Answers what a primary sends.</summary>
    public ReplicaRole Replica { get; }

    /// <summary>Whether a primary streams to this learner.</summary>
    public bool IsStreaming => Role == NodeRole.Learner && Learner is { IsStreaming: true };

    /// <summary>Whether this node shows its store's applied state: an in-sync master. Any thread.</summary>
    public bool ServesFromStore => _servesFromStore;

    /// <summary>Whether this node shows it as the primary, who may judge by its wall clock. Any thread.</summary>
    public bool ServesAsPrimary => _servesAsPrimary;

    private static bool IsInSyncMaster(NodeRole role) => role is NodeRole.Primary or NodeRole.Secondary;

    /// <summary>Takes note of a view; if it is newer it is adopted.</summary>
    public void Learn(MasterView view)
    {
        if (Newest is null || view.Epoch > Newest.Epoch)
        {
            Newest = view;
            _adopting = AdoptInStoreAsync(view);
            _context.Watch(_adopting);
        }
    }

    /// <summary>Takes note of a view and waits until this node acts in it, or in a newer one.</summary>
    public async Task AdoptAsync(MasterView view)
    {
        Learn(view);
        while (Acting is null || Acting.Epoch < view.Epoch)
        {
            await _adopting;
        }
    }

    /// <summary>The primary has taken over the whole log.</summary>
    public void OnPrimaryReady() => UpdateServing();

    /// <summary>The node cannot go on: nothing is shown any more, and everybody who waits hears so.</summary>
    public void Stop()
    {
        _stopped = true;
        Primary?.End();
        UpdateServing();
    }

    private async Task AdoptInStoreAsync(MasterView view)
    {
        await _context.Store.AdoptAsync(view, view.RoleOf(_context.Self) == NodeRole.Primary);
        if (Acting is null || view.Epoch > Acting.Epoch)
        {
            Act(view);
        }
    }

    private void Act(MasterView view)
    {
        NodeRole before = Role;
        bool otherHistory = Acting is not null && Acting.History != view.History;
        Acting = view;
        NodeRole role = Role;
        _context.Log.Acting(role, view);
        Learner = null;
        if (role != NodeRole.Primary)
        {
            Primary?.End();
            Primary = null;
        }

        UpdateServing();
        if (otherHistory || IsInSyncMaster(before) != IsInSyncMaster(role))
        {
            _copies.Clear();
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
    }

    private void EnterPrimary(MasterView view)
    {
        if (Primary is null)
        {
            Primary = new PrimaryRole(_context, this, view, _onApplied);
            Primary.Start();
        }

        Primary.Enter(view);
    }

    private void UpdateServing()
    {
        _servesAsPrimary = !_stopped && Role == NodeRole.Primary && Primary is { IsReady: true };
        _servesFromStore = _servesAsPrimary || (!_stopped && Role == NodeRole.Secondary && _context.Store.State.IsWhole);
    }
}
