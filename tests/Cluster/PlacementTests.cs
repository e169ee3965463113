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

    [Fact]
    public async Task Many_keys_that_fill_several_messages_come_from_one_state()
    {
        await using TestNodes nodes = await TestNodes.StartAsync();
        string[] keys = [.. Enumerable.Range(0, 5).Select(static i => $"k{i}"), "none"];
        for (int i = 0; i < 5; i++)
        {
            await nodes.Nodes[0].WriteAsync(new Write(keys[i], new byte[700_000 + i], "text/plain", TimeSpan.FromHours(1)));
        }

        foreach (Node node in nodes.Nodes)
        {
            foreach (bool isStrong in new[] { true, false, false })
            {
                ManyResult result = await node.ReadManyAsync(new ManyQuery(keys, new ReadOptions(IsStrong: isStrong)));
                Assert.Equal((ReadOutcome.Found, null), (result.Read.Outcome, result.Next));
                Assert.Equal([700_000, 700_001, 700_002, 700_003, 700_004, null], result.Entries.Select(static entry => entry?.Value!.Length));
                Assert.All(result.Entries.OfType<Entry>(), static entry => Assert.NotNull(entry.ExpiresAt));
            }

            INodeGrain grain = nodes.Client.GetGrain<INodeGrain>(node.Name);
            SnapshotReply first = await grain.BeginSnapshotAsync(new ManyQuery(keys));
            Assert.Equal((SnapshotStatus.Given, 6, 1), (first.Status, first.Count, first.Entries.Length));
            SnapshotPart part = await nodes.Client.GetGrain<INodeGrain>(first.Node).ReadRestAsync(first.Rest, 1);
            Assert.Equal(700_001, Assert.Single(part.Entries)!.Value!.Length);
            ReadResult[] some = await grain.GetManyAsync(new ManyQuery(["none", .. keys]));
            Assert.Equal([ReadOutcome.NotFound, ReadOutcome.Found], some.Select(static result => result.Outcome));
            Assert.InRange(some[1].Life!.Value, TimeSpan.FromMinutes(50), TimeSpan.FromHours(1));
            await Assert.ThrowsAnyAsync<ArgumentException>(() => grain.GetManyAsync(new ManyQuery(new string[Batches.MaxQuestions + 1])));
            await Assert.ThrowsAnyAsync<ArgumentException>(() => grain.BeginSnapshotAsync(new ManyQuery(new string[ManyQuery.MaxKeys + 1])));
        }
    }

    private static IGrainContext Activation(TestNodes nodes, string name)
    {
        IGrainContext? activation = nodes.ActivationOf(nodes.Client.GetGrain<INodeGrain>(name).GetGrainId());
        Assert.NotNull(activation);
        Assert.Equal(nodes.Silos.Single(silo => silo.Name == name).SiloAddress, activation.Address.SiloAddress);
        return activation;
    }
}
