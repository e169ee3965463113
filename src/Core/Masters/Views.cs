using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>
/// The views that one node knows of. A view is first heard of, then remembered by the store, and only then acted in, so that a node
/// which restarts never acts in an older one than before. Lives on the node's scheduler; only <see cref="AtOddsWith"/> is read from
/// elsewhere.
/// </summary>
/// <param name="context">What the node works with.</param>
/// <param name="act">Called when the store remembers a newer view, with the one before: the node begins to act in <see cref="Acting"/>.</param>
internal sealed class Views(NodeContext context, Action<MasterView?> act)
{
    private Task _adopting = Task.CompletedTask;
    private volatile MasterView? _atOddsWith;

    /// <summary>The newest view that this node has heard of.</summary>
    public MasterView? Newest { get; private set; }

    /// <summary>The view that the store remembers and that this node acts in.</summary>
    public MasterView? Acting { get; private set; }

    /// <summary>
    /// A newer view of another history, while this store may hold acknowledged writes that it lacks: not adopted, or nobody
    /// would know of them any more. An operator has to decide. Any thread.
    /// </summary>
    public MasterView? AtOddsWith => _atOddsWith;

    /// <summary>This node's role in the view that it acts in.</summary>
    public NodeRole Role => Acting?.RoleOf(context.Self) ?? NodeRole.Copies;

    /// <summary>Whether this node has heard of no view that follows that one.</summary>
    public bool IsNewest(MasterView view) => Newest == view;

    /// <summary>Whether this node acts in that very view.</summary>
    public bool IsActingIn(MasterView view) => Acting == view;

    /// <summary>Whether this node acts in the view of that epoch.</summary>
    public bool IsActingIn(long epoch) => Acting?.Epoch == epoch;

    /// <summary>Whether this node acts in the view of that epoch and has heard of no later one.</summary>
    public bool IsSettledIn(long epoch) => Acting?.Epoch == epoch && Newest?.Epoch == epoch;

    /// <summary>Takes note of a view; if it is newer it is adopted.</summary>
    public void Learn(MasterView view)
    {
        // What is announced may come before the node has begun with the view that its store remembers.
        MasterView? known = Newest ?? context.Store.State.View;
        if (known is not null && (Newest is null ? view.Epoch < known.Epoch : view.Epoch <= known.Epoch))
        {
            return;
        }

        if (known?.IsAtOddsWith(view, context.Self) == true)
        {
            if (AtOddsWith?.History != view.History)
            {
                context.Log.AtOdds(view, known);
            }

            _atOddsWith = view;
            return;
        }

        _atOddsWith = null;
        Newest = view;
        _adopting = AdoptInStoreAsync(view);
        context.Watch(_adopting);
    }

    /// <summary>Takes note of a view and waits until this node acts in it, or in a newer one.</summary>
    public async Task AdoptAsync(MasterView view)
    {
        Learn(view);
        while (Newest?.Epoch >= view.Epoch && (Acting is null || Acting.Epoch < view.Epoch))
        {
            await _adopting;
        }
    }

    private async Task AdoptInStoreAsync(MasterView view)
    {
        await context.Store.AdoptAsync(view, view.RoleOf(context.Self) == NodeRole.Primary);
        MasterView? former = Acting;
        if (former is null || view.Epoch > former.Epoch)
        {
            Acting = view;
            act(former);
        }
    }
}
