using Npgsql;

namespace Diststore.PostgreSql;

/// <summary>
/// The tables, functions and queries that Orleans' membership and grain storage work with. Only what is missing is
/// created, nothing is ever changed or dropped; where nothing is missing no right to create is needed.
/// </summary>
internal static class Schema
{
    // Any number would do that nobody else locks: "diststor" in ASCII.
    private const long Lock = 0x6469_7374_7374_6F72;
    private const int CreateTimeoutSeconds = 30;

    private const string WhatIsMissing = """
        SELECT to_regclass('OrleansQuery') IS NULL,
            to_regclass('OrleansMembershipTable') IS NULL,
            to_regclass('OrleansStorage') IS NULL,
            to_regclass('diststore_one_view') IS NULL
        """;

    private const string WhetherCleanupIsMissing = "SELECT NOT EXISTS (SELECT FROM OrleansQuery WHERE QueryKey = 'CleanupDefunctSiloEntriesKey')";

    // Their arguments changed with Orleans 3.6.
    private const string WhetherCurrent = """
        SELECT to_regprocedure('update_i_am_alive_time(varchar, varchar, integer, integer, timestamptz)') IS NOT NULL
            AND to_regprocedure('writetostorage(integer, bigint, bigint, integer, varchar, varchar, varchar, integer, bytea)') IS NOT NULL
        """;

    public static async Task<string?> CompleteAsync(NpgsqlConnection connection)
    {
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();

        // Whoever comes second waits here until the first has committed, and then sees that nothing is missing.
        await ExecuteAsync(connection, $"SELECT pg_advisory_xact_lock({Lock})");
        foreach (string script in await MissingAsync(connection))
        {
            await ExecuteAsync(connection, Read(script));
        }

        if (!await AskAsync(connection, WhetherCurrent))
        {
            return "its Orleans tables are from before Orleans 3.6; it takes a database of its own, or Orleans' migration scripts";
        }

        await transaction.CommitAsync();
        return null;
    }

    // The scripts to run, in this order.
    private static async Task<List<string>> MissingAsync(NpgsqlConnection connection)
    {
        bool[] missing;
        await using (NpgsqlCommand command = new(WhatIsMissing, connection))
        await using (NpgsqlDataReader reader = await command.ExecuteReaderAsync())
        {
            await reader.ReadAsync();
            missing = [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetBoolean)];
        }

        bool hasQueries = !missing[0];
        bool cleanup = hasQueries && !missing[1] && await AskAsync(connection, WhetherCleanupIsMissing);
        (bool IsMissing, string Script)[] all =
        [
            (missing[0], "PostgreSQL-Main.sql"),
            (missing[1], "PostgreSQL-Clustering.sql"),
            (cleanup, "PostgreSQL-Clustering-3.7.0.sql"),
            (missing[2], "PostgreSQL-Persistence.sql"),
            (missing[3], "OneView.sql"),
        ];
        return [.. all.Where(static step => step.IsMissing).Select(static step => step.Script)];
    }

    private static async Task<bool> AskAsync(NpgsqlConnection connection, string query)
    {
        await using NpgsqlCommand command = new(query, connection);
        return (bool)(await command.ExecuteScalarAsync())!;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string text)
    {
        await using NpgsqlCommand command = new(text, connection) { CommandTimeout = CreateTimeoutSeconds };
        await command.ExecuteNonQueryAsync();
    }

    private static string Read(string script)
    {
        using Stream stream = typeof(Schema).Assembly.GetManifestResourceStream(script)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
