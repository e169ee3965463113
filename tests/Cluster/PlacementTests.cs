using System.Diagnostics;
using Diststore.Contracts;
using Diststore.Core;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.TestingHost;

namespace Diststore.Cluster.Tests;

public sealed class PlacementTests
{
    [Fact]
    public async Task A_nodes_grain_lives_in_the_silo_of_its_name_and_survives_anothers_death()
    {
        await using TestNodes nodes = await TestNodes.StartAsync();
        string[] names = [.. nodes.Silos.Select(silo => silo.Name)];
        foreach (string name in names)
        {
            foreach (InProcessSiloHandle silo in nodes.Silos)
            {
                var grain = silo.SiloHost.Services.GetRequiredService<IGrainFactory>().GetGrain<INodeGrain>(name);
                Assert.Equal(name, (await grain.GetKeysAsync(null)).Node);
            }

            Assert.Equal(name, (await nodes.Client.GetGrain<INodeGrain>(name).PingAsync(write: false)).Id.Name);
        }

        IGrainContext kept = Activation(nodes, names[0]);
        await nodes.KillAsync(names[2]);
        await Eventually.IsTrueAsync("the dead node is no member", async () =>
            !(await nodes.Client.GetGrain<INodeGrain>(names[0]).WaitForMembersAsync(0, TimeSpan.Zero)).Members.Any(member => member.Name == names[2]));
        Assert.Same(kept, Activation(nodes, names[0]));
        Assert.False(kept.Deactivated.IsCompleted);
    }

    [Fact]
    public async Task An_unknown_node_is_said_to_be_unknown_at_once()
    {
        await using TestNodes nodes = await TestNodes.StartAsync(2);
        IGrainFactory silo = nodes.Silos[0].SiloHost.Services.GetRequiredService<IGrainFactory>();
        foreach (IGrainFactory caller in new[] { silo, nodes.Client })
        {
            long start = Stopwatch.GetTimestamp();
            NodeNotFoundException exception = await Assert.ThrowsAsync<NodeNotFoundException>(
                () => caller.GetGrain<INodeGrain>("nobody").GetKeysAsync(null));
            Assert.Contains("nobody", exception.Message, StringComparison.Ordinal);
            Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 1);
        }
    }

    [Fact]
    public async Task Many_keys_are_read_within_bounds()
    {
        await using TestNodes nodes = await TestNodes.StartAsync(1);
        Node node = nodes.Nodes[0];
        for (int i = 0; i < 3; i++)
        {
            await node.WriteAsync(new Write($"k{i}", new byte[700_000]));
        }

        INodeGrain grain = nodes.Client.GetGrain<INodeGrain>(node.Name);
        ReadResult?[] results = await grain.TryGetManyAsync(["k0", "k1", "nope"]);
        Assert.Equal([true, false, false], results.Select(result => result is not null));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => grain.TryGetManyAsync(new string[Batches.MaxQuestions + 1]));
    }

    private static IGrainContext Activation(TestNodes nodes, string name)
    {
        IGrainContext? activation = nodes.ActivationOf(nodes.Client.GetGrain<INodeGrain>(name).GetGrainId());
        Assert.NotNull(activation);
        Assert.Equal(nodes.Silos.Single(silo => silo.Name == name).SiloAddress, activation.Address.SiloAddress);
        return activation;
    }
}
