using System.Globalization;

namespace Diststore.Testing;

/// <summary>How much a test does: what the suite has time for, or more where an environment variable asks for it.</summary>
internal static class LongRun
{
    /// <summary>The number that the variable holds; without one, <paramref name="usual"/>.</summary>
    public static int Number(string variable, int usual) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture) : usual;

    /// <summary>How many inputs a property is tried with: <c>DISTSTORE_INPUTS</c>.</summary>
    public static int Inputs(int usual) => Number("DISTSTORE_INPUTS", usual);
}
