using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Diststore.Core.Tests;

/// <summary>The tidy test: the rules of the house that a compiler does not check. Each failure names file and line.</summary>
public sealed partial class HouseRulesTests
{
    private const int MaxLinesPerFile = 400;
    private const int MaxColumns = 160;

    // Who may reference whom, by the name of the folder under src. A new project needs a row here.
    private static readonly Dictionary<string, string[]> Arrows = new(StringComparer.Ordinal)
    {
        ["Core"] = [],
        ["Storage"] = ["Core"],
        ["Contracts"] = ["Core"],
        ["Http"] = ["Core"],
        ["PostgreSql"] = [],
        ["Logging"] = [],
        ["Client"] = [],
        ["Settings"] = ["Http"],
        ["Grains"] = ["Core", "Contracts"],
        ["Gateway"] = ["Core", "Contracts", "Http", "Logging", "PostgreSql", "Settings"],
        ["Silo"] = ["Core", "Storage", "Contracts", "Http", "Grains", "Logging", "PostgreSql", "Settings"],
    };

    // Attributes and generated code for serialization, logging's interface, and analyzers; nothing that does I/O.
    private static readonly string[] CorePackages =
    [
        "Microsoft.Orleans.Serialization", "Microsoft.Orleans.CodeGenerator",
        "Microsoft.Extensions.Logging.Abstractions", "Microsoft.CodeAnalysis.BannedApiAnalyzers",
    ];

    private static readonly string[] NotInCore =
    [
        "Orleans.Runtime", "Orleans.Core", "Microsoft.AspNetCore", "System.Net.Sockets", "System.Net.Http", "RocksDb",
    ];

    private static readonly string Root = FindRoot();

    [Fact]
    public void Arrows_point_inward()
    {
        var problems = new List<string>();
        foreach (string project in Projects())
        {
            string name = Path.GetFileName(Path.GetDirectoryName(project))!;
            if (!Arrows.TryGetValue(name, out string[]? allowed))
            {
                problems.Add($"{name}: say in {nameof(Arrows)} what it may reference");
                continue;
            }

            problems.AddRange(Includes(project, "ProjectReference")
                .Select(path => Path.GetFileName(Path.GetDirectoryName(path.Replace('\\', '/')))!)
                .Except(allowed)
                .Select(other => $"{name} -> {other}"));
        }

        None(problems);
    }

    [Fact]
    public void Core_references_only_the_packages_that_it_is_allowed()
    {
        string core = Projects().Single(path => path.EndsWith("Diststore.Core.csproj", StringComparison.Ordinal));

        Assert.Empty(Includes(core, "PackageReference").Except(CorePackages));
        Assert.Empty(Includes(core, "FrameworkReference"));
        Assert.Empty(Includes(core, "Reference"));
    }

    [Fact]
    public void Core_knows_no_runtime_no_web_server_no_sockets_and_no_engine()
    {
        string[] references = [.. typeof(Entry).Assembly.GetReferencedAssemblies().Select(assembly => assembly.Name!)];

        Assert.Contains("Orleans.Serialization.Abstractions", references);
        Assert.DoesNotContain(references, name => NotInCore.Any(banned => name.StartsWith(banned, StringComparison.OrdinalIgnoreCase)));
    }

    [Fact]
    public void Files_and_lines_are_short()
    {
        IEnumerable<string> tall = Sources("src", "tests")
            .Select(path => (path, Lines: File.ReadLines(path).Count()))
            .Where(file => file.Lines > MaxLinesPerFile)
            .Select(file => $"{Short(file.path)}: {file.Lines} lines");
        IEnumerable<string> wide = Find(line => line.Length > MaxColumns, "src", "tests");

        None(tall.Concat(wide));
    }

    [Fact]
    public void Nothing_is_left_for_later() => None(Find(line => LeftForLater().IsMatch(line), "src", "tests"));

    [Fact]
    public void Tests_do_not_sleep() => None(Find(IsSleep, "tests"));

    [Theory]
    [InlineData("await Task." + "Delay(100);", true)]
    [InlineData("await Task." + "Delay(TimeSpan.FromSeconds(1), cancellation);", true)]
    [InlineData("Thread." + "Sleep(1);", true)]
    [InlineData("await Task." + "Delay(100); // polls: the process has no other way to tell", false)]
    [InlineData("await Task." + "Delay(TimeSpan.FromSeconds(1), time);", false)]
    [InlineData("await Task." + "Delay(TimeSpan.FromSeconds(1), node.TimeProvider, cancellation);", false)]
    public void A_sleep_is_known_when_seen(string line, bool expected)
    {
        ArgumentNullException.ThrowIfNull(line);
        Assert.Equal(expected, IsSleep(line));
    }

