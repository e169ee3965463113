using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Diststore.Http;

namespace Diststore.Silo;

/// <summary>One setting: its name under "Diststore:", what it takes in words, and how it is taken.</summary>
/// <param name="Name">The name, parts joined by colons.</param>
/// <param name="Default">The default, in words.</param>
/// <param name="Takes">Completes "NAME takes ...".</param>
/// <param name="TryTake">Puts the value in its place; false when it is not one that the setting takes.</param>
internal sealed record Setting(string Name, string Default, string Takes, Func<SiloSettings, string, bool> TryTake);

/// <summary>Every setting there is.</summary>
internal static class SettingsTable
{
    /// <summary>The largest value that may be allowed, in bytes: a message between nodes carries it whole.</summary>
    public const int MaxValueBytesLimit = 64 << 20;

    private const int MaxNameLength = 64;
    private const int MinKeyLength = 16;
    private const string PortWords = "a port from 1 to 65535";
    private const string BytesWords = "a number of bytes, or one with KiB, MiB or GiB, ";
    private const string SpanWords = "a time as hh:mm:ss ";

    public static IReadOnlyList<Setting> All { get; } =
    [
        new("Node:Name", "host name", $"1 to {MaxNameLength} letters, digits, dots, dashes or underscores",
            (s, v) => IsName(v) && Do(s.NodeName = v)),
        new("Node:Address", "127.0.0.1", "the IPv4 address of this machine at which the others reach it",
            (s, v) => TakeIp(v, x => s.Address = x) && !s.Address.Equals(IPAddress.Any)),
        new("Http:Port", "8181", PortWords, (s, v) => TakePort(v, x => s.HttpPort = x)),
        new("Http:AllowedHosts", "on loopback localhost and the node's name, else any", DiststoreHttpOptions.HostsWords,
            (s, v) => DiststoreHttpOptions.TryParseHosts(v, out IReadOnlyList<string> hosts) && Do(s.AllowedHosts = hosts)),
        new("Silo:Port", "11111", PortWords, (s, v) => TakePort(v, x => s.SiloPort = x)),
        new("Silo:GatewayPort", "30000", PortWords, (s, v) => TakePort(v, x => s.GatewayPort = x)),
        new("Cluster:Provider", "Single", "Single, Development, Redis or PostgreSql", (s, v) => TakeWord<ClusterProvider>(v, x => s.Provider = x)),
        new("Cluster:Id", "diststore", $"1 to {MaxNameLength} letters, digits, dots, dashes or underscores",
            (s, v) => IsName(v) && Do(s.ClusterId = v)),
        new("Cluster:Primary", "none", "host:port of the silo that keeps the membership", (s, v) => IsHostAndPort(v) && Do(s.Primary = v)),
        new("Cluster:ConnectionString", "none", "how to reach the provider's server", (s, v) => Do(s.ConnectionString = v)),
        new("Data:Path", "./data/NAME", "a folder; with --nodes each node has one below it",
            (s, v) => v.Length > 0 && !v.Contains('\0', StringComparison.Ordinal) && Do(s.DataPath = v)),
        new("Data:Durability", "Fsync", "Fsync (on disk, synced before a write is answered) or Memory",
            (s, v) => TakeWord<DataDurability>(v, x => s.Durability = x)),
        new("Data:MaxBytes", "0", BytesWords + "of keys and values beyond which writes are refused; 0 for no limit",
            (s, v) => TakeBytes(v, 0, long.MaxValue, x => s.DataMaxBytes = x)),
        new("Data:LocalMaxBytes", "64 MiB", BytesWords + "of keys and values beyond which no more is stored on this node alone",
            (s, v) => TakeBytes(v, 0, long.MaxValue, x => s.LocalMaxBytes = x)),
        new("Data:CacheBytes", "64 MiB", BytesWords + "from 1 MiB up, for what is kept in memory of what lies on disk",
            (s, v) => TakeBytes(v, 1 << 20, long.MaxValue, x => s.DataCacheBytes = x)),
        new("Multicast:Enabled", "true", "true or false", (s, v) => TakeBool(v, x => s.MulticastEnabled = x)),
        new("Multicast:Group", "239.192.74.1", "an IPv4 multicast address, 224.0.0.0 to 239.255.255.255",
            (s, v) => TakeIp(v, x => s.MulticastGroup = x) && s.MulticastGroup.GetAddressBytes()[0] is >= 224 and <= 239),
        new("Multicast:Port", "4983", PortWords, (s, v) => TakePort(v, x => s.MulticastPort = x)),
        new("Multicast:TimeoutMilliseconds", "100", "1 to 10000",
            (s, v) => TakeInt(v, 1, 10_000, x => s.WhoHasTimeout = TimeSpan.FromMilliseconds(x))),
        new("Masters:MinInSync", "1", "1 or 2", (s, v) => TakeInt(v, 1, 2, x => s.MinInSync = x)),
        new("Masters:TombstoneRetention", "01:00:00", SpanWords + "from 00:00:01 up",
            (s, v) => TakeSpan(v, 1, double.MaxValue, x => s.TombstoneRetention = x)),
        new("Masters:SyncRetention", "06:00:00", SpanWords + "from 00:00:01 up",
            (s, v) => TakeSpan(v, 1, double.MaxValue, x => s.SyncRetention = x)),
        new("Masters:ReplyTimeout", "00:00:01", SpanWords + "from 00:00:00.05 to 00:00:04", (s, v) => TakeSpan(v, 0.05, 4, x => s.ReplyTimeout = x)),
        new("Copies:MaxBytes", "256 MiB", BytesWords + "from 1 MiB up", (s, v) => TakeBytes(v, 1 << 20, long.MaxValue, x => s.CopiesMaxBytes = x)),
        new("Copies:TimeToLive", "00:05:00", SpanWords + "from 00:00:00.001 up",
            (s, v) => TakeSpan(v, 0.001, double.MaxValue, x => s.CopiesTimeToLive = x)),
        new("Copies:MaxStaleness", "00:00:01", SpanWords + "from 00:00:00.05 up",
            (s, v) => TakeSpan(v, 0.05, double.MaxValue, x => s.MaxStaleness = x)),
        new("Limits:MaxValueBytes", "4 MiB", BytesWords + "from 1 to 64 MiB",
            (s, v) => TakeBytes(v, 1, MaxValueBytesLimit, x => s.MaxValueBytes = (int)x)),
        new("Limits:MaxConnections", "10000", $"1 to {DiststoreHttpOptions.MostConnections}",
            (s, v) => TakeInt(v, 1, DiststoreHttpOptions.MostConnections, x => s.MaxConnections = x)),
        new("Limits:MaxBytesInFlight", "256 MiB",
            BytesWords + $"from 1 MiB to 1024 GiB, at least {DiststoreHttpOptions.ValuesInFlight} times Limits:MaxValueBytes",
            (s, v) => TakeBytes(v, DiststoreHttpOptions.LeastBytesInFlight, DiststoreHttpOptions.MostBytesInFlight, x => s.MaxBytesInFlight = x)),
        new("Limits:MaxStreams", "1000", $"1 to {DiststoreHttpOptions.MostStreams}",
            (s, v) => TakeInt(v, 1, DiststoreHttpOptions.MostStreams, x => s.MaxStreams = x)),
        new("Security:ClusterKey", "none", $"at least {MinKeyLength} characters, the same on every node",
            (s, v) => v.Length >= MinKeyLength && Do(s.ClusterKey = v)),
        new("Security:AllowInsecure", "false", "true or false", (s, v) => TakeBool(v, x => s.AllowInsecure = x)),
        new("Security:Tokens", "none", "bearer tokens without spaces, separated by commas", (s, v) => TakeTokens(v, x => s.Tokens = x)),
    ];

