namespace Diststore.Core;

/// <summary>
/// Forgets from time to time what is old enough: copies whose time is up, and, on an in-sync master, tombstones. For the
/// node's scheduler.
/// </summary>
internal sealed class Sweep(NodeContext context, Partition partition, CopyReader copies)
{
    private static readonly TimeSpan MaxPeriod = TimeSpan.FromMinutes(1);

    // While more than MemoryRetention.MaxMemories are held no new ones are taken, so void ones go soon.
    private static readonly TimeSpan VoidPeriod = TimeSpan.FromSeconds(2);

    private long SyncsFrom => partition.Primary?.Other.SyncsFrom ?? long.MaxValue;

    /// <summary>Runs until the node stops.</summary>
    public async Task RunAsync()
    {
        while (true)
        {
            // Tombstones live for hardly longer than they are to.
            TimeSpan retention = context.Settings.TombstoneRetention;
            await context.Delay(retention < MaxPeriod ? retention : MaxPeriod);
            copies.DropExpired();
            await CollectTombstonesAsync();
        }
    }

    /// <summary>Removes what remembers requests and is void, until the node stops.</summary>
    public async Task RemoveVoidAsync()
    {
        while (true)
        {
            await context.Delay(VoidPeriod);
            await RemoveVoidNowAsync();
        }
    }

    /// <summary>The same once.</summary>
    public Task RemoveVoidNowAsync() => context.Store.State.HasVoid ? CollectAsync(() => context.Store.RemoveVoidAsync()) : Task.CompletedTask;

    /// <summary>Not from under a learner that syncs, but a slow one must not make the store grow for ever.</summary>
    public async Task CollectTombstonesAsync()
    {
        DateTimeOffset kept = context.Time.GetUtcNow() - context.Settings.TombstoneRetention;
        await CollectAsync(() => context.Store.CollectTombstonesAsync(kept, SyncsFrom));
        if (SyncsFrom != long.MaxValue)
        {
            await CollectAsync(() => context.Store.CollectTombstonesAsync(kept - context.Settings.SyncRetention, long.MaxValue));
        }
    }

    // Step by step, for as long as this is a master that can write: others get their turn in between, also on this scheduler.
    private async Task CollectAsync(Func<ValueTask<bool>> step)
    {
        while (partition.Served.IsFromStore && partition.Primary is not { IsBroken: true } && await step())
        {
            await Task.Yield();
        }
    }
}