    [Fact]
    public void Public_types_are_not_left_open_for_inheritance()
    {
        // By text, so that it holds for projects that are not referenced here; records and classes inside others too.
        None(Find(line => PublicType().Match(line) is { Success: true } type && !Closed().IsMatch(type.Groups["modifiers"].Value), "src"));
        None(typeof(Entry).Assembly.GetExportedTypes()
            .Where(type => type is { IsClass: true, IsSealed: false, IsAbstract: false } && !type.IsDefined(typeof(CompilerGeneratedAttribute)))
            .Where(type => type.Namespace?.StartsWith("Diststore", StringComparison.Ordinal) is true)
            .Select(type => type.FullName!));
    }

    [Theory]
    [InlineData("public class A", true)]
    [InlineData("    public partial record A(int B);", true)]
    [InlineData("public sealed class A", false)]
    [InlineData("public static partial class A", false)]
    [InlineData("public abstract record A;", false)]
    [InlineData("public readonly record struct A(int B);", false)]
    [InlineData("internal class A", false)]
    public void An_open_type_is_known_when_seen(string line, bool expected)
    {
        Match type = PublicType().Match(line);
        Assert.Equal(expected, type.Success && !Closed().IsMatch(type.Groups["modifiers"].Value));
    }

    // Says all of them at once, whole: the runner cuts collections short.
    private static void None(IEnumerable<string> problems)
    {
        string all = string.Join('\n', problems);
        Assert.True(all.Length == 0, all);
    }

    // Given a clock, a wait ends when a test says so; the name of what is given has to show it.
    private static bool IsSleep(string line) =>
        Sleep().IsMatch(line) && !line.Contains("// polls:", StringComparison.Ordinal) && !DelayWithClock().IsMatch(line);

    private static string[] Find(Func<string, bool> isWrong, params string[] folders) =>
        [.. Sources(folders).SelectMany(path => File.ReadLines(path)
            .Select((line, i) => (line, i))
            .Where(at => isWrong(at.line))
            .Select(at => $"{Short(path)}:{at.i + 1}: {at.line.Trim()}"))];

    private static IEnumerable<string> Sources(params string[] folders) => Files("*.cs", folders);

    private static IEnumerable<string> Projects() => Files("*.csproj", "src");

    private static IEnumerable<string> Files(string pattern, params string[] folders) =>
        folders.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories))
            .Where(path => !Short(path).Split('/').Any(part => part is "bin" or "obj"))
            .Order(StringComparer.Ordinal);

    private static string Short(string path) => Path.GetRelativePath(Root, path).Replace('\\', '/');

    private static IEnumerable<string> Includes(string project, string element) =>
        XDocument.Load(project).Descendants(element).Select(reference => (string)reference.Attribute("Include")!);

    private static string FindRoot([CallerFilePath] string thisFile = "")
    {
        // Deterministic builds on a build server map source paths away; then the output's own folder shows the way.
        string? start = File.Exists(thisFile) ? Path.GetDirectoryName(thisFile) : Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location);
        for (string? folder = start; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Diststore.Orleans.sln")))
            {
                return folder;
            }
        }

        throw new InvalidOperationException($"no solution above {start}");
    }

    // In pieces, or this file would break its own rule.
    [GeneratedRegex(@"\b(TO" + "DO|FIX" + @"ME|HA" + @"CK)\b")]
    private static partial Regex LeftForLater();

    [GeneratedRegex(@"\b(Task\.Delay|Thread\.Sleep)\(")]
    private static partial Regex Sleep();

    [GeneratedRegex(@"Task\.Delay\(.*,\s*[\w.]*(time|clock|provider)\w*\s*[,)]", RegexOptions.IgnoreCase)]
    private static partial Regex DelayWithClock();

    [GeneratedRegex(@"^\s*public\s+(?<modifiers>(\w+\s+)*)(class|record)\s+(?!struct\b)\w")]
    private static partial Regex PublicType();

    [GeneratedRegex(@"\b(sealed|static|abstract)\b")]
    private static partial Regex Closed();
}
