using System.Net;
using Diststore.Settings;
using static Diststore.Settings.SettingValues;

namespace Diststore.Silo;

/// <summary>Every setting that a node takes; what a gateway takes too is in <see cref="CommonSettings"/>.</summary>
internal static class SettingsTable
{
    private const int MinKeyLength = 16;

    private static readonly TimeSpan s_mostRetention = TimeSpan.FromDays(366);
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_least = TimeSpan.FromMilliseconds(50);

    public static IReadOnlyList<Setting<SiloSettings>> All { get; } =
    [
        new("Node:Address", "127.0.0.1", "the IPv4 address of this machine at which the others reach it",
            (s, v) => TakeIPv4(v, x => s.Address = x) && !s.Address.Equals(IPAddress.Any)),
        new("Http:Port", "8181", PortWords, (s, v) => TakePort(v, x => s.HttpPort = x), "1", "65535"),
        new("Silo:Port", "11111", PortWords, (s, v) => TakePort(v, x => s.SiloPort = x), "1", "65535"),
        new("Silo:GatewayPort", "30000", PortWords, (s, v) => TakePort(v, x => s.GatewayPort = x), "1", "65535"),
        new("Cluster:Provider", "Single", "Single, Development, Redis or PostgreSql", (s, v) => TakeWord<ClusterProvider>(v, x => s.Provider = x)),
        new("Cluster:Primary", "none", "host:port of the silo that keeps the membership", (s, v) => IsHostAndPort(v) && Do(s.Primary = v)),
        new("Data:Path", "./data/NAME", "a folder; with --nodes each node has one below it",
            (s, v) => v.Length > 0 && !v.Contains('\0', StringComparison.Ordinal) && Do(s.DataPath = v)),
        new("Data:Durability", "Fsync", "Fsync (on disk, synced before a write is answered) or Memory",
            (s, v) => TakeWord<DataDurability>(v, x => s.Durability = x)),
        new("Data:MaxBytes", "0", BytesWords + "of keys and values beyond which writes are refused; 0 for no limit",
            (s, v) => TakeBytes(v, 0, long.MaxValue, x => s.DataMaxBytes = x), "0", "9223372036854775807"),
        new("Data:LocalMaxBytes", "64 MiB", BytesWords + "of keys and values beyond which no more is stored on this node alone",
            (s, v) => TakeBytes(v, 0, long.MaxValue, x => s.LocalMaxBytes = x), "0", "9223372036854775807"),
        new("Data:CacheBytes", "64 MiB", BytesWords + "from 1 MiB to 1024 GiB, for what is kept in memory of what lies on disk",
            (s, v) => TakeBytes(v, 1 << 20, CommonSettings.MostMemoryBytes, x => s.DataCacheBytes = x), "1 MiB", "1024 GiB"),
        new("Multicast:Enabled", "true", "true or false", (s, v) => TakeBool(v, x => s.MulticastEnabled = x)),
        new("Multicast:Group", "239.192.74.1", "an IPv4 multicast address, 224.0.0.0 to 239.255.255.255",
            (s, v) => TakeIPv4(v, x => s.MulticastGroup = x) && s.MulticastGroup.GetAddressBytes()[0] is >= 224 and <= 239),
        new("Multicast:Port", "4983", PortWords, (s, v) => TakePort(v, x => s.MulticastPort = x), "1", "65535"),
        new("Multicast:TimeoutMilliseconds", "100", "1 to 10000",
            (s, v) => TakeInt(v, 1, 10_000, x => s.WhoHasTimeout = TimeSpan.FromMilliseconds(x)), "1", "10000"),
        new("Masters:MinInSync", "1", "1 or 2", (s, v) => TakeInt(v, 1, 2, x => s.MinInSync = x), "1", "2"),
        new("Masters:TombstoneRetention", "01:00:00", SpanWords + "from 00:00:01 to 366 days",
            (s, v) => TakeSpan(v, s_second, s_mostRetention, x => s.TombstoneRetention = x), "00:00:01", "366.00:00:00"),
        new("Masters:RestartGrace", "00:00:00", SpanWords + "from 00:00:00 to 1 day",
            (s, v) => TakeSpan(v, TimeSpan.Zero, TimeSpan.FromDays(1), x => s.RestartGrace = x), "00:00:00", "1.00:00:00"),
        new("Masters:SyncRetention", "06:00:00", SpanWords + "from 00:00:01 to 366 days",
            (s, v) => TakeSpan(v, s_second, s_mostRetention, x => s.SyncRetention = x), "00:00:01", "366.00:00:00"),
        new("Masters:IdempotencyRetention", "00:10:00", SpanWords + "from 00:00:01 to 1 day",
            (s, v) => TakeSpan(v, s_second, TimeSpan.FromDays(1), x => s.IdempotencyRetention = x), "00:00:01", "1.00:00:00"),
        new("Masters:ReplyTimeout", "00:00:01", SpanWords + "from 00:00:00.05 to 00:00:04",
            (s, v) => TakeSpan(v, s_least, 4 * s_second, x => s.ReplyTimeout = x), "00:00:00.05", "00:00:04"),
        new("Copies:MaxBytes", "256 MiB", BytesWords + "from 1 MiB to 1024 GiB",
            (s, v) => TakeBytes(v, 1 << 20, CommonSettings.MostMemoryBytes, x => s.CopiesMaxBytes = x), "1 MiB", "1024 GiB"),
        new("Security:ClusterKey", "none", $"at least {MinKeyLength} characters, the same on every node",
            (s, v) => v.Length >= MinKeyLength && Do(s.ClusterKey = v)),
        new("Security:AllowInsecure", "false", "true or false", (s, v) => TakeBool(v, x => s.AllowInsecure = x)),
        .. CommonSettings.Table<SiloSettings>(),
    ];
}
