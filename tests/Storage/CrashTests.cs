using System.Collections.Immutable;
using System.Diagnostics;

namespace Diststore.Storage.Tests;

/// <summary>A process that writes is killed, again and again; what it was told is persisted is there.</summary>
public sealed class CrashTests
{
    private const int Rounds = 4;
    private const int AnswersPerRound = 60;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task Nothing_answered_is_lost_when_the_process_is_killed()
    {
        using var folder = new TestFolder();
        int seed = Random.Shared.Next();
        var model = new Dictionary<string, Entry>(StringComparer.Ordinal);
        LogPoint start = LogPoint.Zero;
        for (int round = 0; round < Rounds; round++)
        {
            long answered = await WriteAndKillAsync(folder.Options.Path, seed + round, AnswersPerRound + (round * 17));
            await using RocksStore store = folder.Open();
            string which = $"seed {seed}, round {round}";
            Assert.True(store.State.Last.Sequence >= answered, $"{which}: answered {answered}, the log ends at {store.State.Last}");

            // Whatever else came through did so in order and whole.
            foreach (Batch batch in CrashWriter.Batches(start, seed + round).TakeWhile(batch => batch.Last <= store.State.Last))
            {
                foreach (Entry entry in batch.Entries)
                {
                    model[entry.Key] = entry;
                }
            }

            await store.ApplyAsync(store.State.Last);
            ImmutableArray<Entry> held = (await store.ScanAsync(new KeyScan("", null, int.MaxValue, int.MaxValue, true))).Entries;
            Assert.True(model.Values.OrderBy(entry => entry.Key, KeyOrder.Instance).SequenceEqual(held), which);
            Assert.Equal(held.Count(entry => !entry.IsTombstone), store.State.Entries);
            ChangePage changes = await store.ReadChangesAsync(0, int.MaxValue);
            Assert.True(held.OrderBy(entry => entry.Version).SequenceEqual(changes.Entries), which);
            start = store.State.Last;
        }
    }

    private static async Task<long> WriteAndKillAsync(string path, int seed, int answers)
    {
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo("dotnet", [typeof(CrashTests).Assembly.Location, "crash", path, $"{seed}"])
            {
                RedirectStandardOutput = true,
            },
        };
        process.Start();
        long last = 0;
        try
        {
            for (int i = 0; i < answers; i++)
            {
                string? line = await process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
                last = long.Parse(line ?? throw new InvalidOperationException("the writer ended by itself"));
            }
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        // What it still said before it died counts too.
        string rest = await process.StandardOutput.ReadToEndAsync();
        string[] lines = rest[..(rest.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return lines.Length > 0 ? long.Parse(lines[^1]) : last;
    }
}
