namespace Diststore.Client;

/// <summary>Where the servers are, and how long things may take. Checked when a client is made; what is changed later has no effect.</summary>
public sealed class DiststoreClientOptions
{
    /// <summary>The most <see cref="Addresses"/>.</summary>
    public const int MaxAddresses = 64;

    // What the cluster forgets after 10 minutes unless it is set otherwise must not be sent again later.
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromMinutes(5);

    private const int LeastBytes = 64 * 1024;
    private const int MostBytes = 1024 * 1024 * 1024;

    /// <summary>
    /// The servers' addresses, nodes or gateways, 1 to <see cref="MaxAddresses"/>: <c>http</c> or <c>https</c>, a path in front of the routes if need be.
    /// </summary>
    public IList<Uri> Addresses { get; set; } = [];

    /// <summary>The bearer token that each request carries; null for none.</summary>
    public string? Token { get; set; }

    /// <summary>
    /// Gives the token of each call, for one that changes; in the place of <see cref="Token"/>. All attempts of a call have the same one: to the cluster an
    /// idempotency key is that of whoever has the token.
    /// </summary>
    public Func<CancellationToken, ValueTask<string?>>? TokenProvider { get; set; }

    /// <summary>How long a call may take, repetitions included; above zero, up to 5 minutes. 30 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long one address may take to answer before another is asked. 10 s.</summary>
    public TimeSpan AttemptTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a connection may take to open. 2 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>The wait before the second attempt; it doubles each time. 50 ms.</summary>
    public TimeSpan FirstRetryDelay { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>The longest wait between attempts. 1 s.</summary>
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long nobody may answer a watch before it ends with a <see cref="DiststoreUnavailableException"/>; infinite for never. 5 minutes.</summary>
    public TimeSpan WatchTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a watch may be silent before another address is asked. Servers send something every 10 s or so. 30 s.</summary>
    public TimeSpan WatchSilence { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The longest answer that is read into memory, in bytes. What is longer can be opened as a stream. 32 MiB; pages with values take up to 12 MiB.
    /// </summary>
    public int MaxAnswerBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>The longest change that a watch takes, in bytes of its line, which hold the value in Base64. 16 MiB.</summary>
    public int MaxChangeBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>The most connections to one address; requests beyond them wait for one within their time. 256.</summary>
    public int MaxConnectionsPerAddress { get; set; } = 256;

    /// <summary>Changes the handler that the client makes, for certificates or a proxy. Redirects and cookies stay off.</summary>
    public Action<SocketsHttpHandler>? ConfigureHandler { get; set; }

    /// <summary>Takes the place of the client's own handler, for tests; the client disposes of it. It must not repeat requests.</summary>
    public Func<HttpMessageHandler>? CreateHandler { get; set; }

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>A number from 0 to below 1, by chance.</summary>
    internal Func<double> Chance { get; set; } = Random.Shared.NextDouble;

    /// <summary>Adds servers' addresses.</summary>
    /// <exception cref="UriFormatException">One is none.</exception>
    public DiststoreClientOptions AddAddresses(params ReadOnlySpan<string> addresses)
    {
        foreach (string address in addresses)
        {
            Addresses.Add(new Uri(address, UriKind.Absolute));
        }

        return this;
    }

    /// <summary>Throws where a call cannot be given so much time.</summary>
    internal static void CheckTimeout(TimeSpan timeout)
    {
        if (timeout <= TimeSpan.Zero || timeout > LongestTimeout)
        {
            throw new ArgumentException($"a call may take more than nothing and at most {LongestTimeout}, not {timeout}");
        }
    }

    /// <summary>A copy that stays as it is.</summary>
    /// <exception cref="ArgumentException">Something is not as it has to be; the message names all that is not.</exception>
    internal DiststoreClientOptions Checked()
    {
        string[] problems = [.. Problems()];
        if (problems.Length > 0)
        {
            throw new ArgumentException(string.Join("; ", problems));
        }

        var copy = (DiststoreClientOptions)MemberwiseClone();
        copy.Addresses = [.. Addresses];
        return copy;
    }

    /// <summary>What is not as it has to be, a sentence each.</summary>
    internal IEnumerable<string> Problems()
    {
        if (Addresses.Count is 0 or > MaxAddresses)
        {
            yield return $"{nameof(Addresses)} takes 1 to {MaxAddresses} addresses, not {Addresses.Count}";
        }

        foreach (Uri address in Addresses.Take(MaxAddresses).Where(static address => !IsAddress(address)))
        {
            yield return $"{nameof(Addresses)}: '{address}' is no address as http://host:port, with neither user, query nor fragment";
        }

        (string Name, TimeSpan Value, TimeSpan Most)[] times =
        [
            (nameof(Timeout), Timeout, LongestTimeout),
            (nameof(AttemptTimeout), AttemptTimeout, LongestTimeout),
            (nameof(ConnectTimeout), ConnectTimeout, LongestTimeout),
            (nameof(FirstRetryDelay), FirstRetryDelay, LongestTimeout),
            (nameof(MaxRetryDelay), MaxRetryDelay, LongestTimeout),
            (nameof(WatchSilence), WatchSilence, LongestTimeout),
            (nameof(WatchTimeout), WatchTimeout == System.Threading.Timeout.InfiniteTimeSpan ? LongestTimeout : WatchTimeout, TimeSpan.FromDays(1)),
        ];
        foreach ((string name, TimeSpan value, TimeSpan most) in times.Where(static time => time.Value <= TimeSpan.Zero || time.Value > time.Most))
        {
            yield return $"{name} takes a time above zero and up to {most}, not {value}";
        }

        (string Name, int Value)[] bounds =
        [
            (nameof(MaxAnswerBytes), MaxAnswerBytes),
            (nameof(MaxChangeBytes), MaxChangeBytes),
        ];
        foreach ((string name, int value) in bounds.Where(static bound => bound.Value is < LeastBytes or > MostBytes))
        {
            yield return $"{name} takes {LeastBytes} to {MostBytes} bytes, not {value}";
        }

        if (MaxConnectionsPerAddress < 1)
        {
            yield return $"{nameof(MaxConnectionsPerAddress)} takes 1 and more, not {MaxConnectionsPerAddress}";
        }

        if (Token is not null && (Token.Length == 0 || !Token.All(static c => c is > ' ' and <= '~')))
        {
            yield return $"{nameof(Token)} is to be of printable characters without blanks, or null for none";
        }

        if (TimeProvider is null)
        {
            yield return $"{nameof(TimeProvider)} is missing";
        }
    }

    private static bool IsAddress(Uri? address) => address is { IsAbsoluteUri: true, UserInfo: "", Query: "", Fragment: "" }
        && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps);
}
