using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;

namespace Diststore.SystemTests;

/// <summary>The first look: three nodes in one process, the lines it prints, Ctrl-C.</summary>
public sealed partial class DemoTests
{
    [SkippableFact]
    public async Task Three_nodes_in_one_process_print_lines_that_work_and_stop_on_ctrl_c()
    {
        Skip.IfNot(Programs.Find("curl") is not null, "curl is not installed");
        using var directory = new TempDirectory();
        // Nodes count their ports up from these.
        int[] ports = Ports.Free(4, [IPAddress.Loopback]);
        using ChildProcess demo = ChildProcess.Start(
            directory.Path,
            "demo",
            [
                .. Programs.Silo, "--nodes", "3", $"--Diststore:Http:Port={ports[0] + 100}", $"--Diststore:Silo:Port={ports[1] + 200}",
                $"--Diststore:Silo:GatewayPort={ports[2] + 300}", $"--Diststore:Multicast:Port={ports[3]}",
            ]);

        string[] lines = await Eventually.GetAsync<string[]>(
            () =>
            {
                Assert.False(demo.HasExited, $"it ended; it said:\n{demo.Output}");
                string[] found = [.. CurlLine().Matches(demo.Output).Select(static match => match.Value.Trim())];
                return Task.FromResult<(string[]?, string?)>(found.Length >= 3 ? (found, null) : (null, $"{found.Length} curl lines"));
            },
            Eventually.Patience,
            () => demo.Tail());
        Assert.All(Enumerable.Range(1, 3), number => Assert.Contains($"node-{number}", demo.Output, StringComparison.Ordinal));

        foreach (string line in lines)
        {
            (int exit, string output) = await RunAsync(line.Replace("curl ", "curl --silent --show-error --fail ", StringComparison.Ordinal), directory.Path);
            Assert.True(exit == 0, $"{line}\n{output}\n{demo.Tail()}");
        }

        demo.Interrupt();
        Assert.True(await demo.WaitForExitAsync(TimeSpan.FromSeconds(20)) == 0, demo.Tail());
        Assert.DoesNotContain("   at ", demo.Output, StringComparison.Ordinal);
    }

    private static async Task<(int Exit, string Output)> RunAsync(string line, string directory)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", line + " 2>&1"]) { RedirectStandardOutput = true, WorkingDirectory = directory };
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output);
    }

    [GeneratedRegex(@"^\s*curl .*$", RegexOptions.Multiline)]
    private static partial Regex CurlLine();
}
