using System.Net;

namespace Diststore.SystemTests;

/// <summary>Nobody reads what the processes print, or there is no room for it.</summary>
public sealed class OutputTests
{
    private const int Requests = 3000;
    private const int AtOnce = 8;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    // A pipe that has a reader, which never reads.
    private const string Stuck = "mkfifo stuck && exec 3<>stuck && exec \"$@\" >stuck 2>&1";
    private const string Full = "exec \"$@\" >/dev/full 2>&1";

    [SkippableTheory]
    [InlineData(true, Stuck)]
    [InlineData(true, Full)]
    [InlineData(false, Stuck)]
    [InlineData(false, Full)]
    public async Task A_process_whose_output_nobody_takes_goes_on_and_stops_in_order(bool isNode, string shell)
    {
        Skip.IfNot(File.Exists("/dev/full"), "there is no /dev/full");
        using var directory = new TempDirectory();
        int[] ports = Ports.Free(4, [IPAddress.Loopback]);
        IReadOnlyList<string> settings = isNode
            ? [$"--Diststore:Silo:Port={ports[1]}", $"--Diststore:Silo:GatewayPort={ports[2]}", $"--Diststore:Multicast:Port={ports[3]}"]
            : ["--Diststore:Cluster:Provider=Development", $"--Diststore:Cluster:Gateways=127.0.0.1:{ports[1]}"]; // nobody is there
        using ChildProcess process = ChildProcess.Start(
            directory.Path,
            "quiet",
            [
                "/bin/sh", "-c", shell, "sh", .. isNode ? Programs.Silo : Programs.Gateway, $"--Diststore:Http:Port={ports[0]}", .. settings,
                "--Logging:LogLevel:Default=Trace", "--Logging:LogLevel:Microsoft=Trace",
            ]);
        using var http = new HttpFace(IPAddress.Loopback, ports[0]);
        await Eventually.TrueAsync(
            async () =>
            {
                Assert.False(process.HasExited, "it has ended");
                return (await http.FetchAsync(isNode ? "/health/ready" : "/health/live")).Status == 200 ? null : "it is not there yet";
            },
            Deadline);
        if (isNode)
        {
            await http.PostUntilDoneAsync("key", "1");
        }

        // Each on a connection of its own: of these there are lines.
        await Parallel.ForAsync(0, Requests, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (_, _) =>
        {
            using var once = new HttpFace(IPAddress.Loopback, ports[0]);
            Assert.Equal(isNode ? 200 : 503, (await once.GetAsync("key")).Status);
        });
        Assert.Equal(200, (await http.FetchAsync("/health/live")).Status);
        string dropped = (await http.FetchAsync("/metrics")).Text.Split('\n').Single(
            static line => line.StartsWith("diststore_log_dropped_total", StringComparison.Ordinal));
        Assert.True(long.Parse(dropped.Split(' ')[1], null) > 0, dropped);

        process.Terminate();
        Assert.Equal(0, await process.WaitForExitAsync(Deadline));
    }
}
