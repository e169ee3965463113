using Diststore.Logging;
using Diststore.Settings;

namespace Diststore.Silo;

/// <summary>The process's nodes: one, or several for a first look.</summary>
internal sealed class NodeGroup : IAsyncDisposable
{
    private readonly ILoggerFactory _loggers;
    private readonly NodeSupervisor[] _nodes;

    /// <summary>Opens the nodes' stores; they log to <paramref name="output"/>, which outlives them.</summary>
    public NodeGroup(StartOrder order, Clustering clustering, LineOutput output)
    {
        _loggers = LoggerFactory.Create(logging => logging
            .AddConfiguration(order.Configuration.GetSection("Logging"))
            .AddProvider(new LineLoggerProvider(output, TimeProvider.System)));
        ILogger<NodeSupervisor> logger = _loggers.CreateLogger<NodeSupervisor>();
        TimeProvider time = TimeProvider.System;
        var stores = new List<NodeStore>();
        try
        {
            stores.AddRange(order.Nodes.Select(settings => NodeStore.Open(settings, time, _loggers)));
        }
        catch (StartException)
        {
            stores.ForEach(static store => store.DisposeAsync().AsTask().Wait());
            _loggers.Dispose();
            throw;
        }

        _nodes = [.. order.Nodes.Zip(stores, (settings, store) =>
            new NodeSupervisor(settings, store, clustering, order.Configuration, output, logger, time))];
    }

    /// <summary>Starts the first node and then the others at once: they join it.</summary>
    public async Task StartAsync(CancellationToken stop)
    {
        await _nodes[0].StartAsync(stop);
        await Task.WhenAll(_nodes.Skip(1).Select(node => node.StartAsync(stop)));
    }

    /// <summary>
    /// Runs until <paramref name="stop"/>, then stops the nodes one after the other: silos that leave at once get in each
    /// other's way in the membership table and take seconds. A node that cannot go on at all takes the others with it.
    /// </summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task[] watches = [.. _nodes.Select(node => node.WatchAsync(end.Token))];
        Task first = await Task.WhenAny(watches);
        await end.CancelAsync();
        await Task.WhenAll(watches).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (NodeSupervisor node in _nodes.Reverse())
        {
            await node.StopAsync();
        }

        await first;
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_nodes.Select(static node => node.DisposeAsync().AsTask()));
        _loggers.Dispose();
    }
}
