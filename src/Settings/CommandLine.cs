namespace Diststore.Settings;

/// <summary>What stands on the command line: verbs of the program (<c>--nodes 3</c>), and settings with their section.</summary>
public sealed class CommandLine
{
    /// <summary>The section of all settings but those of logging.</summary>
    public const string Section = "Diststore";

    private const string LoggingSection = "Logging";

    private readonly Dictionary<string, string?> _given = new(StringComparer.OrdinalIgnoreCase);

    private CommandLine()
    {
    }

    /// <summary>All that was given, by name without dashes.</summary>
    public IReadOnlyDictionary<string, string?> Given => _given;

    /// <summary>Whether somebody asks what there is.</summary>
    public static bool AsksForHelp(IReadOnlyCollection<string> arguments) => arguments.Contains("--help") || arguments.Contains("-h");

    /// <summary>Takes the arguments apart; one that means nothing ends in a <see cref="StartException"/>.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <param name="verbs">What the program takes besides settings, as <c>name WORD</c>.</param>
    /// <param name="known">The names of the settings, without their section.</param>
    public static CommandLine Parse(IReadOnlyList<string> arguments, IReadOnlyList<string> verbs, IReadOnlyCollection<string> known)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        ArgumentNullException.ThrowIfNull(verbs);
        ArgumentNullException.ThrowIfNull(known);
        var line = new CommandLine();
        for (int i = 0; i < arguments.Count; i++)
        {
            string argument = arguments[i];
            string dashed = argument.Split('=', 2)[0];
            string name = dashed.StartsWith("--", StringComparison.Ordinal) ? dashed[2..] : "";
            string section = name.Split(':')[0];
            bool isSetting = name.Length > section.Length && (Same(section, Section) || Same(section, LoggingSection));
            if (!isSetting && !verbs.Any(verb => Same(verb.Split(' ')[0], name)))
            {
                string? meant = known.FirstOrDefault(setting => Same(setting, name) || Same(setting, name[Math.Min(name.Length, section.Length + 1)..]));
                string there = string.Concat(verbs.Select(static verb => $"--{verb}, "));
                throw new StartException(meant is null
                    ? $"The argument '{dashed}' is not understood; there are {there}--{Section}:NAME=VALUE and --help."
                    : $"The argument '{dashed}' is not understood; --{Section}:{meant} is.");
            }

            if (dashed.Length == argument.Length && i + 1 == arguments.Count)
            {
                throw new StartException($"The argument '{dashed}' needs a value.");
            }

            line._given[name] = dashed.Length < argument.Length ? argument[(dashed.Length + 1)..] : arguments[++i];
        }

        return line;
    }

    private static bool Same(string one, string other) => one.Equals(other, StringComparison.OrdinalIgnoreCase);
}
