using System.Text;

namespace Diststore.Load;

/// <summary>The files that serve as input.</summary>
internal static class SourceFiles
{
    private const int MaxKeyBytes = 1024;

    /// <summary>
    /// The paths of all regular files below the roots that fit, in the order of their UTF-8 bytes. With a limit: those with
    /// odd names first, and of the others so many, evenly spread.
    /// </summary>
    public static string[] Find(IEnumerable<string> roots, int maxBytes, int limit)
    {
        var everywhere = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            IgnoreInaccessible = true,
            AttributesToSkip = FileAttributes.ReparsePoint | FileAttributes.Device,
        };
        string[] all =
        [
            .. roots.SelectMany(root => new DirectoryInfo(root).EnumerateFiles("*", everywhere))
                .Where(file => file.Length <= maxBytes && IsRegular(file))
                .Select(static file => file.FullName)
                .Where(static path => !path.Contains('\uFFFD') && Encoding.UTF8.GetByteCount(path) <= MaxKeyBytes)
                .Distinct(),
        ];
        if (all.Length > limit)
        {
            string[] odd = [.. all.Where(HasOddName).Take(limit)];
            string[] plain = [.. all.Where(static path => !HasOddName(path)).Order(Utf8Order.Instance)];
            int wanted = limit - odd.Length;
            all = [.. odd, .. Enumerable.Range(0, wanted).Select(number => plain[(int)((long)number * plain.Length / wanted)])];
        }

        Array.Sort(all, Utf8Order.Instance);
        return all;
    }

    private static bool IsRegular(FileInfo file)
    {
        try
        {
            using FileStream opened = file.OpenRead();
            return file.LinkTarget is null && opened.CanSeek;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            return false;
        }
    }

    private static bool HasOddName(string path) =>
        path.Any(static unit => !(char.IsAsciiLetterOrDigit(unit) || "/._-+".Contains(unit, StringComparison.Ordinal)));
}

/// <summary>The order that listings have: that of the keys' UTF-8 bytes.</summary>
internal sealed class Utf8Order : IComparer<string>
{
    /// <summary>The one instance.</summary>
    public static Utf8Order Instance { get; } = new();

    // Written anew rather than taken from the store, so that a mistake there cannot hide here.
    /// <inheritdoc/>
    public int Compare(string? x, string? y) => Encoding.UTF8.GetBytes(x!).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y!));
}
