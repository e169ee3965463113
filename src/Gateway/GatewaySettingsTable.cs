using System.Net;
using Diststore.Http;
using Diststore.Settings;
using static Diststore.Settings.SettingValues;

namespace Diststore.Gateway;

/// <summary>Every setting that a gateway takes.</summary>
internal static class GatewaySettingsTable
{
    private const int MostValueBytes = 64 << 20;

    public static IReadOnlyList<Setting<GatewaySettings>> All { get; } =
    [
        new("Node:Address", "127.0.0.1", "the IP address to listen on",
            (s, v) => IPAddress.TryParse(v, out IPAddress? address) && Do(s.Address = address)),
        new("Http:Port", "8080", "a port, 0 to 65535; 0 takes a free one", (s, v) => TakeInt(v, 0, IPEndPoint.MaxPort, x => s.HttpPort = x), "0", "65535"),
        new("Http:AllowedHosts", "on loopback localhost and the machine's name, else any", DiststoreHttpOptions.HostsWords,
            (s, v) => DiststoreHttpOptions.TryParseHosts(v, out IReadOnlyList<string> hosts) && Do(s.AllowedHosts = hosts)),
        new("Cluster:Provider", "none", "Development, Redis or PostgreSql", (s, v) => TakeWord<ClusterProvider>(v, x => s.Provider = x)),
        new("Cluster:Id", "diststore", NameWords, (s, v) => IsName(v) && Do(s.ClusterId = v)),
        new("Cluster:Gateways", "127.0.0.1:30000", "the silos' gateway endpoints as host:port,host:port; with Cluster:Provider=Development",
            (s, v) => GatewayEndpoints.TryParse(v) is { } gateways && Do(s.Gateways = gateways)),
        new("Cluster:ConnectionString", "none", "how to reach the provider's server", (s, v) => Do(s.ConnectionString = v)),
        new("Limits:MaxValueBytes", "4 MiB", BytesWords + "from 1 to 64 MiB",
            (s, v) => TakeBytes(v, 1, MostValueBytes, x => s.MaxValueBytes = (int)x), "1", "64 MiB"),
        new("Limits:MaxConnections", "10000", $"1 to {DiststoreHttpOptions.MostConnections}",
            (s, v) => TakeInt(v, 1, DiststoreHttpOptions.MostConnections, x => s.MaxConnections = x), "1", $"{DiststoreHttpOptions.MostConnections}"),
        new("Limits:MaxBytesInFlight", "256 MiB",
            BytesWords + $"from 1 MiB to 1024 GiB, at least {DiststoreHttpOptions.ValuesInFlight} times Limits:MaxValueBytes",
            (s, v) => TakeBytes(v, DiststoreHttpOptions.LeastBytesInFlight, DiststoreHttpOptions.MostBytesInFlight, x => s.MaxBytesInFlight = x),
            "1 MiB", "1024 GiB"),
        new("Limits:MaxStreams", "1000", $"1 to {DiststoreHttpOptions.MostStreams}",
            (s, v) => TakeInt(v, 1, DiststoreHttpOptions.MostStreams, x => s.MaxStreams = x), "1", $"{DiststoreHttpOptions.MostStreams}"),
        new("Security:Tokens", "none", "one or more bearer tokens without spaces, separated by commas", (s, v) => TakeTokens(v, x => s.Tokens = x)),
    ];
}
