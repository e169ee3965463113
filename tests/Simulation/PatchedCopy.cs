using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace Diststore.Simulation;

/// <summary>
/// A copy of Core and of this simulation with all patches of <c>Planted/</c> applied, built once. A patch that does not apply any
/// more, or a copy that does not build, fails whoever asks for it.
/// </summary>
public sealed class PatchedCopy : IAsyncLifetime
{
    private static readonly string[] Copied =
        ["global.json", ".editorconfig", "Directory.Build.props", "Directory.Packages.props", "tests/Directory.Build.targets", "src/Core", "tests/Simulation"];

    private static readonly TimeSpan BuildTime = TimeSpan.FromMinutes(5);

    private static readonly string Root = Path.GetFullPath(Path.Combine(ThisFolder(), "../.."));

    private readonly string _folder = Directory.CreateTempSubdirectory("diststore-planted.").FullName;
    private MethodInfo? _search;

    /// <summary>The patches, one a fault.</summary>
    public static string[] Patches { get; } = [.. Directory.GetFiles(Path.Combine(Root, "tests/Simulation/Planted"), "*.patch").Order(StringComparer.Ordinal)];

    /// <summary>Searches the seeds of the copy, in which that fault is on.</summary>
    internal string? Search(string name, int seeds, TimeSpan atMost) => (string?)_search!.Invoke(null, [name, seeds, atMost]);

    /// <inheritdoc/>
    public async Task InitializeAsync()
    {
        foreach (string path in Copied)
        {
            Copy(path);
        }

        foreach (string patch in Patches)
        {
            await RunAsync("git", ["apply", patch]);
        }

        await RunAsync("dotnet", [
            "build", "tests/Simulation", "-c", "Release", "--nologo", "-v", "quiet", "-nodeReuse:false",
            "-p:RunAnalyzers=false", "-p:TreatWarningsAsErrors=false", "-p:GenerateDocumentationFile=false"]);
        string built = Path.Combine(_folder, "tests/Simulation/bin/Release/net10.0/Diststore.Simulation.dll");
        var context = new CopyContext(built);
        _search = context.LoadFromAssemblyPath(built).GetType(typeof(Planted).FullName!, throwOnError: true)!
            .GetMethod(nameof(Planted.Search), BindingFlags.Public | BindingFlags.Static)!;
    }

    /// <inheritdoc/>
    public Task DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    private static string ThisFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    private void Copy(string path)
    {
        string from = Path.Combine(Root, path);
        string[] files = File.Exists(from) ? [from] : Directory.GetFiles(from, "*", SearchOption.AllDirectories);
        foreach (string file in files)
        {
            string relative = Path.GetRelativePath(Root, file);
            if (!relative.Split(Path.DirectorySeparatorChar).Any(static part => part is "bin" or "obj"))
            {
                string to = Path.Combine(_folder, relative);
                Directory.CreateDirectory(Path.GetDirectoryName(to)!);
                File.Copy(file, to);
            }
        }
    }

    private async Task RunAsync(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // A git that this very test may run under has its own idea of the folder; so has a build of how to build.
        foreach (string name in start.Environment.Keys.Where(static name => name.StartsWith("GIT_", StringComparison.Ordinal)
            || name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray())
        {
            start.Environment.Remove(name);
        }

        using Process process = Process.Start(start)!;
        using var time = new CancellationTokenSource(BuildTime);
        Task<string> output = process.StandardOutput.ReadToEndAsync(time.Token), errors = process.StandardError.ReadToEndAsync(time.Token);
        try
        {
            await process.WaitForExitAsync(time.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}\n{await output}\n{await errors}");
    }

    // What the copy needs beside itself is the same as here.
    private sealed class CopyContext(string path) : AssemblyLoadContext("the copy with planted faults")
    {
        private readonly AssemblyDependencyResolver _resolver = new(path);

        protected override Assembly? Load(AssemblyName assemblyName) =>
            assemblyName.Name == "Diststore.Simulation" && _resolver.ResolveAssemblyToPath(assemblyName) is { } own ? LoadFromAssemblyPath(own) : null;
    }
}
