using System.Diagnostics.CodeAnalysis;
using Npgsql;

namespace Diststore.PostgreSql;

/// <summary>
/// The PostgreSQL database that <c>Cluster:ConnectionString</c> names, and a pool of connections to it. What it says to
/// users never shows the password.
/// </summary>
public sealed class PostgreSqlServer : IAsyncDisposable
{
    /// <summary>What Orleans calls the ADO.NET provider.</summary>
    public const string Invariant = "Npgsql";

    /// <summary>Completes "Diststore:Cluster:ConnectionString takes ...".</summary>
    public const string Takes = "an Npgsql connection string, Host=HOST;Database=NAME;Username=USER;Password=SECRET";

    // A server that does not answer holds up a read of the view and a vote on a dead node for so long.
    private const int MaxTimeoutSeconds = 5;

    private readonly string _name;

    /// <summary>Makes the pool; nothing is connected yet.</summary>
    /// <param name="connectionString">One that <see cref="IsConnectionString"/>.</param>
    public PostgreSqlServer(string connectionString)
    {
        NpgsqlConnectionStringBuilder settings = Parse(connectionString)
            ?? throw new ArgumentException("not a connection string", nameof(connectionString));
        settings.Timeout = Shorter(settings.Timeout);
        settings.CommandTimeout = Shorter(settings.CommandTimeout);
        string host = settings.Host!.Contains(',', StringComparison.Ordinal) ? settings.Host : $"{settings.Host}:{settings.Port}";
        _name = $"PostgreSQL at {host} (Diststore:Cluster:ConnectionString)";
        DataSource = NpgsqlDataSource.Create(settings);
    }

    /// <summary>The pool.</summary>
    public NpgsqlDataSource DataSource { get; }

    /// <summary>Whether it is understood and names a host.</summary>
    public static bool IsConnectionString([NotNullWhen(true)] string? text) => Parse(text) is not null;

    /// <summary>Why the database cannot be used, as a sentence without its full stop; <see langword="null"/> when it can.</summary>
    public Task<string?> FindProblemAsync() => TryAsync("cannot be reached", static _ => Task.FromResult<string?>(null));

    /// <summary>
    /// Creates what Orleans needs and the database lacks; any number may do so at once. Why that failed, as a sentence
    /// without its full stop, or <see langword="null"/>.
    /// </summary>
    public async Task<string?> PrepareAsync() =>
        await FindProblemAsync()
        ?? await TryAsync("cannot be used", DurabilityCheck.FindProblemAsync)
        ?? await TryAsync("cannot be set up", Schema.CompleteAsync);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => DataSource.DisposeAsync();

    private async Task<string?> TryAsync(string complaint, Func<NpgsqlConnection, Task<string?>> work)
    {
        string? problem;
        try
        {
            await using NpgsqlConnection connection = await DataSource.OpenConnectionAsync();
            problem = await work(connection);
        }
        catch (Exception exception)
        {
            // Network, name service, certificates, the server itself: all that it can be ends in one sentence.
            problem = (exception as PostgresException)?.MessageText ?? exception.GetBaseException().Message.Split('\n')[0].Trim();
        }

        return problem is null ? null : $"{_name} {complaint}: {problem.TrimEnd('.')}";
    }

    private static NpgsqlConnectionStringBuilder? Parse(string? text)
    {
        try
        {
            var settings = new NpgsqlConnectionStringBuilder(text);
            return string.IsNullOrWhiteSpace(settings.Host) ? null : settings;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or InvalidCastException or OverflowException)
        {
            // What was not understood may be part of a password: it is not repeated.
            return null;
        }
    }

    // 0 is no limit to Npgsql.
    private static int Shorter(int seconds) => seconds is 0 or > MaxTimeoutSeconds ? MaxTimeoutSeconds : seconds;
}
