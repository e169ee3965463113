using Diststore.Contracts;
using Diststore.Core;
using Diststore.Grains;
using Diststore.Silo;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Storage;
using Orleans.TestingHost;

namespace Diststore.Cluster.Tests;

/// <summary>Silos in this process with the real grains and nodes; datagrams go over a bus in memory.</summary>
internal sealed class TestNodes : IAsyncDisposable
{
    private readonly DatagramBus _bus = new();
    private readonly SharedGrainStorage _storage = new();
    private readonly InProcessTestCluster _cluster;

    private TestNodes(short count)
    {
        var builder = new InProcessTestClusterBuilder(count);
        builder.Options.UseRealEnvironmentStatistics = true;
        builder.ConfigureSilo((options, silo) =>
        {
            string name = options.SiloName;
            silo.Services.AddSingleton<IStore>(new MemoryStore(Guid.NewGuid(), TimeProvider.System));
            silo.Services.AddSingleton<IDatagrams>(_bus.For(name));
            silo.Services.AddKeyedSingleton<IGrainStorage>(DiststoreGrainsExtensions.StorageName, _storage);
            silo.AddDiststoreGrains(new NodeSettings { Name = name }, maxValueBytes: 4 << 20);
            silo.Services.AddHostedService(services => new BusNode(services.GetRequiredService<Node>(), _bus));
        });
        _cluster = builder.Build();
    }

    public IReadOnlyList<InProcessSiloHandle> Silos => _cluster.Silos;

    public IReadOnlyList<Node> Nodes => [.. _cluster.Silos.Select(NodeOf)];

    public IGrainFactory Client => _cluster.Client;

    public static async Task<TestNodes> StartAsync(short count = 3)
    {
        var nodes = new TestNodes(count);
        await nodes._cluster.DeployAsync();
        return nodes;
    }

    public static Node NodeOf(InProcessSiloHandle silo) => silo.SiloHost.Services.GetRequiredService<Node>();

    /// <summary>The activation of that grain, if it is in any silo.</summary>
    public IGrainContext? ActivationOf(GrainId grain) => _cluster.TryGetGrainContext(grain, out IGrainContext? context) ? context : null;

    public Node Named(string name) => Nodes.Single(node => node.Name == name);

    public async Task KillAsync(string name)
    {
        _bus.Cut(name);
        await _cluster.KillSiloAsync(_cluster.Silos.Single(silo => silo.Name == name));
    }

    /// <summary>Two in-sync masters, both alive.</summary>
    public async Task<MasterView> TwoMastersAsync()
    {
        MasterView? view = null;
        await Eventually.IsTrueAsync("there are two in-sync masters, both alive", async () =>
        {
            view = (await Nodes[0].GetStatusAsync()).Partitions.SingleOrDefault()?.View;
            return view is { OtherInSync: true } && Nodes.Count(node => node.Name == view.Primary.Name || node.Name == view.Other!.Name) == 2;
        });
        return view!;
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    private sealed class BusNode(Node node, DatagramBus bus) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            bus.Join(node);
            node.Start();
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken)
        {
            bus.Cut(node.Name);
            return node.StopAsync();
        }
    }
}

internal static class Eventually
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(20);

    public static async Task IsTrueAsync(string what, Func<Task<bool>> condition)
    {
        using var deadline = new CancellationTokenSource(s_deadline);
        using var period = new PeriodicTimer(s_period);
        Exception? last = null;
        try
        {
            do
            {
                try
                {
                    if (await condition().WaitAsync(deadline.Token))
                    {
                        return;
                    }
                }
                catch (Exception exception) when (exception is not OperationCanceledException)
                {
                    last = exception;
                }
            }
            while (await period.WaitForNextTickAsync(deadline.Token));
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"Within {s_deadline} it did not come true that {what}. {last}");
        }
    }
}
