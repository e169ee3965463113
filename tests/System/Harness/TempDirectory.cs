namespace Diststore.SystemTests;

/// <summary>A folder of a test's own; kept when the environment variable <c>DISTSTORE_KEEP_LOGS</c> is set.</summary>
internal sealed class TempDirectory : IDisposable
{
    /// <summary>The full path.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("diststore-").FullName;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("DISTSTORE_KEEP_LOGS")))
        {
            Directory.Delete(Path, recursive: true);
        }
    }
}
