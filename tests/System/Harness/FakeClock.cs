namespace Diststore.SystemTests;

/// <summary>A wall clock that is off, for one program alone: its monotonic clock goes right, and so does this machine's.</summary>
internal static class FakeClock
{
    private static readonly string? Library = new[] { "/usr/lib", "/usr/lib64" }.Where(Directory.Exists)
        .SelectMany(static folder => Directory.EnumerateDirectories(folder).Append(folder))
        .Select(static folder => Path.Combine(folder, "faketime", "libfaketime.so.1"))
        .FirstOrDefault(File.Exists);

    /// <summary>Why a test that needs one cannot run here, or <see langword="null"/>.</summary>
    public static string? Missing { get; } = Library is null ? "libfaketime is not installed (Debian: apt-get install faketime)" : null;

    /// <summary>What a command begins with that is to see another hour.</summary>
    public static IReadOnlyList<string> OffByHours(int hours) =>
        ["env", $"LD_PRELOAD={Library}", $"FAKETIME={hours:+0;-0}h", "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"];
}
