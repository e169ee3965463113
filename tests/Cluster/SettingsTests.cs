using System.Net;
using Diststore.Settings;
using Diststore.Silo;
using Diststore.Testing;
using Microsoft.Extensions.Configuration;

namespace Diststore.Cluster.Tests;

public sealed class SettingsTests
{
    [Fact]
    public void Nothing_set_gives_the_defaults()
    {
        SiloSettings node = Assert.Single(Read());
        Assert.Equal(
            (Dns.GetHostName(), "127.0.0.1", 8181, 11111, 30000, "diststore", ClusterProvider.Single),
            (node.NodeName, node.Address.ToString(), node.HttpPort, node.SiloPort, node.GatewayPort, node.ClusterId, node.Provider));
        Assert.Equal(
            (true, "239.192.74.1", 4983, 100),
            (node.MulticastEnabled, node.MulticastGroup.ToString(), node.MulticastPort, node.WhoHasTimeout.TotalMilliseconds));
        Assert.Equal((4 << 20, 256L << 20, 1), (node.MaxValueBytes, node.CopiesMaxBytes, node.MinInSync));
        Assert.Equal((DataDurability.Fsync, 0L, 64L << 20), (node.Durability, node.DataMaxBytes, node.DataCacheBytes));
        Assert.Equal(Path.Combine(Environment.CurrentDirectory, "data", node.NodeName), node.DataPath);
    }

    [Fact]
    public void Data_has_a_folder_and_a_quota()
    {
        SiloSettings node = Assert.Single(
            Read(("Data:Path", "/var/x"), ("Data:MaxBytes", "2 GiB"), ("Data:CacheBytes", "8MiB"), ("Data:Durability", "memory")));
        Assert.Equal(("/var/x", 2L << 30, 8L << 20, DataDurability.Memory), (node.DataPath, node.DataMaxBytes, node.DataCacheBytes, node.Durability));
        Assert.Equal(2L << 30, node.ToNodeSettings().DataMaxBytes);
    }

