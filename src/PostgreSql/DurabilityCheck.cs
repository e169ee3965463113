using Npgsql;

namespace Diststore.PostgreSql;

/// <summary>
/// A view that was acknowledged and then lost could bring back a master that missed writes: the server has to keep what
/// it acknowledges.
/// </summary>
internal static class DurabilityCheck
{
    private const string TurnedOff = "SELECT name FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit') AND setting = 'off' ORDER BY name";

    public static async Task<string?> FindProblemAsync(NpgsqlConnection connection)
    {
        await using NpgsqlCommand command = new(TurnedOff, connection);
        return await command.ExecuteScalarAsync() is string setting ? $"it runs with {setting}=off, and has to keep what it acknowledges" : null;
    }
}
