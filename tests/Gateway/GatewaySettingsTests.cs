using System.Net;
using Diststore.Settings;
using Diststore.Testing;
using Microsoft.Extensions.Configuration;

namespace Diststore.Gateway.Tests;

public sealed class GatewaySettingsTests
{
    [Fact]
    public void Settings_are_read()
    {
        GatewaySettings settings = Good(
            "Node:Address=127.1.2.3", "Http:Port=81", "Cluster:Provider=development", "Cluster:Gateways=127.0.0.1:30000, localhost:30001,[::1]:30002",
            "Cluster:Id=x", "Limits:MaxValueBytes=1 KiB", "Security:Tokens=a,b", "Security:Tokens:0=c");
        Assert.Equal(IPAddress.Parse("127.1.2.3"), settings.Address);
        Assert.Equal(81, settings.HttpPort);
        Assert.Equal(["127.0.0.1:30000", "localhost:30001", "[::1]:30002"], settings.Cluster.Gateways.Select(endpoint => endpoint.ToString()));
        Assert.Equal("x", settings.ClusterId);
        Assert.Equal(1024, settings.MaxValueBytes);
        Assert.Equal(["a", "b", "c"], settings.Tokens);
        GatewaySettings redis = Good("Cluster:Provider=Redis", "Cluster:ConnectionString=127.0.0.1:1");
        Assert.Equal((10_000, 256L << 20, 1000), (redis.MaxConnections, redis.MaxBytesInFlight, redis.MaxStreams));
        Assert.Null(redis.AllowedHosts);
        Assert.Equal(["a", "b"], Good("Cluster:Provider=Development", "Http:AllowedHosts=a, b").AllowedHosts);
        Assert.Equal((8080, 4 << 20, "diststore"), (redis.HttpPort, redis.MaxValueBytes, redis.ClusterId));
        Assert.Single(redis.Cluster.Redis!.EndPoints);
        GatewaySettings postgres = Good("Cluster:Provider=PostgreSql", "Cluster:ConnectionString=Host=a;Password=b");
        Assert.Equal("Host=a;Password=b", postgres.Cluster.PostgreSql);
    }

    [Theory]
    [InlineData("Cluster:Provider", "Single")]
    [InlineData("Cluster:Provider", "Zookeeper")]
    [InlineData("Cluster:Gateways", "nowhere")]
    [InlineData("Cluster:Gateways", "no where:1")]
    [InlineData("Cluster:Gateways", "127.0.0.1:0")]
    [InlineData("Http:Port", "http")]
    [InlineData("Http:Port", "65536")]
    [InlineData("Node:Address", "here")]
    [InlineData("Limits:MaxValueBytes", "0")]
    [InlineData("Limits:MaxValueBytes", "65 MiB")]
    [InlineData("Limits:MaxConnections", "0")]
    [InlineData("Limits:MaxStreams", "100001")]
    [InlineData("Limits:MaxBytesInFlight", "15 MiB")]
    [InlineData("Limits:MaxBytesInFlight", "1025 GiB")]
    [InlineData("Http:AllowedHosts", "a:80")]
    [InlineData("Http:Prot", "80")]
    [InlineData("Silo:Port", "80")]
    [InlineData("Security:Tokens", "")]
    [InlineData("Security:Tokens", ",")]
    [InlineData("Security:Tokens", "a,,b")]
    [InlineData("Http:AllowedHosts", "a,,b")]
    [InlineData("Cluster:Id", "..")]
    public void A_wrong_setting_is_named(string name, string value)
    {
        string[] rest = name == "Cluster:Provider" ? [] : ["Cluster:Provider=Development"];
        string problem = Assert.Throws<StartException>(() => GatewaySettings.Read(Configuration([.. rest, $"{name}={value}"]))).Message;
        Assert.Contains($"Diststore:{name}", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_setting_is_taken_at_its_bounds()
    {
        Setting<GatewaySettings>[] bounded = [.. GatewaySettingsTable.All.Where(static setting => setting.Bounds.Length > 0)];
        foreach (Setting<GatewaySettings> setting in bounded)
        {
            Assert.All(setting.Bounds, value => Assert.True(setting.TryTake(new GatewaySettings(), value), $"{setting.Name}={value}"));
        }

        // Those that processes are started with.
        Assert.Equal(SettingBounds.Gateway, bounded.Select(static setting => (setting.Name, setting.Bounds[0], setting.Bounds[1])));
    }

    [Theory]
    [InlineData("--Http:Port=1", "--Diststore:Http:Port is")]
    [InlineData("--Distore:Http:Port=1", "--Diststore:Http:Port is")]
    [InlineData("--nodes", "is not understood")]
    [InlineData("--urls=http://+:1", "is not understood")]
    [InlineData("x", "is not understood")]
    public void An_argument_that_means_nothing_is_refused(string argument, string words) =>
        Assert.Contains(words, Assert.Throws<StartException>(() => GatewaySettings.Read([argument])).Message, StringComparison.Ordinal);

    [Fact]
    public void Help_names_each_setting_as_it_has_to_be_written() =>
        Assert.All(
            GatewaySettingsTable.All,
            static setting => Assert.Contains($"--Diststore:{setting.Name} ", GatewaySettings.Help(), StringComparison.Ordinal));

    [Theory]
    [InlineData("Redis", "")]
    [InlineData("Redis", "a:1,sesame=open")]
    [InlineData("PostgreSql", "")]
    [InlineData("PostgreSql", "Host=a;sesame=open")]
    public void A_server_needs_a_connection_string_and_a_wrong_one_is_not_repeated(string provider, string connectionString)
    {
        string problem = Assert.Throws<StartException>(() => GatewaySettings.Read(
            Configuration($"Cluster:Provider={provider}", $"Cluster:ConnectionString={connectionString}"))).Message;
        Assert.Contains($"Cluster:Provider={provider} it takes", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("sesame", problem, StringComparison.Ordinal);
    }

    private static GatewaySettings Good(params string[] settings) => GatewaySettings.Read(Configuration(settings));

    private static IConfiguration Configuration(params string[] settings) => new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(setting => setting.Split('=', 2)).Select(pair => KeyValuePair.Create($"Diststore:{pair[0]}", (string?)pair[1])))
        .Build();
}
