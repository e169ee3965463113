using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>
/// The registry's decisions: it alone makes views, each by compare-and-swap on the stored one, persisted first and
/// announced second. Two of them at once on one storage do no harm. All methods are called on one scheduler.
/// </summary>
public sealed class MasterRegistry : IRegistry
{
    /// <summary>Puts a registry together.</summary>
    public MasterRegistry(IViewStorage storage, ITransport transport, TimeProvider time, Random random, ILogger<MasterRegistry> logger)
    {
    }

    /// <summary>Looks after the masters once: pings, decides, stores, announces. To be called every <see cref="TickPeriod"/>.</summary>
    public Task TickAsync() => throw new NotSupportedException();

    /// <summary>How often to tick.</summary>
    public static TimeSpan TickPeriod { get; } = TimeSpan.FromMilliseconds(250);

    /// <inheritdoc/>
    public Task<MasterView?> ReadAsync() => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<MasterView?> ElectAsync(string? poster) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<MasterView?> DropPeerAsync(long epoch, MasterId primary) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<MasterView?> AdmitAsync(long epoch, MasterId primary, MasterId learner) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<MasterView?> ReportAsync(long epoch) => throw new NotSupportedException();
}
