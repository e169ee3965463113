using System.Net;
using System.Net.Sockets;
using Orleans.Messaging;

namespace Diststore.Gateway;

/// <summary>
/// The silos' gateway endpoints from a list of names: Orleans asks for them before it connects and once a second, and each time the
/// names are looked up again. All addresses of a name are given, IPv4 first. Thread-safe.
/// </summary>
/// <param name="endpoints">The names or addresses.</param>
/// <param name="lookUp">Gives a name's addresses.</param>
/// <param name="period">How often Orleans asks.</param>
/// <param name="time">The clock.</param>
internal sealed class GatewayEndpoints(
    IReadOnlyList<GatewayEndpoint> endpoints, Func<string, CancellationToken, Task<IPAddress[]>> lookUp, TimeSpan period, TimeProvider time)
    : IGatewayListProvider
{
    /// <summary>Names in the list.</summary>
    public const int MaxNames = 100;

    /// <summary>Addresses of one name that are taken; the others are left out.</summary>
    public const int MaxAddresses = 16;

    /// <summary>How long looking one name up may take; then its addresses of before are kept.</summary>
    public static readonly TimeSpan LookUpTimeout = TimeSpan.FromSeconds(2);

    private readonly IPAddress[]?[] _known = new IPAddress[endpoints.Count][]; // by the endpoint's index; replaced as a whole
    private readonly string?[] _problems = new string?[endpoints.Count];

    /// <inheritdoc/>
    public TimeSpan MaxStaleness => period;

    /// <inheritdoc/>
    public bool IsUpdatable => true;

    /// <summary>Reads <c>host:port,host:port</c>; null for anything else, and for more than <see cref="MaxNames"/>.</summary>
    public static IReadOnlyList<GatewayEndpoint>? TryParse(string text)
    {
        string[] texts = text.Split(',', StringSplitOptions.TrimEntries);
        GatewayEndpoint[] endpoints = [.. texts.Select(GatewayEndpoint.TryParse).OfType<GatewayEndpoint>()];
        return endpoints.Length == texts.Length && endpoints.Length <= MaxNames ? endpoints : null;
    }

    /// <summary>What is tried, for people: each name with its addresses, or why there are none.</summary>
    public string Tried => string.Join(", ", endpoints.Select((endpoint, index) =>
        _problems[index] is { } problem ? $"{endpoint} ({problem})"
        : _known[index] is { } addresses && !addresses.Any(address => address.ToString() == endpoint.Host)
            ? $"{endpoint} ({string.Join(", ", addresses.Select(static address => address.ToString()))})"
        : endpoint.ToString()));

    /// <inheritdoc/>
    public Task InitializeGatewayListProvider() => Task.CompletedTask;

    /// <inheritdoc/>
    public async Task<IList<Uri>> GetGateways()
    {
        await Task.WhenAll(endpoints.Select((endpoint, index) => LookUpAsync(endpoint.Host, index)));
        return [.. endpoints.SelectMany((endpoint, index) => (_known[index] ?? []).Select(address => new IPEndPoint(address, endpoint.Port).ToGatewayUri()))];
    }

    private async Task LookUpAsync(string host, int index)
    {
        if (IPAddress.TryParse(host, out IPAddress? literal))
        {
            _known[index] = [literal];
            return;
        }

        try
        {
            using var late = new CancellationTokenSource(LookUpTimeout, time);
            // A silo listens on an IPv4 address, unless something between translates.
            IPAddress[] found = await lookUp(host, late.Token).WaitAsync(late.Token);
            _known[index] = [.. found.OrderBy(static address => address.AddressFamily == AddressFamily.InterNetwork ? 0 : 1).Take(MaxAddresses)];
            _problems[index] = found.Length > 0 ? null : "has no address";
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException or OperationCanceledException)
        {
            _problems[index] = exception is OperationCanceledException ? "its look-up takes too long" : exception.Message;
        }
    }
}
