using Diststore.PostgreSql;
using Diststore.SystemTests;

namespace Diststore.Cluster.Tests;

/// <summary>What is created in a database, by whom, and what is left alone.</summary>
public sealed class PostgreSqlServerTests(PostgreSqlServerTests.Fixture postgres) : IClassFixture<PostgreSqlServerTests.Fixture>
{
    private const string Secret = "hush-hush-too";

    private const string Made = """
        SELECT string_agg(name, ' ' ORDER BY name) FROM (
            SELECT relname FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace
            UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            UNION ALL SELECT querykey FROM orleansquery) AS made(name)
        """;

    [SkippableFact]
    public async Task Many_at_once_create_everything_once()
    {
        string database = await NewDatabaseAsync("many");
        PostgreSqlServer[] servers = [.. Enumerable.Range(0, 8).Select(_ => new PostgreSqlServer(ConnectionString(database)))];
        string?[] problems = await Task.WhenAll(servers.Select(static server => Task.Run(server.PrepareAsync)));
        Assert.All(problems, Assert.Null);
        string made = await postgres.Server.AskAsync(Made, database);
        Assert.Contains("orleansmembershiptable", made, StringComparison.Ordinal);
        Assert.Contains("CleanupDefunctSiloEntriesKey", made, StringComparison.Ordinal);

        Assert.Null(await servers[0].PrepareAsync());
        Assert.Equal(made, await postgres.Server.AskAsync(Made, database));
        await Task.WhenAll(servers.Select(static server => server.DisposeAsync().AsTask()));
    }

    [SkippableFact]
    public async Task Where_nothing_is_missing_no_right_to_create_is_needed()
    {
        string database = await NewDatabaseAsync("least");
        await using (var owner = new PostgreSqlServer(ConnectionString(database)))
        {
            Assert.Null(await owner.PrepareAsync());
        }

        await postgres.Server.AskAsync("CREATE USER least_user PASSWORD '" + Secret + "'", database);
        await using var user = new PostgreSqlServer(postgres.Server.ConnectionStringOf(database, "least_user", Secret));
        string? problem = await user.PrepareAsync();
        Assert.Contains("permission denied", problem, StringComparison.Ordinal);
        await postgres.Server.AskAsync("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO least_user", database);
        Assert.Null(await user.PrepareAsync());
    }

    [SkippableFact]
    public async Task What_is_missing_is_added_and_what_is_there_is_left()
    {
        string database = await NewDatabaseAsync("older");
        await using var server = new PostgreSqlServer(ConnectionString(database));
        Assert.Null(await server.PrepareAsync());
        string made = await postgres.Server.AskAsync(Made, database);

        // As a database was before Orleans 3.7, with another application's membership.
        await postgres.Server.AskAsync("INSERT INTO orleansmembershipversiontable VALUES ('another', now(), 7)", database);
        await postgres.Server.AskAsync("UPDATE orleansquery SET querytext = querytext || ' -- mine' WHERE querykey = 'GatewaysQueryKey'", database);
        await postgres.Server.AskAsync("DELETE FROM orleansquery WHERE querykey = 'CleanupDefunctSiloEntriesKey'", database);
        await postgres.Server.AskAsync("DROP INDEX diststore_one_view", database);
        Assert.Null(await server.PrepareAsync());
        Assert.Equal(made, await postgres.Server.AskAsync(Made, database));
        Assert.Equal("another|7", await postgres.Server.AskAsync("SELECT deploymentid, version FROM orleansmembershipversiontable", database));
        string query = await postgres.Server.AskAsync("SELECT querytext FROM orleansquery WHERE querykey = 'GatewaysQueryKey'", database);
        Assert.EndsWith("-- mine", query, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Tables_of_an_Orleans_that_is_too_old_are_refused_and_left()
    {
        string database = await NewDatabaseAsync("ancient");
        await postgres.Server.AskAsync("CREATE TABLE OrleansMembershipTable (DeploymentId varchar(150), IAmAliveTime timestamp(3))", database);
        await using var server = new PostgreSqlServer(ConnectionString(database));
        string? problem = await server.PrepareAsync();
        Assert.Contains("before Orleans 3.6", problem, StringComparison.Ordinal);
        Assert.Equal("orleansmembershiptable", await postgres.Server.AskAsync("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database));
    }

    [Theory]
    [InlineData("Host=a", true)]
    [InlineData("Host=a,b;Target Session Attributes=primary", true)]
    [InlineData("", false)]
    [InlineData(null, false)]
    [InlineData("Database=a", false)]
    [InlineData("127.0.0.1:5432", false)]
    [InlineData("Host=a;Port=high", false)]
    [InlineData("Host=a;Sesame=open", false)]
    [InlineData("Host=a;Timeout=99999999999999", false)]
    public void A_connection_string_is_known_when_seen(string? text, bool expected) =>
        Assert.Equal(expected, PostgreSqlServer.IsConnectionString(text));

    private string ConnectionString(string database) => postgres.Server.ConnectionStringOf(database, "keeper", PostgresServer.Password);

    private async Task<string> NewDatabaseAsync(string name)
    {
        Skip.IfNot(PostgresServer.Missing is null, PostgresServer.Missing);
        await postgres.Server.AskAsync($"CREATE DATABASE {name}");
        return name;
    }

    public sealed class Fixture : IAsyncLifetime
    {
        private PostgresServer? _server;

        internal PostgresServer Server => _server!;

        public async Task InitializeAsync() => _server = PostgresServer.Missing is null ? await PostgresServer.StartAsync() : null;

        public Task DisposeAsync()
        {
            _server?.Dispose();
            return Task.CompletedTask;
        }
    }
}
