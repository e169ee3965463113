using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Diststore.Load;

/// <summary>The command line: <c>--name value</c>, a name may come more than once.</summary>
internal sealed class Arguments
{
    private readonly ILookup<string, string> _values;

    private Arguments(ILookup<string, string> values) => _values = values;

    /// <summary>Takes pairs only.</summary>
    public static bool TryParse(string[] args, [NotNullWhen(true)] out Arguments? arguments)
    {
        string[][] pairs = [.. args.Chunk(2)];
        bool good = pairs.All(static pair => pair.Length == 2 && pair[0].StartsWith("--", StringComparison.Ordinal));
        arguments = good ? new Arguments(pairs.ToLookup(static pair => pair[0][2..], static pair => pair[1])) : null;
        return good;
    }

    /// <summary>All values of that name.</summary>
    public string[] All(string name) => [.. _values[name]];

    /// <summary>The one value of that name.</summary>
    public string One(string name) => _values[name].LastOrDefault() ?? throw new ArgumentException($"--{name} is missing");

    /// <summary>The one number of that name, or the default.</summary>
    public int Number(string name, int otherwise) =>
        _values[name].LastOrDefault() is not { } text ? otherwise
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
        : throw new ArgumentException($"--{name} takes a number, not {text}");
}
