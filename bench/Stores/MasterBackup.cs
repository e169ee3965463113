using System.Collections.Immutable;
using Diststore.Core;
using Diststore.Load;
using Diststore.Storage;

namespace Diststore.Stores;

/// <summary>A backup as a master of many entries would give it.</summary>
internal static class MasterBackup
{
    private const int BatchEntries = 1000;

    /// <summary>Writes batch after batch as a primary does, then asks for the backup.</summary>
    public static async Task<int> MakeAsync(Arguments arguments)
    {
        int count = arguments.Number("count", 1_000_000), bytes = arguments.Number("bytes", 100);
        var options = new RocksStoreOptions { Path = arguments.One("folder"), ClusterId = arguments.One("cluster"), TimeProvider = TimeProvider.System };
        await using RocksStore store = RocksStore.Open(options);
        await store.AdoptAsync(new MasterView(1, Guid.NewGuid(), new MasterId("bench", store.Id, Guid.NewGuid(), true), null, false), asPrimary: true);
        for (int done = 0; done < count; done += BatchEntries)
        {
            Batch batch = Next(store.State.Last, done, Math.Min(count, done + BatchEntries), bytes);
            await store.AppendAsync(1, batch);
            await store.ApplyAsync(batch.Last);
        }

        await using FileStream file = File.Create(arguments.One("to"));
        BackupInfo info = await store.BackupAsync(file);
        return info.Entries == count ? 0 : throw new InvalidDataException($"the backup has {info.Entries} entries, not {count}");
    }

    private static Batch Next(LogPoint last, int from, int to, int bytes)
    {
        ImmutableArray<Entry>.Builder entries = ImmutableArray.CreateBuilder<Entry>(to - from);
        for (int number = from; number < to; number++)
        {
            byte[] value = new byte[bytes];
            NumberedEntry.WriteValue((ulong)number, value);
            entries.Add(new Entry(NumberedEntry.Key((ulong)number), value, null, new LogPoint(1, last.Sequence + 1 + number - from)));
        }

        return new Batch(last, entries.MoveToImmutable(), DateTimeOffset.UtcNow);
    }
}
