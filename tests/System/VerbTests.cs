using Diststore.Testing;

namespace Diststore.SystemTests;

/// <summary>Each verb over real processes: at the primary, at a node without the data, and at a gateway; in memory and on disk.</summary>
public sealed class VerbTests
{
    [SkippableTheory]
    [InlineData("Memory")]
    [InlineData("Fsync")]
    public async Task A_verb_does_the_same_wherever_it_is_asked_for(string durability)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3, Settings = [$"Data:Durability={durability}"] });
        await cluster[1].Http.PostUntilDoneAsync("first", "1", cluster.Tails);
        await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        using GatewayProcess gateway = await cluster.StartGatewayAsync();
        foreach (Uri server in cluster.Nodes.Select(static node => node.Http.Url).Append(gateway.Http.Url).Select(static url => new Uri(url)))
        {
            foreach (string verb in VerbScenarios.Names)
            {
                string? problem = await VerbScenarios.RunAsync(verb, server.Host, server.Port);
                Assert.True(problem is null, $"{verb} at {server}: {problem}\n{cluster.Tails()}");
            }
        }
    }
}
