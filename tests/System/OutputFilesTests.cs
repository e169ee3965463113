namespace Diststore.SystemTests;

/// <summary>What lies beside the programs: only what runs.</summary>
public sealed class OutputFilesTests
{
    [Theory]
    [InlineData("Silo")]
    [InlineData("Gateway")]
    public void No_compiler_and_no_other_system_s_libraries(string program)
    {
        string folder = Path.GetDirectoryName((program == "Silo" ? Programs.Silo : Programs.Gateway)[^1])!;
        string[] files = [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder, path))];

        Assert.Contains(files, static file => Path.GetFileName(file) == "Diststore.Core.dll");
        Assert.DoesNotContain(files, static file => Path.GetFileName(file) is var name
            && (name.StartsWith("Microsoft.CodeAnalysis", StringComparison.Ordinal)
                || name.StartsWith("Humanizer", StringComparison.Ordinal)
                || name.StartsWith("System.Composition", StringComparison.Ordinal)));
        Assert.Equal(program == "Silo" ? 1 : 0, files.Count(static file => Path.GetFileName(file).Contains("librocksdb", StringComparison.Ordinal)));
    }
}
