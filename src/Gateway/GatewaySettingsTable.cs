using System.Net;
using Diststore.Settings;
using static Diststore.Settings.SettingValues;

namespace Diststore.Gateway;

/// <summary>Every setting that a gateway takes; what a node takes too is in <see cref="CommonSettings"/>.</summary>
internal static class GatewaySettingsTable
{
    public static IReadOnlyList<Setting<GatewaySettings>> All { get; } =
    [
        new("Node:Address", "127.0.0.1", "the IP address to listen on",
            (s, v) => IPAddress.TryParse(v, out IPAddress? address) && Do(s.Address = address)),
        new("Http:Port", "8080", "a port, 0 to 65535; 0 takes a free one", (s, v) => TakeInt(v, 0, IPEndPoint.MaxPort, x => s.HttpPort = x), "0", "65535"),
        new("Cluster:Provider", "none", "Development, Redis or PostgreSql", (s, v) => TakeWord<ClusterProvider>(v, x => s.Provider = x)),
        new("Cluster:Gateways", "127.0.0.1:30000", "the silos' gateway endpoints as host:port,host:port; with Cluster:Provider=Development",
            (s, v) => GatewayEndpoints.TryParse(v) is { } gateways && Do(s.Gateways = gateways)),
        new("Copies:MaxBytes", "256 MiB", BytesWords + "from 1 MiB to 1024 GiB, or 0 for no copies", TakeCopies, "0", "1024 GiB"),
        .. CommonSettings.Table<GatewaySettings>(),
    ];

    private static bool TakeCopies(GatewaySettings settings, string value) =>
        TakeBytes(value, 0, CommonSettings.MostMemoryBytes, x => settings.CopiesMaxBytes = x) && settings.CopiesMaxBytes is 0 or >= 1 << 20;
}
