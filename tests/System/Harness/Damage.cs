namespace Diststore.SystemTests;

/// <summary>Values that fill tables on disk, and bytes that are flipped in them.</summary>
internal static class Damage
{
    private const int Keys = 250;
    private const int AtOnce = 8;
    private const long LargeTable = 4 << 20; // bytes

    /// <summary>The setting that keeps little of it in memory, so that reads meet the disk.</summary>
    public const string SmallCache = "Data:CacheBytes=1MiB";

    /// <summary>The keys that <see cref="FillAsync"/> stores.</summary>
    public static string[] LargeKeys { get; } = [.. Enumerable.Range(0, Keys).Select(static number => $"large-{number:000}")];

    /// <summary>What belongs to a key; nothing that compresses.</summary>
    public static string ValueOf(string key)
    {
        byte[] bytes = new byte[150_000];
        new Random(key.Sum(static c => c) + key.Length).NextBytes(bytes);
        return key + Convert.ToBase64String(bytes);
    }

    /// <summary>Stores all keys; more than fits in memory, so most of it is in tables.</summary>
    public static Task FillAsync(HttpFace http, Func<string> explain) => Parallel.ForEachAsync(
        LargeKeys,
        new ParallelOptions { MaxDegreeOfParallelism = AtOnce },
        async (key, _) => await http.PutUntilDoneAsync(key, ValueOf(key), explain));

    /// <summary>Flips a bit in every so many bytes of all tables in a node's folder, as it runs.</summary>
    public static void FlipBytes(string data)
    {
        string[] tables = [.. Directory.EnumerateFiles(data, "*.sst").Where(static file => new FileInfo(file).Length > LargeTable)];
        Assert.NotEmpty(tables);
        foreach (string table in tables)
        {
            using FileStream file = File.Open(table, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            for (long at = 100_000; at < file.Length - 1_000_000; at += 1_000_000)
            {
                file.Position = at;
                int there = file.ReadByte();
                file.Position = at;
                file.WriteByte((byte)(there ^ 0x10));
            }
        }
    }

    /// <summary>Asks for every key until it is answered; a wrong value, and "not found", are never an answer.</summary>
    public static async Task HoldsEverythingAsync(HttpFace http, Func<string> explain)
    {
        foreach (string key in LargeKeys)
        {
            await Eventually.TrueAsync(
                async () =>
                {
                    Answer answer = await http.FetchAsync($"/v1/kv/{key}");
                    Assert.True(answer.Status is 200 or 503, $"{key} at {http.Url}: {answer}\n{explain()}");
                    Assert.True(answer.Status == 503 || answer.Text == ValueOf(key), $"{key} at {http.Url} has another value\n{explain()}");
                    return answer.Status == 200 ? null : $"{key} at {http.Url}: {answer}";
                },
                Eventually.Patience,
                explain);
        }
    }
}
