using System.Net;
using System.Net.Sockets;

namespace Diststore.SystemTests;

/// <summary>What keeps a program from starting is said in one sentence, with an exit code, never with a stack trace.</summary>
public sealed class StartFailureTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <summary>Settings that are wrong, and what the sentence has to name.</summary>
    public static TheoryData<string, string> WrongSettings => new()
    {
        { "--Diststore:Node:Nmae=a", "Node:Nmae" },
        { "--Diststore:Nodes:Name=a", "Nodes" },
        { "--Diststore:Http:Port=http", "Http:Port" },
        { "--Diststore:Http:Port=70000", "Http:Port" },
        { "--Diststore:Node:Address=here", "Node:Address" },
        { "--Diststore:Cluster:Provider=Zookeeper", "Cluster:Provider" },
        { "--Diststore:Cluster:Provider=Redis", "Cluster:ConnectionString" },
        { "--Diststore:Cluster:Provider=PostgreSql", "Cluster:ConnectionString" },
        { "--Diststore:Multicast:Group=10.1.1.1", "Multicast:Group" },
        { "--Diststore:Masters:MinInSync=3", "Masters:MinInSync" },
        { "--Diststore:Masters:ReplyTimeout=-00:00:01", "Masters:ReplyTimeout" },
        { "--Diststore:Copies:MaxBytes=lots", "Copies:MaxBytes" },
        { "--Diststore:Limits:MaxValueBytes=0", "Limits:MaxValueBytes" },
    };

    [Theory]
    [MemberData(nameof(WrongSettings))]
    public Task A_node_names_the_setting_that_is_wrong(string argument, string named) => EndsWithASentenceAsync(Programs.Silo, [argument], named);

    [Theory]
    [InlineData("--Diststore:Http:Prot=1", "Http:Prot")]
    [InlineData("--Diststore:Http:Port=http", "Http:Port")]
    [InlineData("--Diststore:Cluster:Provider=Zookeeper", "Cluster:Provider")]
    public Task A_gateway_names_the_setting_that_is_wrong(string argument, string named) => EndsWithASentenceAsync(Programs.Gateway, [argument], named);

    [Theory]
    [InlineData("Http:Port")]
    [InlineData("Silo:Port")]
    public async Task A_node_names_the_port_that_is_taken(string setting)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        await EndsWithASentenceAsync(Programs.Silo, [$"--Diststore:{setting}={port}"], $"{port}");
    }

    [Fact]
    public async Task A_gateway_names_the_port_that_is_taken()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        await EndsWithASentenceAsync(Programs.Gateway, [$"--Diststore:Http:Port={port}", "--Diststore:Cluster:Provider=Development"], $"{port}");
    }

    [Fact, Trait("Category", "long")]
    public async Task A_node_names_the_Redis_that_does_not_answer()
    {
        int port = Ports.Free(1, [IPAddress.Loopback])[0];
        string[] settings = ["--Diststore:Cluster:Provider=Redis", $"--Diststore:Cluster:ConnectionString=127.0.0.1:{port}"];
        await EndsWithASentenceAsync(Programs.Silo, settings, $"127.0.0.1:{port}");
    }

    [Fact, Trait("Category", "long")]
    public async Task A_gateway_names_the_Redis_that_does_not_answer()
    {
        int port = Ports.Free(1, [IPAddress.Loopback])[0];
        string[] settings = ["--Diststore:Cluster:Provider=Redis", $"--Diststore:Cluster:ConnectionString=127.0.0.1:{port}"];
        await EndsWithASentenceAsync(Programs.Gateway, settings, $"127.0.0.1:{port}");
    }

    /// <summary>Both programs, and what is wrong with their connection string.</summary>
    public static TheoryData<bool, string, string> WrongPostgres => new()
    {
        { true, "Host=127.0.0.1;Port=PORT;Username=a;Password=hush-hush", "cannot be reached" },
        { false, "Host=127.0.0.1;Port=PORT;Username=a;Password=hush-hush", "cannot be reached" },
        { true, "Host=nowhere.invalid;Username=a;Password=hush-hush", "nowhere.invalid:5432" },
        { true, "127.0.0.1:6379,password=hush-hush", "an Npgsql connection string" },
        { false, "127.0.0.1:6379,password=hush-hush", "an Npgsql connection string" },
        { true, "Host=a;Password=x;hush-hush=y", "an Npgsql connection string" },
        { false, "Username=a;Password=hush-hush", "an Npgsql connection string" },
    };

    [Theory, Trait("Category", "long")]
    [MemberData(nameof(WrongPostgres))]
    public Task A_PostgreSQL_that_cannot_be_asked_is_named(bool isNode, string connectionString, string named)
    {
        ArgumentNullException.ThrowIfNull(connectionString);
        string text = connectionString.Replace("PORT", $"{Ports.Free(1, [IPAddress.Loopback])[0]}", StringComparison.Ordinal);
        return PostgresFailsAsync(isNode ? Programs.Silo : Programs.Gateway, text, named);
    }

    [SkippableFact, Trait("Category", "long")]
    public async Task A_PostgreSQL_that_refuses_is_named_with_its_reason_and_without_the_password()
    {
        Skip.IfNot(PostgresServer.Missing is null, PostgresServer.Missing);
        using PostgresServer server = await PostgresServer.StartAsync();
        foreach (IReadOnlyList<string> program in new[] { Programs.Silo, Programs.Gateway })
        {
            await PostgresFailsAsync(program, server.ConnectionStringOf("postgres", "keeper", "not-hush-hush"), "password authentication failed");
            await PostgresFailsAsync(program, server.ConnectionStringOf("nowhere", "keeper", PostgresServer.Password), "\"nowhere\" does not exist");
        }

        await server.AskAsync("CREATE USER guest PASSWORD 'hush-hush-guest'");
        await PostgresFailsAsync(Programs.Silo, server.ConnectionStringOf("postgres", "guest", "hush-hush-guest"), "permission denied");
        await server.AskAsync("ALTER DATABASE postgres SET synchronous_commit = off");
        await PostgresFailsAsync(Programs.Silo, server.ConnectionString, "synchronous_commit=off");
    }

    [Fact]
    public Task A_node_beyond_loopback_wants_a_key() => EndsWithASentenceAsync(Programs.Silo, ["--Diststore:Node:Address=192.0.2.1"], "Security:ClusterKey");

    private static async Task PostgresFailsAsync(IReadOnlyList<string> program, string connectionString, string named)
    {
        string[] settings = ["--Diststore:Cluster:Provider=PostgreSql", $"--Diststore:Cluster:ConnectionString={connectionString}"];
        string output = await EndsWithASentenceAsync(program, settings, named);
        Assert.Contains("Cluster:ConnectionString", output, StringComparison.Ordinal);
        Assert.DoesNotContain("hush", output, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("eval", "'eval'")]
    [InlineData("hset", "'hset'")]
    [InlineData("multi", "MULTI")]
    [InlineData("hgetall", "'hgetall'")]
    public async Task A_node_names_the_right_that_its_Redis_user_lacks(string command, string named)
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        using RedisServer redis = await RedisServer.StartAsync();
        await redis.AddUserAsync("limited", "hush-hush", command);
        string[] settings =
            ["--Diststore:Cluster:Provider=Redis", $"--Diststore:Cluster:ConnectionString={redis.ConnectionString},user=limited,password=hush-hush"];

        string output = await EndsWithASentenceAsync(Programs.Silo, settings, named);

        Assert.Contains("refuses what a cluster needs", output, StringComparison.Ordinal);
        Assert.DoesNotContain("hush-hush", output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_node_warns_of_a_Redis_that_may_lose_what_it_acknowledged_and_runs()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        using RedisServer redis = await RedisServer.StartAsync();
        await redis.SyncLaterAsync();
        using var directory = new TempDirectory();
        using ChildProcess node = Start(
            Programs.Silo, directory, "--Diststore:Cluster:Provider=Redis", $"--Diststore:Cluster:ConnectionString={redis.ConnectionString}");

        await Eventually.TrueAsync(
            () => Task.FromResult(node.Output.Contains("appendfsync=everysec", StringComparison.Ordinal) ? null : "no warning yet"),
            Eventually.Patience,
            () => node.Tail());

        node.Terminate();
        Assert.True(await node.WaitForExitAsync(Deadline) == 0, node.Tail());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_terminal_that_closes_stops_it_in_order(bool isGateway)
    {
        using var directory = new TempDirectory();
        using ChildProcess process = isGateway
            ? Start(Programs.Gateway, directory, "--Diststore:Cluster:Provider=Development", "--Diststore:Cluster:Gateways=127.0.0.1:1")
            : Start(Programs.Silo, directory);
        await Eventually.TrueAsync(
            () => Task.FromResult(process.Output.Contains("Ctrl-C stops", StringComparison.Ordinal) ? null : "it has not started yet"),
            Eventually.Patience,
            () => process.Tail());

        process.HangUp();

        Assert.True(await process.WaitForExitAsync(Deadline) == 0, process.Tail());
        Assert.False(process.Output.Contains("   at ", StringComparison.Ordinal), process.Output);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Help_is_given_and_nothing_started(bool isGateway)
    {
        using var directory = new TempDirectory();
        using ChildProcess process = ChildProcess.Start(directory.Path, "help", [.. isGateway ? Programs.Gateway : Programs.Silo, "-h"]);
        Assert.Equal(0, await process.WaitForExitAsync(Deadline));
        Assert.Contains("--Diststore:Http:Port ", process.Output, StringComparison.Ordinal);
    }

    // With ports of its own.
    private static ChildProcess Start(IReadOnlyList<string> program, TempDirectory directory, params string[] settings) =>
        ChildProcess.Start(directory.Path, "started", [.. program, .. FreePorts(program), .. settings]);

    private static string[] FreePorts(IReadOnlyList<string> program)
    {
        int[] ports = Ports.Free(4, [IPAddress.Loopback]);
        return program == Programs.Gateway
            ? [$"--Diststore:Http:Port={ports[0]}"]
            : [
                $"--Diststore:Http:Port={ports[0]}", $"--Diststore:Silo:Port={ports[1]}",
                $"--Diststore:Silo:GatewayPort={ports[2]}", $"--Diststore:Multicast:Port={ports[3]}",
            ];
    }

    private static async Task<string> EndsWithASentenceAsync(IReadOnlyList<string> program, IReadOnlyList<string> arguments, string named)
    {
        using var directory = new TempDirectory();

        // The argument under test comes last, so it wins over the free ports given here.
        using ChildProcess process = Start(program, directory, [.. arguments]);
        int exit = await process.WaitForExitAsync(Deadline);
        string output = process.Output.Trim();
        Assert.True(exit != 0, $"exit code 0; it said:\n{output}");
        Assert.True(exit < 128, $"it was ended by a signal ({exit}); it said:\n{output}");
        Assert.Contains(named, output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", output, StringComparison.Ordinal);
        Assert.True(output.Split('\n').Length == 1, $"more than one line:\n{output}");
        return output;
    }
}
