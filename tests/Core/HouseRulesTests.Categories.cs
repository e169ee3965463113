using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Diststore.Core.Tests;

/// <content>What kind each test is, so that a plain <c>dotnet test</c> stays short and <c>.ci/run</c> runs everything.</content>
public sealed partial class HouseRulesTests
{
    private static readonly string[] Categories = ["unit", "simulation", "processes"];

    [Fact]
    public void Each_test_project_says_what_kind_its_tests_are()
    {
        var problems = new List<string>();
        string[] projects = [.. Files("*.csproj", "tests")];
        foreach (string project in projects)
        {
            string?[] kinds = [.. XDocument.Load(project).Descendants("TestCategory").Select(element => element.Value)];
            if (kinds is not [{ } kind] || !Categories.Contains(kind))
            {
                problems.Add($"{Short(project)}: one TestCategory of {string.Join(", ", Categories)}");
            }
        }

        Assert.NotEmpty(projects);
        None(problems);
    }

    [Fact]
    public void The_kind_of_a_project_is_on_its_tests()
    {
        CustomAttributeData trait = Assert.Single(
            Assembly.GetExecutingAssembly().GetCustomAttributesData(), static data => data.AttributeType == typeof(AssemblyTraitAttribute));
        Assert.Equal(["Category", "unit"], trait.ConstructorArguments.Select(static argument => argument.Value));
    }

    [Fact]
    public void Where_tests_may_be_skipped_the_output_says_why()
    {
        // Of a test that was skipped the console says why from verbosity normal on: Directory.Build.targets.
        None(Files("*.csproj", "tests")
            .Where(project => Includes(project, "PackageReference").Contains("Xunit.SkippableFact"))
            .Where(project => !XDocument.Load(project).Descendants().Any(
                element => element is { Name.LocalName: "TestCategory", Value: not "unit" } or { Name.LocalName: "VSTestVerbosity", Value: "normal" }))
            .Select(project => $"{Short(project)}: VSTestVerbosity normal"));
    }

    // A trait that is spelled differently would be filtered by nobody.
    [Fact]
    public void The_only_other_trait_is_that_a_test_is_long() => None(Find(IsOddTrait, "tests"));

    [Theory]
    [InlineData("[Fact, Trai" + "t(\"Category\", \"long\")]", false)]
    [InlineData("[Trai" + "t(\"Category\", \"long\")]", false)]
    [InlineData("[Trai" + "t(\"Category\", \"Long\")]", true)]
    [InlineData("[Fact, Trai" + "t(\"category\", \"long\")]", true)]
    [InlineData("[Trai" + "t(Slow)]", true)]
    [InlineData("[TraitDiscoverer(\"a\", \"b\")]", false)]
    public void An_odd_trait_is_known_when_seen(string line, bool expected)
    {
        ArgumentNullException.ThrowIfNull(line);
        Assert.Equal(expected, IsOddTrait(line));
    }

    private static bool IsOddTrait(string line) => AnyTrait().Count(line) != LongTrait().Count(line);

    [GeneratedRegex(@"\[(.*,\s*)?Trait\(")]
    private static partial Regex AnyTrait();

    [GeneratedRegex(@"\[(.*,\s*)?Trait\(""Category"", ""long""\)")]
    private static partial Regex LongTrait();
}
