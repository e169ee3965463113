using System.Net;

namespace Diststore.SystemTests;

/// <summary>A backup restored onto a disk that has too little room for it.</summary>
public sealed class RestoreTests
{
    private const int Values = 30;
    private const int ValueBytes = 1 << 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [SkippableFact]
    public async Task A_disk_that_fills_up_is_said_and_a_second_try_with_room_restores_all()
    {
        using SmallDisk disk = SmallDisk.Mount("24m");
        using var directory = new TempDirectory();
        int[] ports = Ports.Free(3, [IPAddress.Loopback]);
        string[] settings = [$"Silo:Port={ports[1]}", $"Silo:GatewayPort={ports[2]}", "Multicast:Enabled=false"];
        SiloProcess Node(string folder) =>
            new("lone", IPAddress.Loopback, ports[0], directory.Path, [.. settings, $"Data:Path={folder}"], network: null, []);
        string file = Path.Combine(directory.Path, "backup");
        using (SiloProcess node = Node(Path.Combine(directory.Path, "original")))
        {
            node.Start();
            await node.WaitUntilReadyAsync();
            byte[] value = new byte[ValueBytes];
            for (int number = 0; number < Values; number++)
            {
                Random.Shared.NextBytes(value);
                using var body = new ByteArrayContent(value);
                Assert.Equal(201, (await node.Http.SendAsync(HttpMethod.Put, $"/v1/kv/long-{number}", body)).Status);
            }

            await File.WriteAllBytesAsync(file, (await node.Http.SendAsync(HttpMethod.Post, "/v1/cluster/backup")).Body);
            node.Process.Terminate();
            Assert.Equal(0, await node.Process.WaitForExitAsync(Patience));
        }

        string folder = Path.Combine(disk.Path, "data");
        using SiloProcess restored = Node(folder);
        (int exit, string said) = await restored.RunAsync(Patience, "--restore", file);
        Assert.True(exit == 1, $"exit code {exit}: {said}");
        Assert.True(said.Split('\n').Length == 1 && said.Contains("was not restored", StringComparison.Ordinal), said);
        long left = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Sum(static path => new FileInfo(path).Length);
        Assert.True(left < 1 << 16, $"{left} bytes were left behind");

        disk.Resize("200m");
        (exit, said) = await restored.RunAsync(Patience, "--restore", file);
        Assert.True(exit == 0, said);
        restored.Start();
        await restored.WaitUntilReadyAsync();
        Assert.Equal(ValueBytes, (await restored.Http.ReadAsync($"long-{Values - 1}")).Body.Length);
    }
}
