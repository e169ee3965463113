using Diststore.Testing;

namespace Diststore.SystemTests;

/// <summary>Every setting at its least and at its greatest value: two nodes and a gateway start, serve, and stop in order.</summary>
[Trait("Category", "long")]
public sealed class BoundsTests
{
    // Which ports are free is for the machine to say; 2 refuses writes while a second master is not in sync.
    private static readonly string[] NotTried = ["Http:Port", "Silo:Port", "Silo:GatewayPort", "Multicast:Port", "Masters:MinInSync"];

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nodes_and_gateway_serve(bool greatest)
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2, Settings = Of(SettingBounds.Silo, greatest) });
        using GatewayProcess gateway = await cluster.StartGatewayAsync(Of(SettingBounds.Gateway, greatest));
        await gateway.Http.PutUntilDoneAsync("key", "1", cluster.Tails);
        await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        foreach (HttpFace face in new[] { cluster[1].Http, cluster[2].Http, gateway.Http })
        {
            await face.PutUntilDoneAsync("key", "2", cluster.Tails);
            await Eventually.TrueAsync(
                async () => await face.ReadStrongAsync("key") is { Status: 200, Text: "2" } ? null : "not shown",
                Eventually.Patience,
                cluster.Tails);
            await Eventually.TrueAsync(
                async () => await face.ReadAsync("key") is { Status: 200, Text: "2" } ? null : "not shown",
                Eventually.Patience,
                cluster.Tails);
            Assert.Equal(200, (await face.FetchAsync("/v1/changes?live=false")).Status);
            await face.PutUntilDoneAsync("gone", "1", cluster.Tails);
            await face.PutUntilDoneAsync("gone", null, cluster.Tails);
        }

        foreach (ChildProcess process in new[] { gateway.Process, cluster[2].Process, cluster[1].Process })
        {
            process.Terminate();
            int exit = await process.WaitForExitAsync(Eventually.Patience);
            Assert.True(exit == 0, $"exit code {exit}:\n{process.Tail()}");
        }
    }

    private static string[] Of(IEnumerable<(string Name, string Least, string Greatest)> settings, bool greatest) =>
        [.. settings.Where(static setting => !NotTried.Contains(setting.Name))
            .Select(setting => $"{setting.Name}={(greatest ? setting.Greatest : setting.Least)}")];
}
