using Diststore.Contracts;
using Diststore.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Storage;

namespace Diststore.Grains;

/// <summary>The registry of the masters, somewhere in the cluster: the decisions are Core's, the view is in grain storage.</summary>
[Reentrant, KeepAlive, RegistryPlacement]
internal sealed partial class MasterRegistryGrain(
    [FromKeyedServices(GrainViewStorage.StorageName)] IGrainStorage storage,
    ITransport transport,
    Node node,
    ClusterMembers members,
    TimeProvider time,
    ILogger<MasterRegistry> logger) : Grain, IMasterRegistryGrain
{
    private MasterRegistry _registry = null!; // made on activation, and called, on this activation's scheduler
    private bool _failing; // said once, not every tick

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        var views = new GrainViewStorage(storage, this.GetGrainId());
        _registry = new MasterRegistry(views, transport, time, new Random(), logger, node.RegistrySettings);

        // The next tick is due one period after the last one ended, so they never overlap. Calls may come in between.
        this.RegisterGrainTimer(
            static (self, _) => self.TickAsync(),
            this,
            new GrainTimerCreationOptions(MasterRegistry.TickPeriod, MasterRegistry.TickPeriod) { Interleave = true, KeepAlive = true });
        LogHere(logger);
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        // At a stop the directory may have gone first, and whatever the reason is called then, it is no news.
        if (reason.ReasonCode is not (DeactivationReasonCode.ShuttingDown or DeactivationReasonCode.DirectoryFailure))
        {
            LogLeaves(logger, reason.ReasonCode);
        }

        return Task.CompletedTask;
    }

    public Task<MasterView?> ReadAsync() => _registry.ReadAsync();

    public Task<MasterView?> ElectAsync(string? poster) => _registry.ElectAsync(poster);

    public Task<MasterView?> DropPeerAsync(long epoch, MasterId primary) => _registry.DropPeerAsync(epoch, primary);

    public Task<MasterView?> AdmitAsync(long epoch, MasterId primary, MasterId learner) => _registry.AdmitAsync(epoch, primary, learner);

    public Task<MasterView?> ReportAsync(long epoch) => _registry.ReportAsync(epoch);

    public Task<MasterView?> HandOverAsync(long epoch, MasterId primary) => _registry.HandOverAsync(epoch, primary);

    public Task<MasterView?> LeaveAsync(long epoch, MasterId master, bool stops) => _registry.LeaveAsync(epoch, master, stops);

    public Task<OperatorReply> ForceAsync(string node, bool acceptsDataLoss) => _registry.ForceAsync(node, acceptsDataLoss);

    public Task<OperatorReply> MaintainAsync(string node, TimeSpan time) => _registry.MaintainAsync(node, time);

    public Task<MemberList> GetMembersAsync() => Task.FromResult(members.List() with { NotWritableBecause = node.NotWritableBecause });

    // This node has become the primary since the registry was placed here. While the pair is whole there is time to move:
    // that is, not only to end here, for whoever remembers that it was here would just begin it here again.
    private void StepAsideForThePrimary()
    {
        if (node.KnownView is { OtherInSync: true } view && view.Primary.Name == node.Name && members.Current.Names.Count > 1)
        {
            MigrateOnIdle();
        }
    }

    private async Task TickAsync()
    {
        try
        {
            await _registry.TickAsync();
            if (_failing)
            {
                _failing = false;
                LogTicksAgain(logger);
            }

            StepAsideForThePrimary();
        }
        catch (Exception exception)
        {
            // The storage did not answer; the next tick decides afresh.
            if (!_failing)
            {
                _failing = true;
                LogTickFailed(logger, exception.Message);
            }
        }
    }
}
