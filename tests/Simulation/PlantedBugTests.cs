using System.Globalization;
using Xunit.Abstractions;

namespace Diststore.Simulation;

/// <summary>
/// Proof that the simulation can fail: each rule of the protocol is broken once, in a copy of the source that the patches of
/// <c>Planted/</c> are applied to, and some seed of the first eight thousand has to notice within eight minutes.
/// <c>DISTSTORE_BUG_SEEDS=N</c> tries more or fewer of them.
/// </summary>
public sealed class PlantedBugTests(PatchedCopy copy, ITestOutputHelper output) : IClassFixture<PatchedCopy>
{
    private static readonly TimeSpan AtMost = TimeSpan.FromMinutes(8);

    public static TheoryData<string> Bugs => [.. PatchedCopy.Patches.Select(static patch => Path.GetFileNameWithoutExtension(patch))];

    [Theory, Trait("Category", "long")]
    [MemberData(nameof(Bugs))]
    public void Some_seed_finds(string name)
    {
        int seeds = int.Parse(Environment.GetEnvironmentVariable("DISTSTORE_BUG_SEEDS") ?? "8000", CultureInfo.InvariantCulture);
        string? found = copy.Search(name, seeds, AtMost);
        Assert.True(found is not null, $"{seeds} seeds, or as many as eight minutes allow, do not find {name}");
        output.WriteLine(found);
    }
}
