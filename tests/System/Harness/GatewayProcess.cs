using System.Net;

namespace Diststore.SystemTests;

/// <summary>The stand-alone gateway in a process of its own.</summary>
internal sealed class GatewayProcess : IDisposable
{
    private GatewayProcess(ChildProcess process, HttpFace http)
    {
        Process = process;
        Http = http;
    }

    /// <summary>The process.</summary>
    public ChildProcess Process { get; }

    /// <summary>Its HTTP API.</summary>
    public HttpFace Http { get; }

    /// <summary>Starts one and waits until it is ready.</summary>
    public static async Task<GatewayProcess> StartAsync(
        IPAddress address, int port, string directory, IEnumerable<string> settings, NetworkNamespace? network = null)
    {
        IReadOnlyList<string> command =
        [
            .. Programs.Gateway, .. new[] { $"Node:Address={address}", $"Http:Port={port}" }
                .Concat(settings).Select(static setting => "--Diststore:" + setting),
        ];
        ChildProcess process = ChildProcess.Start(directory, "gateway", network?.Wrap(command) ?? command);
        var gateway = new GatewayProcess(process, new HttpFace(address, port, network));
        try
        {
            await Readiness.WaitAsync("the gateway", gateway.Http, process);
            return gateway;
        }
        catch
        {
            gateway.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Process.Dispose();
        Http.Dispose();
    }
}
