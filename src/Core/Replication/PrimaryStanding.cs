namespace Diststore.Core;

/// <summary>
/// Under which view a primary goes on, and what it may do now: whether it is over, has taken the whole log over, is giving its role
/// away, or has lost its disk. Every part of the primary asks here, and nowhere else. For the node's scheduler.
/// </summary>
internal sealed class PrimaryStanding(NodeContext context, Partition partition, MasterView view)
{
    private const string TooFewInSync = "fewer masters are in sync than Masters:MinInSync asks for";
    private const string Contested = "a master of another history has turned up; an operator has to force an election";

    // Between two tries to reach the registry.
    private static readonly TimeSpan RegistryPause = TimeSpan.FromMilliseconds(50);

    /// <summary>The view that it is the primary of.</summary>
    public MasterView View { get; private set; } = view;

    /// <summary>The newest view that this node has heard of: what who asks the wrong node is told.</summary>
    public MasterView? Newest => partition.Views.Newest;

    /// <summary>Whether the role is lost, for good.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Whether all that it took over is applied, so that it may answer as primary.</summary>
    public bool IsReady { get; private set; }

    /// <summary>Whether it orders nothing more under this view, since it gives its role away.</summary>
    public bool IsHandingOver { get; private set; }

    /// <summary>Why its store takes no more writes, if so, and it goes on as the last master in sync.</summary>
    public string? Broken { get; private set; }

    /// <summary>Whether the node acts in this very view, so that what is committed under it may be counted.</summary>
    public bool IsActing => !HasEnded && partition.Views.IsActingIn(View);

    /// <summary>Whether it may order writes: nobody is known to have followed it, and nothing forbids it.</summary>
    public bool MayOrder => !HasEnded && Broken is null && !IsHandingOver && !View.IsContested && IsReady && Newest == View;

    /// <summary>Whether writes are acknowledged now, as far as this node knows.</summary>
    public bool TakesWrites => MayOrder && HasEnoughInSync;

    /// <summary>Why writes of this view's epoch are refused at once, if they are.</summary>
    public string? WhyRefused => Broken ?? (View.IsContested ? Contested : null);

    /// <summary>Why what is committed is not acknowledged, if it is not.</summary>
    public string? WhyNotAcknowledged => View.IsContested ? Contested : HasEnoughInSync ? null : TooFewInSync;

    private bool HasEnoughInSync => View.InSyncSet.Count() >= context.Settings.MinInSync;

    /// <summary>Goes on under this view.</summary>
    public void Enter(MasterView next)
    {
        View = next;
        IsHandingOver = false;
    }

    /// <summary>All that it took over is applied.</summary>
    public void BeReady()
    {
        IsReady = true;
        partition.OnPrimaryReady();
    }

    /// <summary>From now on nothing is ordered until another view comes.</summary>
    public void BeginHandOver() => IsHandingOver = true;

    /// <summary>The store takes no more writes.</summary>
    public void Break(string reason) => Broken = reason;

    /// <summary>The role is lost.</summary>
    public void End()
    {
        HasEnded = true;
        IsReady = false;
    }

    /// <summary>Whether the registry still has this view.</summary>
    public async Task<bool> IsStoredAsync()
    {
        MasterView asked = View;
        MasterView? stored = await context.AskRegistryAsync(static r => r.ReadAsync());
        if (stored is not null)
        {
            partition.Views.Learn(stored);
        }

        return stored?.Epoch == asked.Epoch;
    }

    /// <summary>
    /// Asks the registry for a change of this view again and again, while it is wanted, until a higher epoch is seen: whatever the
    /// answers say, only that is an outcome, since a request that was not answered may be carried out yet.
    /// </summary>
    public async Task UntilHigherEpochAsync(MasterView asked, Func<bool> wanted, Func<IRegistry, Task<MasterView?>> ask)
    {
        while (!HasEnded && Broken is null && View == asked && Newest == asked && wanted())
        {
            if (await context.AskRegistryAsync(ask) is { } stored)
            {
                partition.Views.Learn(stored);
            }

            if (Newest == asked)
            {
                await context.Delay(RegistryPause);
            }
        }
    }
}
