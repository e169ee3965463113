using Diststore.Core;

namespace Diststore.Silo;

/// <summary>The process's nodes: one, or several for a first look.</summary>
internal sealed class NodeGroup : IAsyncDisposable
{
    private readonly ILoggerFactory _loggers;
    private readonly NodeSupervisor[] _nodes;

    public NodeGroup(StartOrder order, Clustering clustering)
    {
        _loggers = LoggerFactory.Create(logging => logging
            .AddConfiguration(order.Configuration.GetSection("Logging"))
            .AddSimpleConsole(static console => (console.SingleLine, console.TimestampFormat) = (true, "HH:mm:ss.fff ")));
        ILogger<NodeSupervisor> logger = _loggers.CreateLogger<NodeSupervisor>();
        TimeProvider time = TimeProvider.System;
        _nodes = [.. order.Nodes.Select(settings =>
            new NodeSupervisor(settings, new MemoryStore(Guid.NewGuid(), time), clustering, order.Configuration, logger, time))];
    }

    /// <summary>Starts the first node and then the others at once: they join it.</summary>
    public async Task StartAsync(CancellationToken stop)
    {
        await _nodes[0].StartAsync(stop);
        await Task.WhenAll(_nodes.Skip(1).Select(node => node.StartAsync(stop)));
    }

    /// <summary>
    /// Runs until <paramref name="stop"/>, then stops the nodes one after the other: silos that leave at once get in each
    /// other's way in the membership table and take seconds.
    /// </summary>
    public async Task RunAsync(CancellationToken stop)
    {
        await Task.WhenAll(_nodes.Select(node => node.WatchAsync(stop)));
        foreach (NodeSupervisor node in _nodes.Reverse())
        {
            await node.StopAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_nodes.Select(static node => node.DisposeAsync().AsTask()));
        _loggers.Dispose();
    }
}
