using Microsoft.Extensions.Configuration;

namespace Diststore.Settings;

/// <summary>
/// Where settings come from: appsettings.json, then the environment, then the command line, once at the start. What is wrong ends in a
/// <see cref="StartException"/>.
/// </summary>
public static class SettingsSources
{
    /// <summary>All that was given; <paramref name="defaults"/> stands below it.</summary>
    public static IConfiguration Read(CommandLine line, IEnumerable<KeyValuePair<string, string?>> defaults)
    {
        ArgumentNullException.ThrowIfNull(line);
        RefuseMisspeltEnvironment();
        try
        {
            // Nobody heeds a file that changes later: watching would cost a handle of which the system may have no more.
            return new ConfigurationBuilder()
                .AddInMemoryCollection(defaults)
                .AddJsonFile(Path.Combine(AppContext.BaseDirectory, "appsettings.json"), optional: true, reloadOnChange: false)
                .AddJsonFile(Path.Combine(Environment.CurrentDirectory, "appsettings.json"), optional: true, reloadOnChange: false)
                .AddEnvironmentVariables()
                .AddInMemoryCollection(line.Given)
                .Build();
        }
        catch (Exception exception) when (exception is InvalidDataException or FormatException)
        {
            throw new StartException($"{exception.Message} {exception.InnerException?.Message}".TrimEnd());
        }
    }

    // A section that is nearly ours is ours, misspelt: what was meant by it would be missing, a secret perhaps.
    private static void RefuseMisspeltEnvironment()
    {
        foreach (string name in Environment.GetEnvironmentVariables().Keys.Cast<string>())
        {
            int end = name.IndexOf("__", StringComparison.Ordinal);
            string section = end < 0 ? "" : name[..end];
            if (section.StartsWith("dis", StringComparison.OrdinalIgnoreCase) && section.EndsWith("tore", StringComparison.OrdinalIgnoreCase)
                && !section.Equals(CommandLine.Section, StringComparison.OrdinalIgnoreCase))
            {
                throw new StartException($"The environment has {name}, which is no setting; names of settings begin with {CommandLine.Section}__.");
            }
        }
    }
}