    private static bool Do(object? _) => true;

    private static bool IsName(string value) =>
        value.Length is >= 1 and <= MaxNameLength && value.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');

    private static bool IsHostAndPort(string value) =>
        value.LastIndexOf(':') is > 0 and int colon && TakePort(value[(colon + 1)..], static _ => { });

    private static bool TakeIp(string value, Action<IPAddress> take)
    {
        // "1" and "1.2" are addresses to the parser; nobody means them.
        bool good = IPAddress.TryParse(value, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetwork
            && value.Count(static c => c == '.') == 3;
        if (good)
        {
            take(address!);
        }

        return good;
    }

    private static bool TakePort(string value, Action<int> take) => TakeInt(value, 1, IPEndPoint.MaxPort, take);

    private static bool TakeInt(string value, int min, int max, Action<int> take)
    {
        bool good = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= min && number <= max;
        if (good)
        {
            take(number);
        }

        return good;
    }

    private static bool TakeBool(string value, Action<bool> take)
    {
        bool good = bool.TryParse(value, out bool flag);
        if (good)
        {
            take(flag);
        }

        return good;
    }

    // Names only: numbers are values to the parser, and nobody means them.
    private static bool TakeWord<T>(string value, Action<T> take)
        where T : struct, Enum
    {
        foreach (T word in Enum.GetValues<T>())
        {
            if (value.Equals(word.ToString(), StringComparison.OrdinalIgnoreCase))
            {
                take(word);
                return true;
            }
        }

        return false;
    }

    private static bool TakeSpan(string value, double minSeconds, double maxSeconds, Action<TimeSpan> take)
    {
        // A bare "5" would be five days.
        bool good = value.Contains(':', StringComparison.Ordinal)
            && TimeSpan.TryParse(value, CultureInfo.InvariantCulture, out TimeSpan span)
            && span.TotalSeconds >= minSeconds && span.TotalSeconds <= maxSeconds;
        if (good)
        {
            take(TimeSpan.Parse(value, CultureInfo.InvariantCulture));
        }

        return good;
    }

    private static bool TakeBytes(string value, long min, long max, Action<long> take)
    {
        (string digits, int shift) = value switch
        {
            _ when value.EndsWith("KiB", StringComparison.OrdinalIgnoreCase) => (value[..^3], 10),
            _ when value.EndsWith("MiB", StringComparison.OrdinalIgnoreCase) => (value[..^3], 20),
            _ when value.EndsWith("GiB", StringComparison.OrdinalIgnoreCase) => (value[..^3], 30),
            _ => (value, 0),
        };
        bool good = long.TryParse(digits.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            && number <= max >> shift && number << shift >= min;
        if (good)
        {
            take(number << shift);
        }

        return good;
    }

    private static bool TakeTokens(string value, Action<string[]> take)
    {
        string[] tokens = value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        bool good = tokens.All(static token => token.All(static c => c is > ' ' and < (char)127));
        if (good)
        {
            take(tokens);
        }

        return good;
    }
}
