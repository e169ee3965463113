using System.Net;
using Diststore.Http;
using static Diststore.Settings.SettingValues;

namespace Diststore.Settings;

/// <summary>
/// What a node and a gateway both take, said once: name, cluster, HTTP, limits and tokens. What each takes besides is in a table of its own.
/// </summary>
public abstract record CommonSettings
{
    /// <summary>The largest value that may be allowed, in bytes: a message between nodes carries it whole.</summary>
    public const int MostValueBytes = 64 << 20;

    /// <summary>More memory than a machine has is a mistake.</summary>
    public const long MostMemoryBytes = 1L << 40;

    private const string Section = CommandLine.Section;

    /// <summary>The name, as answers tell it. The whole host name by default: machines of several sites may differ after the first dot only.</summary>
    public string NodeName { get; set; } = Dns.GetHostName();

    /// <summary>The address to listen on.</summary>
    public IPAddress Address { get; set; } = IPAddress.Loopback;

    /// <summary>The port of the HTTP API.</summary>
    public int HttpPort { get; set; }

    /// <summary>Which cluster it belongs to.</summary>
    public string ClusterId { get; set; } = "diststore";

    /// <summary>How to reach the server that keeps the membership, where there is one.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>The longest value that is taken, in bytes.</summary>
    public int MaxValueBytes { get; set; } = 4 << 20;

    /// <summary>The hosts that HTTP requests may name; <see langword="null"/> for those that follow from the address and the name.</summary>
    public IReadOnlyList<string>? AllowedHosts { get; set; }

    /// <summary>Connections that may be open at once.</summary>
    public int MaxConnections { get; set; } = 10_000;

    /// <summary>Bytes that are held for clients at once.</summary>
    public long MaxBytesInFlight { get; set; } = 256L << 20;

    /// <summary>Streams of changes that are served at once.</summary>
    public int MaxStreams { get; set; } = 1000;

    /// <summary>The budget of copies, in bytes.</summary>
    public long CopiesMaxBytes { get; set; } = 256L << 20;

    /// <summary>How long a copy is shown at most.</summary>
    public TimeSpan CopiesTimeToLive { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How old what is shown may be by default.</summary>
    public TimeSpan MaxStaleness { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The bearer tokens; none leave the API open.</summary>
    public IReadOnlyList<string> Tokens { get; set; } = [];

    /// <summary>The rows of these settings in the table of a process.</summary>
    /// <typeparam name="T">The process's settings.</typeparam>
    public static IReadOnlyList<Setting<T>> Table<T>()
        where T : CommonSettings =>
    [
        new("Node:Name", "host name", NameWords, (s, v) => IsName(v) && Do(s.NodeName = v)),
        new("Http:AllowedHosts", "on loopback localhost and Node:Name, else any", DiststoreHttpOptions.HostsWords,
            (s, v) => DiststoreHttpOptions.TryParseHosts(v, out IReadOnlyList<string> hosts) && Do(s.AllowedHosts = hosts)),
        new("Cluster:Id", "diststore", NameWords, (s, v) => IsName(v) && Do(s.ClusterId = v)),
        new("Cluster:ConnectionString", "none", "how to reach the provider's server", (s, v) => Do(s.ConnectionString = v)),
        new("Copies:TimeToLive", "00:05:00", SpanWords + "from 00:00:00.001 to 366 days",
            (s, v) => TakeSpan(v, TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(366), x => s.CopiesTimeToLive = x), "00:00:00.001", "366.00:00:00"),

        // Timers wait for 49 days at most, and several bounds make one.
        new("Copies:MaxStaleness", "00:00:01", SpanWords + "from 00:00:00.05 to 1 day",
            (s, v) => TakeSpan(v, TimeSpan.FromMilliseconds(50), TimeSpan.FromDays(1), x => s.MaxStaleness = x), "00:00:00.05", "1.00:00:00"),
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

    /// <summary>What the HTTP API serves by.</summary>
    public void ApplyTo(DiststoreHttpOptions http)
    {
        ArgumentNullException.ThrowIfNull(http);
        (http.MaxValueBytes, http.Tokens) = (MaxValueBytes, Tokens);
        (http.MaxConnections, http.MaxBytesInFlight, http.MaxChangeStreams) = (MaxConnections, MaxBytesInFlight, MaxStreams);
        http.AllowedHosts = AllowedHosts ?? DiststoreHttpOptions.HostsOf(Address, NodeName);
    }

    /// <summary>Checks what is good alone and not together, and the name where it is the machine's; ends in a <see cref="StartException"/>.</summary>
    public void Check()
    {
        if (!IsName(NodeName))
        {
            throw new StartException($"{Section}:Node:Name takes {NameWords}; the name of this machine, '{NodeName}', is none, so one has to be given.");
        }

        if (MaxBytesInFlight < (long)DiststoreHttpOptions.ValuesInFlight * MaxValueBytes)
        {
            throw new StartException(DiststoreHttpOptions.TooFewInFlight(MaxBytesInFlight, MaxValueBytes));
        }
    }
}
