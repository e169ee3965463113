using System.Net;
using System.Net.Sockets;

namespace Diststore.Gateway.Tests;

public sealed class GatewayEndpointsTests
{
    private readonly Dictionary<string, string[]> _names = new() { ["both"] = ["::1", "127.0.0.1", "127.0.0.2"] };

    [Fact]
    public async Task All_addresses_of_a_name_are_given_and_IPv4_comes_first()
    {
        GatewayEndpoints endpoints = Create("both:30000", "[::2]:30001");
        Assert.Equal(["127.0.0.1:30000", "127.0.0.2:30000", "[::1]:30000", "[::2]:30001"], await AskAsync(endpoints));
        Assert.Equal("both:30000 (127.0.0.1, 127.0.0.2, ::1), [::2]:30001", endpoints.Tried);
    }

    [Fact]
    public async Task A_name_is_looked_up_each_time_and_its_addresses_of_before_are_kept_when_that_fails()
    {
        GatewayEndpoints endpoints = Create("both:1", "late:2");
        Assert.Equal(3, (await AskAsync(endpoints)).Length);
        Assert.Contains("late:2 (no such name)", endpoints.Tried, StringComparison.Ordinal);

        _names["late"] = ["127.0.0.9"];
        _names["both"] = ["127.0.0.7"];
        Assert.Equal(["127.0.0.7:1", "127.0.0.9:2"], await AskAsync(endpoints));

        _names.Remove("both");
        Assert.Equal(["127.0.0.7:1", "127.0.0.9:2"], await AskAsync(endpoints));
        Assert.Contains("both:1 (no such name)", endpoints.Tried, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_with_many_addresses_gives_a_bounded_number()
    {
        _names["many"] = [.. Enumerable.Range(1, 2 * GatewayEndpoints.MaxAddresses).Select(static number => $"127.0.0.{number}")];
        Assert.Equal(GatewayEndpoints.MaxAddresses, (await AskAsync(Create("many:1"))).Length);
    }

    private static async Task<string[]> AskAsync(GatewayEndpoints endpoints) =>
        [.. (await endpoints.GetGateways()).Select(static uri => $"{uri.Host}:{uri.Port}")];

    private GatewayEndpoints Create(params string[] endpoints) => new(
        [.. endpoints.Select(static text => GatewayEndpoint.TryParse(text)!)],
        (name, _) => _names.TryGetValue(name, out string[]? addresses)
            ? Task.FromResult(addresses.Select(IPAddress.Parse).ToArray())
            : Task.FromException<IPAddress[]>(new NoSuchName()),
        TimeSpan.FromSeconds(1),
        TimeProvider.System);

    private sealed class NoSuchName() : SocketException((int)SocketError.HostNotFound)
    {
        public override string Message => "no such name";
    }
}
