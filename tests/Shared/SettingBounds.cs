namespace Diststore.Testing;

/// <summary>
/// The least and the greatest value of each setting that has such: what the tables of the programs say, which a test of each compares, and
/// what is tried with real processes.
/// </summary>
internal static class SettingBounds
{
    public static IReadOnlyList<(string Name, string Least, string Greatest)> Silo { get; } =
    [
        ("Http:Port", "1", "65535"),
        ("Silo:Port", "1", "65535"),
        ("Silo:GatewayPort", "1", "65535"),
        ("Data:MaxBytes", "0", "9223372036854775807"),
        ("Data:LocalMaxBytes", "0", "9223372036854775807"),
        ("Data:CacheBytes", "1 MiB", "1024 GiB"),
        ("Multicast:Port", "1", "65535"),
        ("Multicast:TimeoutMilliseconds", "1", "10000"),
        ("Masters:MinInSync", "1", "2"),
        ("Masters:TombstoneRetention", "00:00:01", "366.00:00:00"),
        ("Masters:RestartGrace", "00:00:00", "1.00:00:00"),
        ("Masters:SyncRetention", "00:00:01", "366.00:00:00"),
        ("Masters:IdempotencyRetention", "00:00:01", "1.00:00:00"),
        ("Masters:ReplyTimeout", "00:00:00.05", "00:00:04"),
        ("Copies:MaxBytes", "1 MiB", "1024 GiB"),
        ("Copies:TimeToLive", "00:00:00.001", "366.00:00:00"),
        ("Copies:MaxStaleness", "00:00:00.05", "1.00:00:00"),
        ("Limits:MaxValueBytes", "1", "64 MiB"),
        ("Limits:MaxConnections", "1", "1000000"),
        ("Limits:MaxBytesInFlight", "1 MiB", "1024 GiB"),
        ("Limits:MaxStreams", "1", "100000"),
    ];

    public static IReadOnlyList<(string Name, string Least, string Greatest)> Gateway { get; } =
    [
        ("Http:Port", "0", "65535"),
        ("Copies:MaxBytes", "0", "1024 GiB"),
        .. Silo.Where(static setting => setting.Name is "Copies:TimeToLive" or "Copies:MaxStaleness"
            || setting.Name.StartsWith("Limits:", StringComparison.Ordinal)),
    ];
}