    [Fact]
    public void Clients_are_bounded()
    {
        SiloSettings node = Assert.Single(Read());
        Assert.Equal((10_000, 256L << 20, 1000), (node.MaxConnections, node.MaxBytesInFlight, node.MaxStreams));
        Assert.Null(node.AllowedHosts);
        SiloSettings other = Assert.Single(Read(
            ("Limits:MaxConnections", "7"), ("Limits:MaxBytesInFlight", "16 MiB"), ("Limits:MaxStreams", "8"), ("Http:AllowedHosts", "a, [::1]")));
        Assert.Equal((7, 16L << 20, 8), (other.MaxConnections, other.MaxBytesInFlight, other.MaxStreams));
        Assert.Equal(["a", "[::1]"], other.AllowedHosts);
        foreach ((string, string) wrong in new[]
        {
            ("Limits:MaxConnections", "0"), ("Limits:MaxBytesInFlight", "15 MiB"), ("Limits:MaxBytesInFlight", "1 KiB"), ("Limits:MaxStreams", "0"),
            ("Http:AllowedHosts", "a:80"), ("Http:AllowedHosts", ""),
        })
        {
            Assert.Contains(wrong.Item1, Assert.Throws<StartException>(() => Read(wrong)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Several_nodes_have_a_folder_each()
    {
        string Below(string folder) => Path.Combine(Environment.CurrentDirectory, folder);
        Assert.Equal([Below("data/node-1"), Below("data/node-2")], SettingsReader.Read(Configuration(), "2").Select(node => node.DataPath));
        Assert.Equal([Below("x/node-1")], SettingsReader.Read(Configuration(("Data:Path", "x")), "1").Select(node => node.DataPath));
    }

    [Theory]
    [InlineData("--restore", "f", "--nodes", "2")]
    [InlineData("--restore", "f", "--Diststore:Data:Durability=Memory")]
    public void A_restore_is_for_one_node_on_disk(params string[] arguments) =>
        Assert.Contains("--restore", Assert.Throws<StartException>(() => SettingsReader.Read(arguments)).Message, StringComparison.Ordinal);

    [Fact]
    public void Several_nodes_are_counted_up()
    {
        IReadOnlyList<SiloSettings> nodes = SettingsReader.Read(Configuration(("Http:Port", "9000")), "3");
        Assert.Equal(
            [("node-1", 9000, 11111, 30000), ("node-2", 9001, 11112, 30001), ("node-3", 9002, 11113, 30002)],
            nodes.Select(node => (node.NodeName, node.HttpPort, node.SiloPort, node.GatewayPort)));
    }

    [Fact]
    public void Values_are_taken_whatever_the_case_of_their_names()
    {
        SiloSettings node = Assert.Single(Read(
            ("NODE:name", "a"), ("limits:maxvaluebytes", "1 MiB"), ("cluster:provider", "redis"), ("Cluster:ConnectionString", "r:6379"),
            ("Copies:MaxStaleness", "00:00:00.5"), ("Security:ClusterKey", "0123456789abcdef"), ("Security:Tokens:0", "x"), ("Security:Tokens:1", "y")));
        Assert.Equal(("a", 1 << 20, ClusterProvider.Redis), (node.NodeName, node.MaxValueBytes, node.Provider));
        Assert.Equal(["x", "y"], node.Tokens);
        Assert.Equal(TimeSpan.FromSeconds(0.5), node.ToNodeSettings().MaxStaleness);
        Assert.Equal("0123456789abcdef"u8, node.ToNodeSettings().ClusterKey.Span);
    }

    [Theory]
    [InlineData("Http:Port", "abc", "a port from 1 to 65535, not 'abc'")]
    [InlineData("Http:Port", "0", "1 to 65535")]
    [InlineData("Http:Port", "65536", "1 to 65535")]
    [InlineData("Http:Port", "", "1 to 65535")]
    [InlineData("Http:Port", "11111", "differ")]
    [InlineData("Node:Name", "", "letters, digits")]
    [InlineData("Node:Name", "a b", "letters, digits")]
    [InlineData("Node:Name", ".", "not dots alone")]
    [InlineData("Node:Name", "..", "not dots alone")]
    [InlineData("Cluster:Id", "..", "not dots alone")]
    [InlineData("Security:Tokens", "", "one or more bearer tokens")]
    [InlineData("Security:Tokens", ",", "one or more bearer tokens")]
    [InlineData("Http:AllowedHosts", "a,,b", "hosts without a port")]
    [InlineData("Copies:MaxStaleness", "50.00:00:00", "to 1 day")]
    [InlineData("Copies:MaxStaleness", "1.00:00:01", "to 1 day")]
    [InlineData("Node:Address", "nowhere", "IPv4 address")]
    [InlineData("Node:Address", "0.0.0.0", "IPv4 address")]
    [InlineData("Node:Address", "1", "IPv4 address")]
    [InlineData("Node:Address", "10.0.0.1", "Diststore:Security:AllowInsecure=true does without")]
    [InlineData("Cluster:Provider", "1", "Single, Development, Redis or PostgreSql")]
    [InlineData("Cluster:Provider", "Redis", "Cluster:ConnectionString takes the server's host:port")]
    [InlineData("Cluster:Provider", "PostgreSql", "Cluster:ConnectionString takes an Npgsql connection string")]
    [InlineData("Cluster:Provider", "Development", "Cluster:Primary")]
    [InlineData("Cluster:Primary", "host", "host:port")]
    [InlineData("Data:Durability", "None", "Fsync (on disk, synced before a write is answered) or Memory, not 'None'")]
    [InlineData("Data:Durability", "1", "or Memory")]
    [InlineData("Data:Path", "", "a folder")]
    [InlineData("Data:MaxBytes", "-1", "0 for no limit")]
    [InlineData("Data:CacheBytes", "1 KiB", "from 1 MiB to 1024 GiB")]
    [InlineData("Multicast:Group", "10.1.1.1", "multicast address")]
    [InlineData("Multicast:Enabled", "yes", "true or false")]
    [InlineData("Masters:MinInSync", "3", "1 or 2")]
    [InlineData("Masters:ReplyTimeout", "5", "hh:mm:ss")]
    [InlineData("Masters:ReplyTimeout", "00:00:10", "to 00:00:04")]
    [InlineData("Copies:MaxBytes", "1", "from 1 MiB")]
    [InlineData("Copies:MaxBytes", "99999999999 GiB", "from 1 MiB")]
    [InlineData("Limits:MaxValueBytes", "65 MiB", "to 64 MiB")]
    [InlineData("Security:Tokens", "a b", "bearer tokens")]
    [InlineData("Node:Nmae", "a", "There is no setting Diststore:Node:Nmae")]
    [InlineData("Nodes:Port", "1", "There is Diststore:Http:Port")]
    public void A_wrong_value_is_refused_by_name(string name, string value, string words)
    {
        string message = Assert.Throws<StartException>(() => Read((name, value))).Message;
        Assert.Contains($"Diststore:{name.Split(':')[0]}", message, StringComparison.Ordinal);
        Assert.Contains(words, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Each_setting_is_taken_at_its_bounds_and_not_beyond()
    {
        Setting<SiloSettings>[] bounded = [.. SettingsTable.All.Where(static setting => setting.Bounds.Length > 0)];
        foreach (Setting<SiloSettings> setting in bounded)
        {
            Assert.All(setting.Bounds, value => Assert.True(setting.TryTake(new SiloSettings(), value), $"{setting.Name}={value}"));
        }

        // Those that processes are started with.
        Assert.Equal(SettingBounds.Silo, bounded.Select(static setting => (setting.Name, setting.Bounds[0], setting.Bounds[1])));

        Assert.All(["00:00:00.049", "1.00:00:00.001"], value => Assert.Throws<StartException>(() => Read(("Copies:MaxStaleness", value))));
    }

    [Fact]
    public void A_misspelt_section_in_the_environment_is_refused()
    {
        foreach (string section in new[] { "Distore", "DISSTORE", "diststtore" })
        {
            string name = $"{section}__Security__ClusterKey";
            Environment.SetEnvironmentVariable(name, "0123456789abcdef");
            try
            {
                string message = Assert.Throws<StartException>(() => SettingsReader.Read([])).Message;
                Assert.Contains(name, message, StringComparison.Ordinal);
                Assert.DoesNotContain("0123456789abcdef", message, StringComparison.Ordinal);
            }
            finally
            {
                Environment.SetEnvironmentVariable(name, null);
            }
        }
    }

    [Fact]
    public void Help_names_each_setting_as_it_has_to_be_written() =>
        Assert.All(SettingsTable.All, static setting => Assert.Contains($"--Diststore:{setting.Name} ", Welcome.Help(), StringComparison.Ordinal));

    [Fact]
    public void A_secret_is_not_repeated() =>
        Assert.DoesNotContain("short", Assert.Throws<StartException>(() => Read(("Security:ClusterKey", "short"))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("0")]
    [InlineData("33")]
    [InlineData("-1")]
    [InlineData("many")]
    public void A_wrong_number_of_nodes_is_refused(string nodes)
    {
        string message = Assert.Throws<StartException>(() => SettingsReader.Read(Configuration(), nodes)).Message;
        Assert.Contains("--nodes takes 1 to 32", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--node", "3")]
    [InlineData("3")]
    [InlineData("--nodes")]
    [InlineData("--Http:Port=1")]
    [InlineData("--Distore:Http:Port", "1")]
    [InlineData("--Diststore")]
    [InlineData("--nodes", "2", "--Diststore:Node:Name=a")]
    public void An_argument_that_is_not_understood_is_refused(params string[] arguments) =>
        Assert.Throws<StartException>(() => SettingsReader.Read(arguments));

    [Theory]
    [InlineData("--nodes", "2", "--Diststore:Http:Port=9000")]
    [InlineData("--nodes=2", "--diststore:http:port", "9000")]
    public void The_command_line_is_read(params string[] arguments) =>
        Assert.Equal([9000, 9001], SettingsReader.Read(arguments).Nodes.Select(node => node.HttpPort));

    private static IReadOnlyList<SiloSettings> Read(params (string Name, string Value)[] given) => SettingsReader.Read(Configuration(given), null);

    private static IConfigurationRoot Configuration(params (string Name, string Value)[] given) => new ConfigurationBuilder()
        .AddInMemoryCollection(given.Select(setting => KeyValuePair.Create($"Diststore:{setting.Name}", (string?)setting.Value)))
        .Build();
}
