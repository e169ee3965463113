using System.Text;
using Microsoft.Extensions.Configuration;

namespace Diststore.Settings;

/// <summary>Puts a process's settings, as they were given, into their places. What is wrong ends in a <see cref="StartException"/>.</summary>
/// <typeparam name="T">What the settings become.</typeparam>
/// <param name="table">Every setting there is.</param>
public sealed class SettingsReader<T>(IReadOnlyList<Setting<T>> table)
{
    private const string Section = CommandLine.Section;
    private const string TokensName = "Security:Tokens";

    /// <summary>Puts what was given into <paramref name="settings"/>.</summary>
    public void Apply(IConfiguration configuration, T settings)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        foreach ((string name, string? value) in Given(configuration.GetSection(Section)))
        {
            Setting<T> setting = table.FirstOrDefault(known => known.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                ?? throw new StartException($"There is no setting {Section}:{name}. {Suggest(name)}");
            if (value is null || !setting.TryTake(settings, value))
            {
                // A secret is not repeated, nor what may hold one.
                bool isSecret = name.StartsWith("Security", StringComparison.OrdinalIgnoreCase)
                    || name.EndsWith("ConnectionString", StringComparison.OrdinalIgnoreCase);
                throw new StartException($"{Section}:{setting.Name} takes {setting.Takes}{(isSecret || value is null ? "" : $", not '{value}'")}.");
            }
        }
    }

    /// <summary>The table in words, as a user has to write the names.</summary>
    public string Help()
    {
        var text = new StringBuilder();
        text.AppendLine(
            $"Settings come from appsettings.json, the environment ({Section}__Http__Port=8181) and the command line (--{Section}:Http:Port=8181):");
        foreach (Setting<T> setting in table.GroupBy(static setting => setting.Name.Split(':')[0]).SelectMany(static section => section))
        {
            text.AppendLine($"  --{Section}:{setting.Name,-30} {setting.Default,-14} {setting.Takes}");
        }

        return text.ToString().TrimEnd();
    }

    private static IEnumerable<(string Name, string? Value)> Given(IConfigurationSection section)
    {
        foreach (IConfigurationSection child in section.GetChildren())
        {
            string name = child.Path[(Section.Length + 1)..];
            if (name.Equals(TokensName, StringComparison.OrdinalIgnoreCase) && child.GetChildren().Any())
            {
                IEnumerable<string?> tokens = child.GetChildren().Select(static token => token.Value);
                yield return (name, string.Join(',', child.Value is null ? tokens : tokens.Prepend(child.Value)));
                continue;
            }

            if (child.Value is not null)
            {
                yield return (name, child.Value);
            }

            foreach ((string, string?) inner in Given(child))
            {
                yield return inner;
            }
        }
    }

    private string Suggest(string name)
    {
        string last = name.Split(':')[^1];
        Setting<T>? near = table.FirstOrDefault(setting => setting.Name.EndsWith(last, StringComparison.OrdinalIgnoreCase));
        return near is null ? "--help lists them all." : $"There is {Section}:{near.Name}; --help lists them all.";
    }
}
