using System.Reflection;

namespace Diststore.SystemTests;

/// <summary>Where the programs under test and the tools they need are.</summary>
internal static class Programs
{
    /// <summary>The command that starts a node, without its arguments.</summary>
    public static IReadOnlyList<string> Silo { get; } = ["dotnet", Built("Silo", "Diststore.Silo")];

    /// <summary>The command that starts the stand-alone gateway, without its arguments.</summary>
    public static IReadOnlyList<string> Gateway { get; } = ["dotnet", Built("Gateway", "Diststore.Gateway")];

    /// <summary>The full path of a program of this machine, or <see langword="null"/>.</summary>
    public static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Concat(["/usr/sbin", "/sbin"])
        .Select(directory => Path.Combine(directory, program))
        .FirstOrDefault(File.Exists);

    // Not through the reference's output: the programs run from their own folders, as a user runs them.
    private static string Built(string project, string assembly)
    {
        string configuration = typeof(Programs).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(static metadata => metadata.Key == "Configuration").Value!;
        return Path.Combine(Root(), "src", project, "bin", configuration, "net10.0", assembly + ".dll");
    }

    private static string Root()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "Diststore.Orleans.sln")))
        {
            directory = Path.GetDirectoryName(directory);
        }

        return directory ?? throw new InvalidOperationException("the tests run from a folder outside the repository");
    }
}
